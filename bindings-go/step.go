//go:build cgo

package ponos

import (
	"cmp"
	"context"
	"runtime"
)

// Step is what is done to maps and streams at once, all or nothing; nothing happens before [Step.Commit], or before an
// event is acknowledged with it, see [Delivery.AckWith]. They are of one [Scope], that of the event's stream.
type Step struct {
	parts list
	on    []*handle // what the parts name by number
	err   error
}

// StepPart is a part of a step: a [Txn], which has no Otherwise and whose conditions are conditions of the step, or
// [Stream.Messages]. A map or stream has one part at most.
type StepPart interface{ part() part }

type part struct {
	on    *handle
	lists []any
	err   error // of a codec
}

func (p part) part() part { return p }

func (t *Txn) part() part { return part{on: t.on, lists: []any{t.parts[0], t.parts[1], t.parts[2]}} }

// NewStep puts a step together.
func NewStep(parts ...StepPart) *Step {
	step := new(Step)
	for _, of := range parts {
		part := of.part()
		step.on, step.err = append(step.on, part.on), cmp.Or(step.err, part.err)
		step.parts.add(append([]any{part.on}, part.lists...))
	}
	return step
}

// Messages are events for this stream that a [Step] publishes, as [Stream.PublishBatch].
func (s *Stream[T]) Messages(messages ...Message[T]) StepPart {
	batch, err := s.pack(messages)
	return part{s.to, []any{batch}, err}
}

// Commit does it, without an event.
//
// Errors: [ErrInvalid] if it is empty, leaves its scope or has a bad part; [ErrConflict] if a condition does not hold:
// nothing has changed then; else those of its parts. Consistency: when it returns, the maps show it here, and nobody ever
// sees a part of it alone at the engine. Cost: one round trip.
func (s *Step) Commit(ctx context.Context) error { return s.tell(ctx, &nothing, "step.commit") }

// tell runs an operation with the step as its last argument.
func (s *Step) tell(ctx context.Context, on *handle, op string, args ...any) error {
	if s.err != nil {
		return s.err
	}
	defer runtime.KeepAlive(s) // the core knows its maps and streams by number only
	return tell(ctx, on, op, append(args, s.parts)...)
}
