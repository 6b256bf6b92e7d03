package measure

import (
	"fmt"
	"strconv"
	"strings"
)

// PayloadBytes is how long values and payloads are.
const PayloadBytes = 100

var padding = strings.Repeat("v", PayloadBytes)

// Payload is PayloadBytes bytes that no other number has.
func Payload(number int) []byte {
	payload := make([]byte, 0, PayloadBytes)
	payload = strconv.AppendInt(payload, int64(number), 10)
	return append(payload, padding[len(payload):]...)
}

// Number is what Payload was made of.
func Number(payload []byte) (int, error) {
	number, digits := 0, 0
	for digits < len(payload) && payload[digits] >= '0' && payload[digits] <= '9' {
		number = number*10 + int(payload[digits]-'0')
		digits++
	}
	if digits == 0 || len(payload) != PayloadBytes {
		return 0, fmt.Errorf("%q is not a payload of ours", payload)
	}
	return number, nil
}
