//go:build cgo

package ponos

import "cmp"

// Step is what is done together with the acknowledgement of an event, see [Delivery.AckWith]; nothing happens before. Its
// maps and streams are of one [Scope], that of the event's stream.
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
