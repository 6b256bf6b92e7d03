package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

// stream is one of JSON or of bytes: what is asked of it is the same.
type stream interface {
	do(what string, a args) (any, error)
	reader(a args) (source, error)
	sink(a args) (source, error)
	part(messages []any) ponos.StepPart
	merge(others []stream, a args) (source, error)
}

// source is a reader, also of several streams, or a sink.
type source interface {
	run(what string, a args) (any, error)
}

// asked is a request that waits for its reply while other steps are done.
type asked chan func() (any, error)

// answered is what a call gave, for later.
func answered(answer any, err error) func() (any, error) {
	return func() (any, error) { return answer, err }
}

// opened is a stream with values of one type.
type opened[T any] struct {
	*ponos.Stream[T]
	read func(any) T
	show func(T) any
}

func openStream(in ponos.Opener, a args) (stream, error) {
	var options []ponos.StreamOption
	if a["max_len"] != nil {
		options = append(options, ponos.MaxLen(int(a.int("max_len", 0))))
	}
	if a["max_bytes"] != nil {
		options = append(options, ponos.MaxBytes(int(a.int("max_bytes", 0))))
	}
	if a["max_age_ms"] != nil {
		options = append(options, ponos.MaxAge(a.millis("max_age_ms")))
	}
	if a["when_behind"] != nil {
		options = append(options, ponos.WhenBehind(ponos.Behind(a.text("when_behind"))))
	}
	if a["codec"] == "json" {
		s, err := ponos.StreamOf(ctx, in, a.text("name"), ponos.JSON[any](), options...)
		return opened[any]{s, func(value any) any { return value.(object)["json"] }, func(value any) any { return object{"json": value} }}, err
	}
	s, err := in.Stream(ctx, a.text("name"), options...)
	return opened[[]byte]{s, bytes, func(value []byte) any { return object{"hex": hex.EncodeToString(value)} }}, err
}

func (a args) millis(name string) time.Duration {
	return time.Duration(a.int(name, 0)) * time.Millisecond
}

// texts are a list of them.
func (a args) texts(name string) (texts []string) {
	for _, text := range a.list(name) {
		texts = append(texts, fmt.Sprint(text))
	}
	return texts
}

func (s opened[T]) message(a args) ponos.Message[T] {
	m := ponos.Message[T]{Topic: a.text("topic"), Payload: s.read(a["value"]), Key: a.text("key"), DedupID: a.text("dedup_id"), Delay: a.millis("delay_ms")}
	headers, _ := a["headers"].(object)
	for name, value := range headers {
		m.Headers = append(m.Headers, ponos.HeaderField{Name: name, Value: bytes(value)})
	}
	return m
}

func (s opened[T]) messages(list []any) (messages []ponos.Message[T]) {
	for _, message := range list {
		messages = append(messages, s.message(message.(object)))
	}
	return messages
}

func (s opened[T]) part(messages []any) ponos.StepPart { return s.Messages(s.messages(messages)...) }

func (a args) conditions() (conditions []ponos.PublishCondition) {
	if a["expect_last"] != nil {
		conditions = append(conditions, ponos.ExpectLast(uint64(a.int("expect_last", 0))))
	}
	if a["if_exists"] == true {
		conditions = append(conditions, ponos.IfExists())
	}
	return conditions
}

func published(done ponos.Published) object {
	if done.ID == "" {
		return object{"id": nil, "seq": nil, "duplicate": done.Duplicate}
	}
	return object{"id": done.ID, "seq": done.ID.Seq(), "duplicate": done.Duplicate}
}

func (s opened[T]) do(what string, a args) (any, error) {
	switch what {
	case "stream.publish":
		m := s.message(a)
		options := []ponos.PublishOption{ponos.Key(m.Key), ponos.DedupID(m.DedupID), ponos.Delay(m.Delay)}
		for _, header := range m.Headers {
			options = append(options, ponos.Header(header.Name, header.Value))
		}
		for _, condition := range a.conditions() {
			options = append(options, condition)
		}
		done, err := s.Publish(ctx, m.Topic, m.Payload, options...)
		return published(done), err
	case "stream.publish_batch":
		done, err := s.PublishBatch(ctx, s.messages(a.list("messages")), a.conditions()...)
		events := []object{}
		for _, one := range done {
			events = append(events, published(one))
		}
		return object{"events": events}, err
	case "stream.request":
		timeout := time.Duration(a.int("timeout_ms", 10_000)) * time.Millisecond
		reply, err := s.Request(ctx, a.text("topic"), s.read(a["value"]), timeout)
		return object{"value": s.show(reply)}, err
	case "stream.reply":
		seq, _ := a["seq"].(json.Number)
		event, err := objects[a.text("from")].(*sink[T]).event(seq, a)
		if err != nil {
			return nil, err
		}
		heard, err := s.Reply(ctx, event.Item, s.read(a["value"]))
		return object{"value": heard}, err
	case "stream.info":
		return told(s.Info(ctx))
	case "stream.remove":
		done, err := s.Remove(ctx, ponos.EventID(a.text("id")))
		return object{"value": done}, err
	case "stream.destroy":
		done, err := s.Destroy(ctx)
		return object{"value": done}, err
	case "stream.disband":
		done, err := s.Disband(ctx, a.text("group"))
		return object{"value": done}, err
	case "stream.close":
		return object{}, s.Close()
	}
	return nil, fmt.Errorf("%s on a stream", what)
}

