//go:build cgo

package ponos

// #cgo LDFLAGS: ${SRCDIR}/lib/linux_amd64/libponos.a -static-libgcc -lm -ldl -lpthread
import "C"

import _ "github.com/ponos-dev/ponos-go/lib/linux_amd64"
