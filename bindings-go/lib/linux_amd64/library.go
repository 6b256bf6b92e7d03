// Package linux_amd64 is here for its libponos.a: `go mod vendor` leaves out folders without Go files.
package linux_amd64