func told(info *ponos.StreamInfo, err error) (any, error) {
	if info == nil {
		return object{"exists": false}, err
	}
	groups := []object{}
	for _, group := range info.Groups {
		// What is held for less than a millisecond has been so for 0.
		held := group.OldestPending > 0 || group.Pending > 0
		groups = append(groups, object{"name": group.Name, "lag": group.Lag, "pending": group.Pending, "oldest_pending": held, "consumers": group.Consumers})
	}
	return object{"exists": true, "len": info.Len, "bytes": info.Bytes, "first": seq(info.First), "last": seq(info.Last), "groups": groups}, err
}

func seq(id ponos.EventID) any {
	if id == "" {
		return nil
	}
	return id.Seq()
}

// choices are where to begin, and which topics.
func (a args) choices() (choices []ponos.Choice) {
	from, _ := a["from"].(object)
	of := args(from)
	switch {
	case a["from"] == "first":
		choices = append(choices, ponos.FromFirst())
	case of["behind"] != nil:
		choices = append(choices, ponos.FromBehind(ponos.EventID(of.text("behind"))))
	case of["time"] != nil:
		choices = append(choices, ponos.FromTime(time.UnixMilli(of.int("time", 0))))
	case of["last"] != nil:
		choices = append(choices, ponos.FromLast(int(of.int("last", 0))))
	}
	if topics := a.texts("topics"); topics != nil {
		choices = append(choices, ponos.Topics(topics...))
	}
	return choices
}

func (s opened[T]) reader(a args) (source, error) {
	var options []ponos.ReaderOption
	for _, choice := range a.choices() {
		options = append(options, choice)
	}
	if speed, is := a.float("replay"); is {
		options = append(options, ponos.Replay(speed))
	}
	r, err := s.Reader(ctx, options...)
	return reader[T]{r, s}, err
}

// mergeStreams merges streams of one type.
func mergeStreams(a args) (source, error) {
	var streams []stream
	for _, name := range a.texts("streams") {
		streams = append(streams, objects[name].(stream))
	}
	if len(streams) == 0 {
		return opened[[]byte]{}.merge(nil, a)
	}
	return streams[0].merge(streams, a)
}

func (s opened[T]) merge(all []stream, a args) (source, error) {
	var streams []*ponos.Stream[T]
	for _, one := range all {
		streams = append(streams, one.(opened[T]).Stream)
	}
	var options []ponos.MergeOption
	for _, choice := range a.choices() {
		options = append(options, choice)
	}
	if speed, is := a.float("replay"); is {
		options = append(options, ponos.Replay(speed))
	}
	if a["max_wait_ms"] != nil {
		options = append(options, ponos.MaxWait(a.millis("max_wait_ms")))
	}
	r, err := ponos.Merge(ctx, streams, options...)
	return merged[T]{r, s}, err
}

func (s opened[T]) sink(a args) (source, error) {
	var options []ponos.SinkOption
	for _, choice := range a.choices() {
		options = append(options, choice)
	}
	if a["order"] != nil {
		options = append(options, ponos.InOrder(ponos.Order(a.text("order"))))
	}
	if a["dead_letter"] != nil {
		options = append(options, ponos.DeadLetter(a.text("dead_letter")))
	}
	if a["ack_wait_ms"] != nil {
		options = append(options, ponos.AckWait(a.millis("ack_wait_ms")))
	}
	var pauses []time.Duration
	for _, pause := range a.list("backoff_ms") {
		pauses = append(pauses, args{"": pause}.millis(""))
	}
	options = append(options, ponos.Backoff(pauses...))
	for name, option := range map[string]func(int) ponos.SinkOption{"partitions": ponos.Partitions, "max_deliver": ponos.MaxDeliver, "max_in_flight": ponos.MaxInFlight, "prefetch": ponos.Prefetch} {
		if a[name] != nil {
			options = append(options, option(int(a.int(name, 0))))
		}
	}
	k, err := s.Sink(ctx, a.text("group"), options...)
	return &sink[T]{k, s, nil}, err
}

