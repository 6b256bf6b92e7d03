module ponos-driver

go 1.24

require github.com/ponos-dev/ponos-go v0.1.0
