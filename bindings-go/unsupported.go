//go:build !cgo || !linux || !amd64

package ponos

// The one error of a build that cannot work says why.
const _ int = "ponos needs cgo (CGO_ENABLED=1 and a C compiler), and this version has libraries for linux/amd64 only"