// shown shows an item.
func (s opened[T]) shown(item ponos.Item[T], count any) object {
	switch item.Kind {
	case ponos.ItemGap:
		return object{"kind": item.Kind, "first_missing": item.ID.Seq(), "next": item.Next.Seq(), "count": item.Missing}
	case ponos.ItemDeleted:
		return object{"kind": item.Kind}
	}
	headers := object{}
	for _, header := range item.Headers {
		headers[header.Name] = object{"hex": hex.EncodeToString(header.Value)}
	}
	var key any
	if item.Key != "" {
		key = item.Key
	}
	return object{"kind": item.Kind, "id": item.ID, "seq": item.ID.Seq(), "topic": item.Topic, "key": key, "headers": headers,
		"value": s.show(item.Payload), "count": count, "dated": item.At.Unix() > 0}
}

// gather takes as many items as are asked for, in the time that is given; fewer only if it ends.
func gather[I any](a args, events func(context.Context) iter.Seq2[I, error], shown func(I) object) (any, error) {
	within, cancel := context.WithTimeout(ctx, time.Duration(a.int("within_ms", 10_000))*time.Millisecond)
	defer cancel()
	items, count := []object{}, int(a.int("count", 1))
	for item, err := range events(within) {
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			return nil, err
		}
		if items = append(items, shown(item)); len(items) == count {
			break
		}
	}
	if len(items) < count && a["ends"] != true {
		return nil, &ponos.Error{Kind: ponos.ErrTimeout, Message: fmt.Sprint("got only ", items)}
	}
	return object{"events": items}, nil
}

type reader[T any] struct {
	*ponos.Reader[T]
	of opened[T]
}

func (r reader[T]) run(what string, a args) (any, error) {
	switch what {
	case "reader.next":
		return gather(a, r.Events, func(item ponos.Item[T]) object { return r.of.shown(item, nil) })
	case "reader.position":
		return object{"position": r.Position(), "seq": r.Position().Seq()}, nil
	case "reader.close":
		return object{}, r.Close()
	}
	return nil, fmt.Errorf("%s on a reader", what)
}

type merged[T any] struct {
	*ponos.MergedReader[T]
	of opened[T]
}

func (r merged[T]) run(what string, a args) (any, error) {
	switch what {
	case "merged.next":
		return gather(a, r.Events, func(item ponos.Merged[T]) object {
			shown := r.of.shown(item.Item, nil)
			shown["stream"], shown["late"] = item.Stream, item.Late
			return shown
		})
	case "merged.close":
		return object{}, r.Close()
	}
	return nil, fmt.Errorf("%s on a merged reader", what)
}

// sink remembers what it gave.
type sink[T any] struct {
	*ponos.Sink[T]
	of    opened[T]
	given []ponos.Delivery[T]
}

// event is the one of this number that was delivered last, or for the time that is asked for.
func (k *sink[T]) event(seq json.Number, a args) (ponos.Delivery[T], error) {
	for _, event := range slices.Backward(k.given) {
		if fmt.Sprint(event.ID.Seq()) == seq.String() && event.Count == int(a.int("count", int64(event.Count))) {
			return event, nil
		}
	}
	return ponos.Delivery[T]{}, fmt.Errorf("the event %s was not given", seq)
}

func (k *sink[T]) run(what string, a args) (any, error) {
	switch what {
	case "sink.next":
		return gather(a, k.Events, func(event ponos.Delivery[T]) object {
			k.given = append(k.given, event)
			return k.of.shown(event.Item, event.Count)
		})
	case "sink.close":
		return object{}, k.Close()
	}
	if seqs := a.list("seqs"); seqs != nil {
		var events []ponos.Delivery[T]
		for _, seq := range seqs {
			event, err := k.event(seq.(json.Number), a)
			if err != nil {
				return nil, err
			}
			events = append(events, event)
		}
		return object{}, k.Ack(ctx, events...)
	}
	seq, _ := a["seq"].(json.Number)
	event, err := k.event(seq, a)
	if err == nil {
		err = settle(event, what, a)
	}
	return object{}, err
}

func settle[T any](event ponos.Delivery[T], what string, a args) error {
	switch what {
	case "sink.ack":
		return event.Ack(ctx)
	case "sink.nack":
		if a["delay_ms"] != nil {
			return event.NackAfter(ctx, a.millis("delay_ms"))
		}
		return event.Nack(ctx)
	case "sink.term":
		return event.Term(ctx, a.text("reason"))
	case "sink.progress":
		return event.Progress()
	case "sink.ack_with":
		return event.AckWith(ctx, step(a))
	}
	return fmt.Errorf("%s on an event", what)
}

func step(a args) *ponos.Step {
	var parts []ponos.StepPart
	for _, part := range a.list("maps") {
		of := args(part.(object))
		parts = append(parts, objects[of.text("map")].(shared).txn(of))
	}
	for _, part := range a.list("streams") {
		of := args(part.(object))
		parts = append(parts, objects[of.text("stream")].(stream).part(of.list("messages")))
	}
	return ponos.NewStep(parts...)
}
