//go:build cgo

package ponos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Codec makes bytes of values and values of bytes. Its name is kept with the map, so that two languages cannot
// disagree about what the bytes mean; "json" and "str" mean the same in every language.
type Codec[T any] interface {
	Name() string
	Encode(T) ([]byte, error)
	Decode([]byte) (T, error)
}

// JSON is the codec "json": UTF-8 without spaces or needless escapes, as the other languages write it. NaN and infinities
// are refused. Into an any, numbers decode as float64.
func JSON[T any]() Codec[T] { return jsonCodec[T]{} }

type jsonCodec[T any] struct{}

func (jsonCodec[T]) Name() string { return "json" }

func (jsonCodec[T]) Encode(value T) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return separators(bytes.TrimSuffix(out.Bytes(), []byte("\n"))), nil
}

// separators undoes the escapes of U+2028 and U+2029, which Go insists on and no other language writes.
func separators(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u202`)) {
		return text
	}
	out := text[:0]
	for len(text) > 0 {
		next, with := 1, text[:1]
		switch {
		case bytes.HasPrefix(text, []byte(`\u2028`)):
			next, with = 6, []byte("\u2028")
		case bytes.HasPrefix(text, []byte(`\u2029`)):
			next, with = 6, []byte("\u2029")
		case text[0] == '\\':
			next, with = 2, text[:2]
		}
		out, text = append(out, with...), text[next:]
	}
	return out
}

func (jsonCodec[T]) Decode(data []byte) (value T, err error) {
	err = json.Unmarshal(data, &value)
	return value, err
}

// Text is the codec "str": UTF-8.
func Text() Codec[string] { return textCodec{} }

type textCodec struct{}

func (textCodec) Name() string { return "str" }

func (textCodec) Encode(value string) ([]byte, error) {
	if !utf8.ValidString(value) {
		return nil, fmt.Errorf("%q is not UTF-8", value)
	}
	return []byte(value), nil
}

func (textCodec) Decode(data []byte) (string, error) {
	if !utf8.Valid(data) {
		return "", fmt.Errorf("%q is not UTF-8", data)
	}
	return string(data), nil
}
