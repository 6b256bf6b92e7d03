//go:build cgo

package ponos

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// ErrorKind says what went wrong, by what a caller should do about it. Each kind is an error that
// [errors.Is] finds in an [*Error] of that kind.
type ErrorKind string

const (
	// ErrInvalid: the call itself is wrong: a bad name, size, option, URL, or a value of another type. Mend the call.
	ErrInvalid ErrorKind = "invalid"
	// ErrNotFound: what was asked for does not exist.
	ErrNotFound ErrorKind = "not_found"
	// ErrConflict: a condition of the write did not hold; nothing changed. Read again and decide anew.
	ErrConflict ErrorKind = "conflict"
	// ErrClosed: the handle or client is closed. Open a new one.
	ErrClosed ErrorKind = "closed"
	// ErrTimeout: the deadline passed. If MaybeApplied, read before repeating a write that is not idempotent.
	ErrTimeout ErrorKind = "timeout"
	// ErrUnavailable: the engine cannot be reached now, or was lost during the call. Local reads go on; try again later.
	// If MaybeApplied, read before repeating a write that is not idempotent.
	ErrUnavailable ErrorKind = "unavailable"
	// ErrQuorum: too few peers answered.
	ErrQuorum ErrorKind = "quorum"
	// ErrLimited: a limit was reached. Wait, or ask for less.
	ErrLimited ErrorKind = "limited"
	// ErrFenced: another owner has taken over; stop the work this call was for.
	ErrFenced ErrorKind = "fenced"
	// ErrInternal: a fault of Ponos or of the engine. Please report it.
	ErrInternal ErrorKind = "internal"
	// ErrCanceled: the caller's context was canceled. Only Go has this kind.
	ErrCanceled ErrorKind = "canceled"
)

// Error is the kind's name.
func (k ErrorKind) Error() string { return "ponos: " + string(k) }

// Error is what every method of this package fails with; [errors.As] finds it.
type Error struct {
	// Kind says what to do about it.
	Kind ErrorKind
	// Operation is the one that failed, such as "map.set".
	Operation string
	// Object is the name of the map or other object it failed on.
	Object string
	// Message says what happened, without operation and object.
	Message string
	// MaybeApplied is whether the write may have taken effect in spite of the error; false: it surely did not.
	MaybeApplied bool

	cause error
}

// Error is the operation, the object and the message in one line.
func (e *Error) Error() string {
	text := e.Operation
	if e.Object != "" {
		text += " " + strconv.Quote(e.Object)
	}
	if text != "" {
		text += ": "
	}
	if text += e.Message; e.MaybeApplied {
		text += " (the write may have been applied)"
	}
	return text
}

// Is makes [errors.Is] find the kind.
func (e *Error) Is(target error) bool {
	kind, ok := target.(ErrorKind)
	return ok && kind == e.Kind
}

// Unwrap is the cause: the error of a context or codec, or what the core says was behind it.
func (e *Error) Unwrap() error { return e.cause }

// readError reads a packed error.
func readError(a *answer) *Error {
	a.list()
	e := &Error{Kind: ErrorKind(a.text()), Message: a.text(), Operation: a.text(), Object: a.text(), MaybeApplied: a.flag()}
	if causes := a.texts(); len(causes) > 0 {
		e.cause = errors.New(strings.Join(causes, ": "))
	}
	return e
}

// contextError is the error of a call whose context is done.
func contextError(ctx context.Context, operation, object string, maybeApplied bool) *Error {
	e := &Error{ErrCanceled, operation, object, "the context is canceled", maybeApplied, ctx.Err()}
	if errors.Is(e.cause, context.DeadlineExceeded) {
		e.Kind, e.Message = ErrTimeout, "the context's deadline passed"
	}
	if why := context.Cause(ctx); !errors.Is(why, e.cause) {
		e.Message, e.cause = e.Message+": "+why.Error(), errors.Join(e.cause, why)
	}
	return e
}
