//go:build cgo

package ponos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Codec makes bytes of values and values of bytes. Its name is kept with the map or stream, so that two languages cannot
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
	text := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if bytes.Contains(text, []byte(`\u202`)) {
		text = []byte(separators.Replace(string(text)))
	}
	return text, nil
}

// separators undoes the escapes of U+2028 and U+2029, which Go insists on and no other language writes.
var separators = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")

func (jsonCodec[T]) Decode(data []byte) (value T, err error) {
	err = json.Unmarshal(data, &value)
	return value, err
}

// Text is the codec "str": UTF-8.
func Text() Codec[string] { return textCodec{} }

type textCodec struct{}

func (textCodec) Name() string { return "str" }

func (textCodec) Encode(value string) ([]byte, error) { return []byte(value), valid(value) }

func (textCodec) Decode(data []byte) (string, error) { return string(data), valid(string(data)) }

func valid(text string) error {
	if utf8.ValidString(text) {
		return nil
	}
	return fmt.Errorf("%q is not UTF-8", text)
}

// bytesCodec leaves bytes as they are, under some name.
type bytesCodec string

func (c bytesCodec) Name() string                      { return string(c) }
func (bytesCodec) Encode(bytes []byte) ([]byte, error) { return bytes, nil }
func (bytesCodec) Decode(bytes []byte) ([]byte, error) { return bytes, nil }

// coder is the codec of a typed map or stream, and what its errors tell of.
type coder[T any] struct {
	codec                    Codec[T]
	object, decoder, encoder string
}

// Decode decodes bytes as a value of this map or stream: those of [Written].Previous, say.
//
// Errors: [ErrInvalid], with the codec's error inside.
func (c coder[T]) Decode(data []byte) (T, error) {
	value, err := c.codec.Decode(data)
	return value, c.fault(c.decoder, "read", err)
}

// Encode encodes a value as this map or stream has it, for [IfValue] and [Map.Txn], say.
//
// Errors: [ErrInvalid], with the codec's error inside.
func (c coder[T]) Encode(value T) ([]byte, error) {
	encoded, err := c.codec.Encode(value)
	return encoded, c.fault(c.encoder, "write", err)
}

// of is the same codec for another operation, which its errors name.
func (c coder[T]) of(operation string) coder[T] {
	c.decoder, c.encoder = operation, operation
	return c
}

func (c coder[T]) fault(operation, verb string, cause error) error {
	if cause == nil {
		return nil
	}
	message := "the codec " + c.codec.Name() + " cannot " + verb + " the value: " + cause.Error()
	return &Error{ErrInvalid, operation, c.object, message, false, cause}
}
