//go:build race

package ponos

// raced says that the race detector runs, which keeps memory of its own for every address that was touched.
const raced = true
