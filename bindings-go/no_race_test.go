//go:build !race

package ponos

// raced says whether the race detector runs.
const raced = false
