module github.com/ponos-dev/ponos-go

go 1.24
