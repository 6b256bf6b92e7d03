//! The operations of streams, readers and sinks, by name, as [`ops`](crate::ops) has those of maps.
//!
//! Options that are lists or records themselves (headers, a start, topics) are told from the list or record of all
//! options by being inside it: bindings always pass that.

use std::sync::Arc;

use ponos::stream::{
    GroupInfo, MAX_WAIT, Message, Order, PublishOptions, Published, REPLY_TO, ReaderOptions, SinkOptions,
    StreamInfo, WhenBehind, merge,
};
use ponos::{Bytes, Error, Ponos, Result, Shape, Sink, StepBuilder, Stream, StreamOptions};

use crate::args::{Args, mistyped};
use crate::items;
use crate::ops::{Begun, compare, of_source, part, parts, unknown, waits};
use crate::plain::{Object, Plain};
use crate::source::{SharedMerged, SharedReader};

/// All that an error may name; first those that write.
pub(crate) const NAMES: [&str; 31] = [
    "stream.publish",
    "stream.publish_batch",
    "stream.remove",
    "stream.destroy",
    "stream.disband",
    "stream.request",
    "stream.reply",
    "step.commit",
    "sink.ack",
    "sink.nack",
    "sink.term",
    "sink.ack_with",
    "client.stream",
    "stream.reader",
    "stream.merge",
    "stream.sink",
    "stream.info",
    "stream.close",
    "reader.next",
    "reader.wait",
    "merged.next",
    "merged.wait",
    "sink.next",
    "sink.wait",
    "reader.take",
    "reader.position",
    "merged.take",
    "merged.close",
    "sink.take",
    "sink.progress",
    "sink.close",
];
pub(crate) const WRITES: usize = 12;

/// Opens a stream.
pub(crate) fn open(client: &Ponos, args: &mut Args) -> Result<Begun> {
    let (name, mut options) = (args.text("the name")?, StreamOptions::default());
    options.codec = args.text("the codec's name")?;
    args.named(&["maxLen", "maxBytes", "maxAgeMs", "whenBehind", "scope"])?;
    let keep = options.retention;
    options = options.max_len(args.whole("maxLen")?.unwrap_or(keep.max_len));
    options = options.max_bytes(args.whole("maxBytes")?.unwrap_or(keep.max_bytes));
    options = options.max_age(args.time("maxAgeMs", "the age")?.unwrap_or_default());
    let behind = [("keep", WhenBehind::Keep), ("skip", WhenBehind::Skip), ("reject", WhenBehind::Reject)];
    options = options.when_behind(args.choice("whenBehind", &behind)?.unwrap_or_default());
    let (client, scope) = (client.clone(), args.optional_text("scope")?);
    Ok(waits(async move {
        match scope {
            Some(scope) => client.scope(&scope).stream_with(&name, options).await,
            None => client.stream_with(&name, options).await,
        }
    }))
}

pub(crate) fn of_stream(stream: Stream, name: &str, args: &mut Args) -> Result<Begun> {
    Ok(match name {
        "publish" => {
            let Message { topic, payload, options } = message(args, true)?;
            waits(async move { stream.publish_with(&topic, payload, options).await })
        }
        "publish_batch" => {
            let mut messages = messages(args)?;
            args.named(&["expectLast", "ifExists"])?;
            let (last, exists) = (args.whole("expectLast")?, args.flag("ifExists")?);
            if let Some(first) = messages.first_mut() {
                (first.options.expect_last, first.options.if_exists) = (last, exists);
            }
            waits(async move { stream.publish_batch(messages).await })
        }
        "reader" => {
            args.named(&READING)?;
            let options = reader_options(args)?;
            waits(async move {
                let reader = stream.reader_with(options).await?;
                Ok(Object::Reader(SharedReader::read(reader, stream.name())))
            })
        }
        "sink" => {
            let (group, options) = (args.text("the group")?, sink_options(args)?);
            waits(async move { stream.sink_with(&group, options).await.map(Object::Sink) })
        }
        "request" => {
            let (topic, payload) = (args.text("the topic")?, args.bytes("the payload")?);
            args.named(&["timeoutMs"])?;
            let timeout = args.timeout()?;
            waits(async move {
                let reply = stream.request(&topic, payload, timeout).await?;
                Ok(Plain::Value(reply, Shape::Plain))
            })
        }
        "reply" => {
            let (address, payload) = (asker(args)?, args.bytes("the payload")?);
            waits(async move { stream.reply_to(address, payload).await })
        }
        "info" => waits(async move { stream.info().await }),
        "remove" => {
            let id = args.id("the id")?;
            waits(async move { stream.remove(id).await })
        }
        "destroy" => waits(async move { stream.destroy().await }),
        "disband" => {
            let group = args.text("the group")?;
            waits(async move { stream.disband(&group).await })
        }
        "close" => waits(async move {
            stream.close().await;
            Ok(())
        }),
        _ => return Err(unknown(name)),
    })
}

/// Where the event that is replied to wants the reply: a language gives the headers of what it was given, as pairs.
fn asker(args: &mut Args) -> Result<Option<Bytes>> {
    if !args.is_list() {
        return Err(mistyped("what is replied to", "an event that a reader or sink gave", &args.next()));
    }
    Ok(args.headers()?.into_iter().find(|(name, _)| name == REPLY_TO).map(|(_, address)| address))
}

/// The options of a reader, in their order.
const READING: [&str; 3] = ["from", "topics", "replay"];

fn reader_options(args: &mut Args) -> Result<ReaderOptions> {
    let mut options = ReaderOptions::default().from(args.place()?).topics(args.texts("topics")?);
    options.replay = args.float("replay")?;
    Ok(options)
}

/// Reads several streams as one.
pub(crate) fn merged(args: &mut Args) -> Result<Begun> {
    let stream = |each| match each {
        Plain::Object(Object::Stream(stream)) => Ok(stream),
        other => Err(mistyped("what is merged", "a stream", &other)),
    };
    let streams = args.list("the streams")?.into_iter().map(stream).collect::<Result<Vec<_>>>()?;
    args.named(&[&READING[..], &["maxWaitMs"]].concat())?;
    let options = reader_options(args)?;
    let max_wait = args.time("maxWaitMs", "max_wait")?.unwrap_or(MAX_WAIT);
    Ok(waits(async move {
        let reader = merge(&streams, options, max_wait).await?;
        Ok(Object::Merged(SharedMerged::merge(reader)))
    }))
}

fn sink_options(args: &mut Args) -> Result<SinkOptions> {
    let (mut options, names) =
        (SinkOptions::default(), ["from", "topics", "order", "partitions", "ackWaitMs"]);
    let more = ["backoffMs", "maxDeliver", "deadLetter", "maxInFlight", "prefetch"];
    args.named(&[names, more].concat())?;
    options = options.from(args.place()?).topics(args.texts("topics")?);
    let orders = [("none", Order::None), ("key", Order::ByKey(PARTITIONS)), ("total", Order::Total)];
    options.order = args.choice("order", &orders)?.unwrap_or_default();
    if let Some(partitions) = args.whole("partitions")? {
        let Order::ByKey(number) = &mut options.order else {
            return Err(Error::invalid(format!("partitions={partitions} is for order=\"key\" alone")));
        };
        *number = partitions;
    }
    options.ack_wait = args.time("ackWaitMs", "ack_wait")?.unwrap_or(options.ack_wait);
    options.backoff = args.times("backoffMs", "a pause of backoff")?;
    options.max_deliver = args.whole("maxDeliver")?.unwrap_or(options.max_deliver);
    options.dead_letter = args.optional_text("deadLetter")?.unwrap_or_default();
    options.max_in_flight = args.whole("maxInFlight")?.unwrap_or(options.max_in_flight);
    options.prefetch = args.whole("prefetch")?.unwrap_or(options.prefetch);
    Ok(options)
}

/// How many partitions the keys of a group are spread over if nobody says.
const PARTITIONS: u16 = 64;

/// A topic, a payload and options; conditions are a batch's, or those of a message that is published alone.
fn message(args: &mut Args, alone: bool) -> Result<Message> {
    let (topic, payload) = (args.text("the topic")?, args.bytes("the payload")?);
    let names = ["headers", "key", "dedupId", "delayMs", "expectLast", "ifExists"];
    args.named(if alone { &names } else { &names[..4] })?;
    let mut options = PublishOptions::default();
    options.headers = args.headers()?;
    options.key = args.optional_text("key")?.unwrap_or_default();
    options.dedup_id = args.optional_text("dedupId")?.unwrap_or_default();
    options.delay = args.time("delayMs", "the delay")?.unwrap_or_default();
    if alone {
        (options.expect_last, options.if_exists) = (args.whole("expectLast")?, args.flag("ifExists")?);
    }
    Ok(Message { topic, payload, options })
}

fn messages(args: &mut Args) -> Result<Vec<Message>> {
    parts(args, "a message", |args| message(args, false))
}

pub(crate) fn of_reader(reader: Arc<SharedReader>, name: &str, args: &mut Args) -> Result<Begun> {
    match name {
        "position" => Ok(Begun::Ready(reader.position(args.whole("untold")?.unwrap_or(0)).into())),
        _ => of_source(reader, name, args),
    }
}

pub(crate) fn of_sink(sink: Sink, name: &str, args: &mut Args) -> Result<Begun> {
    Ok(match name {
        "take" => match sink.try_next_batch(args.max()?) {
            None => Begun::Ready(Plain::Nil),
            Some(items) => Begun::Ready(items::plain(items?)),
        },
        "wait" => waits(async move {
            sink.ready().await;
            Ok(())
        }),
        "next" => {
            let max = args.max()?;
            waits(async move { sink.next_batch(max).await.map(items::plain) })
        }
        "ack" => {
            let tickets = args.tickets()?;
            waits(async move { sink.ack_tickets(tickets).await })
        }
        "nack" => {
            let (ticket, delay) = (args.ticket()?, args.time("the delay", "the delay")?);
            waits(async move {
                match delay {
                    Some(delay) => sink.redeem(ticket).nack_after(delay).await,
                    None => sink.redeem(ticket).nack().await,
                }
            })
        }
        "term" => {
            let (ticket, reason) = (args.ticket()?, args.text("the reason")?);
            waits(async move { sink.redeem(ticket).term(&reason).await })
        }
        "progress" => Begun::Ready(sink.redeem(args.ticket()?).progress()?.into()),
        "ack_with" => {
            let (ticket, step) = (args.ticket()?, step(args)?);
            waits(async move { sink.redeem(ticket).ack_with(step).await })
        }
        "close" => waits(async move { sink.close().await }),
        _ => return Err(unknown(name)),
    })
}

/// Commits a step by itself, without an event.
pub(crate) fn commit(args: &mut Args) -> Result<Begun> {
    let step = step(args)?;
    Ok(waits(async move { step.commit().await }))
}

fn step(args: &mut Args) -> Result<StepBuilder> {
    args.list("the step")?.into_iter().try_fold(StepBuilder::new(), |step, part| match part {
        Plain::List(part) => add(step, Args::new(part)),
        other => Err(mistyped("a part of a step", "a list", &other)),
    })
}

/// Adds to a step a map with conditions and operations, as `map.txn` has them, or a stream with messages.
fn add(step: StepBuilder, mut args: Args) -> Result<StepBuilder> {
    match args.next() {
        Plain::Object(Object::Map(map)) => {
            let txn = parts(&mut args, "a part", compare)?
                .into_iter()
                .fold(map.txn(), |txn, (key, when)| txn.when(&key, when));
            let txn =
                parts(&mut args, "a part", part)?.into_iter().fold(txn, |txn, (key, op)| txn.op(&key, op));
            let rest = if args.is_done() { Vec::new() } else { parts(&mut args, "a part", part)? };
            Ok(step.map(rest.into_iter().fold(txn, |txn, (key, op)| txn.otherwise().op(&key, op))))
        }
        Plain::Object(Object::Stream(stream)) => Ok(step.publish(&stream, messages(&mut args)?)),
        other => Err(mistyped("a part of a step", "a map or a stream, and what is to be done to it", &other)),
    }
}

impl From<Object> for Plain {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<Stream> for Plain {
    fn from(stream: Stream) -> Self {
        Self::Object(Object::Stream(stream))
    }
}

/// The id, if it has one already, and whether it was there before.
impl From<Published> for Plain {
    fn from(Published { id, duplicate }: Published) -> Self {
        Self::List(vec![id.into(), duplicate.into()])
    }
}

impl From<Vec<Published>> for Plain {
    fn from(list: Vec<Published>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

impl From<StreamInfo> for Plain {
    fn from(StreamInfo { len, bytes, first, last, groups }: StreamInfo) -> Self {
        let groups = groups.into_iter().map(Into::into).collect();
        Self::List(vec![len.into(), bytes.into(), first.into(), last.into(), Self::List(groups)])
    }
}

impl From<GroupInfo> for Plain {
    fn from(GroupInfo { name, lag, pending, oldest_pending_ms, consumers }: GroupInfo) -> Self {
        let oldest = oldest_pending_ms.into();
        Self::List(vec![name.into(), lag.into(), pending.into(), oldest, Self::Count(consumers)])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use ponos::stream::Item;
    use ponos::{ErrorKind, Shape};

    use super::*;
    use crate::items::{Given, ticket};
    use crate::submit::tests::{ask, refused};
    use crate::submit::{Submitted, submit};

    fn object(plain: Plain) -> Object {
        let Plain::Object(object) = plain else { panic!("no object: {plain:?}") };
        object
    }

    fn client(engine: &str) -> Object {
        object(ask(&Object::Nothing, "open", [format!("memory://{engine}").into()]))
    }

    fn stream(engine: &str) -> Object {
        object(ask(&client(engine), "client.stream", ["s".into(), "bytes".into()]))
    }

    fn list(items: impl IntoIterator<Item = Plain>) -> Plain {
        Plain::List(items.into_iter().collect())
    }

    fn publish(stream: &Object, text: &'static str) {
        ask(stream, "stream.publish", ["t".into(), text.into()]);
    }

    fn given(plain: Plain) -> Vec<Given> {
        let Plain::Items(items) = plain else { panic!("no items: {plain:?}") };
        items.into_iter().filter_map(Item::event).collect()
    }

    fn payloads(plain: Plain) -> Vec<String> {
        let text = |given: &Given| String::from_utf8(given.event().payload().to_vec()).expect("text");
        given(plain).iter().map(text).collect()
    }

    fn answer(given: &Given) -> Plain {
        Plain::Bytes(ticket(given.handed().expect("of a sink").0).to_vec().into())
    }

    #[test]
    fn a_reader_loses_nothing_to_one_who_gives_up_and_says_where_the_program_is() {
        let stream = stream("reading");
        let reader = object(ask(&stream, "stream.reader", []));
        let at = |untold: usize| match ask(&reader, "reader.position", [Plain::Count(untold)]) {
            Plain::Text(id) => id.rsplit_once('-').map(|(_, seq)| seq.to_owned()),
            other => panic!("{other:?}"),
        };
        assert_eq!(at(0).as_deref(), Some("0"));
        let (sender, receiver) = mpsc::sync_channel(1);
        let done = move |result| sender.send(result).expect("room");
        let Submitted::Pending(cancel) = submit(&reader, "reader.wait", vec![Plain::Count(9)], done) else {
            panic!("ready")
        };
        cancel.cancel();
        drop(receiver.recv().expect("an answer"));
        ["a", "b", "c"].iter().for_each(|text| publish(&stream, text));
        ask(&reader, "reader.wait", [Plain::Count(9)]);
        assert_eq!(at(0).as_deref(), Some("0"), "nothing was taken");
        assert_eq!(payloads(ask(&reader, "reader.take", [Plain::Count(2)])), ["a", "b"]);
        assert_eq!([at(0), at(1), at(2)].map(Option::unwrap), ["2", "1", "0"]);
        assert_eq!(payloads(ask(&reader, "reader.next", [Plain::Count(9)])), ["c"]);
        ask(&reader, "reader.close", []);
        assert!(matches!(ask(&reader, "reader.take", [Plain::Count(1)]), Plain::Nil));
        assert!(given(ask(&reader, "reader.next", [Plain::Count(1)])).is_empty());
        assert_eq!(at(0).as_deref(), Some("3"));
    }

    #[test]
    fn who_gives_up_waiting_for_a_sink_has_been_handed_nothing() {
        let stream = stream("sinking");
        let sink = object(ask(&stream, "stream.sink", ["g".into()]));
        ["a", "b", "c"].iter().for_each(|text| publish(&stream, text));
        ask(&sink, "sink.wait", [Plain::Count(9)]);
        ask(&sink, "sink.wait", [Plain::Count(9)]);
        ask(&sink, "sink.close", []);
        assert!(matches!(ask(&sink, "sink.take", [Plain::Count(9)]), Plain::Nil));
        let sink = object(ask(&stream, "stream.sink", ["g".into()]));
        let taken = given(ask(&sink, "sink.next", [Plain::Count(1)]));
        assert_eq!(taken[0].handed().expect("handed").1, 1, "the first delivery");
        ask(&sink, "sink.progress", [answer(&taken[0])]);
        ask(&sink, "sink.ack", [answer(&taken[0])]);
        ask(&sink, "sink.wait", [Plain::Count(9)]);
        let rest = given(ask(&sink, "sink.take", [Plain::Count(9)]));
        let both =
            rest.iter().flat_map(|given| ticket(given.handed().expect("handed").0)).collect::<Vec<_>>();
        ask(&sink, "sink.ack", [Plain::Bytes(both.into())]);
        let Plain::List(info) = ask(&stream, "stream.info", []) else { panic!("info") };
        assert!(format!("{info:?}").contains("Text(\"g\"), Int(0), Int(0)"), "{info:?}");
        publish(&stream, "d");
        let mine = given(ask(&sink, "sink.next", [Plain::Count(1)]));
        let other = object(ask(&stream, "stream.sink", ["g".into()]));
        let error = failed(&other, "sink.ack", vec![list([answer(&mine[0])])]);
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Fenced, "sink.ack"));
    }

    /// The error of a call that may have to wait.
    fn failed(on: &Object, op: &str, args: Vec<Plain>) -> Error {
        let (sender, receiver) = mpsc::sync_channel(1);
        let result = match submit(on, op, args, move |result| sender.send(result).expect("room")) {
            Submitted::Ready(result) => result,
            Submitted::Pending(_) => receiver.recv().expect("an answer"),
        };
        result.expect_err(op)
    }

    #[test]
    fn an_event_is_acknowledged_with_a_step_over_its_scope() {
        let client = client("step");
        let scope = || Plain::Record(vec![("scope".into(), "shop".into())]);
        let open = |op, name: &'static str| object(ask(&client, op, [name.into(), "bytes".into(), scope()]));
        let (orders, totals, out) =
            (open("client.stream", "orders"), open("client.map", "totals"), open("client.stream", "out"));
        let sink = object(ask(&orders, "stream.sink", ["g".into()]));
        publish(&orders, "7");
        let event = given(ask(&sink, "sink.next", [Plain::Count(1)])).remove(0);
        let when = || list([list(["stop".into(), list([true.into()])])]);
        let then = || list([list(["incr".into(), "n".into(), Plain::Int(1)])]);
        let counted = || list([Plain::Object(totals.clone()), when(), then()]);
        let headers = list([list(["h".into(), "v".into()])]);
        let told =
            list([Plain::Object(out.clone()), list([list(["done".into(), "7".into(), list([headers])])])]);
        let otherwise = list([Plain::Object(totals.clone()), when(), then(), then()]);
        let error = failed(&sink, "sink.ack_with", vec![answer(&event), list([otherwise])]);
        assert!(error.message().contains("no otherwise"), "{error}");
        let error = failed(&sink, "sink.ack_with", vec![answer(&event), list([list([1_u64.into()])])]);
        assert!(error.message().contains("a map or a stream"), "{error}");
        ask(&sink, "sink.ack_with", [answer(&event), list([counted(), told])]);
        let Plain::List(entry) = ask(&totals, "map.entry", ["n".into()]) else { panic!("no entry") };
        assert!(matches!(&entry[0], Plain::Value(value, Shape::Plain) if &value[..] == b"1"), "{entry:?}");
        let reader = object(ask(&out, "stream.reader", ["first".into()]));
        let told = given(ask(&reader, "reader.next", [Plain::Count(1)])).remove(0).event().clone();
        assert_eq!((told.topic(), told.header("h").as_deref()), ("done", Some(&b"v"[..])));
        let foreign = object(ask(&client, "client.map", ["totals".into(), "bytes".into()]));
        publish(&orders, "8");
        let event = given(ask(&sink, "sink.next", [Plain::Count(1)])).remove(0);
        let part = list([list([Plain::Object(foreign), list([]), then()])]);
        let error = failed(&sink, "sink.ack_with", vec![answer(&event), part]);
        assert!(error.message().contains("stays in one scope"), "{error}");
    }

    #[test]
    fn a_step_is_committed_without_an_event() {
        let client = client("commit");
        let part = |on: &Object, what: Vec<Plain>| list([Plain::Object(on.clone())].into_iter().chain(what));
        let incr = || list([list(["incr".into(), "n".into(), Plain::Int(1)])]);
        let map = object(ask(&client, "client.map", ["m".into(), "bytes".into()]));
        ask(&Object::Nothing, "step.commit", [list([part(&map, vec![list([]), incr()])])]);
        let Plain::List(entry) = ask(&map, "map.entry", ["n".into()]) else { panic!("no entry") };
        assert!(matches!(&entry[0], Plain::Value(value, _) if &value[..] == b"1"), "{entry:?}");
        let error = failed(&Object::Nothing, "step.commit", vec![list([])]);
        assert_eq!(error.to_string(), "step.commit: the step is empty");
    }

    #[test]
    fn a_request_gets_the_reply_to_the_headers_of_its_event() {
        let stream = stream("asking");
        let reader = object(ask(&stream, "stream.reader", []));
        let (sender, receiver) = mpsc::sync_channel(1);
        let done = move |result| sender.send(result).expect("room");
        let args = vec!["add".into(), "1 2".into(), list([Plain::Float(60_000.0)])];
        let Submitted::Pending(_) = submit(&stream, "stream.request", args, done) else { panic!("ready") };
        let event = given(ask(&reader, "reader.next", [Plain::Count(1)])).remove(0);
        let headers = || {
            list(
                event
                    .event()
                    .headers()
                    .map(|(name, value)| list([name.to_owned().into(), Plain::Bytes(value)])),
            )
        };
        let heard = |answer| matches!(answer, Plain::Bool(true));
        assert!(heard(ask(&stream, "stream.reply", [headers(), "3".into()])));
        let reply = receiver.recv().expect("an answer").expect("a reply");
        assert!(matches!(&reply, Plain::Value(reply, Shape::Plain) if &reply[..] == b"3"), "{reply:?}");
        assert!(!heard(ask(&stream, "stream.reply", [headers(), "3".into()])), "nobody waits any more");
        let error = failed(&stream, "stream.reply", vec![list([]), "3".into()]);
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Invalid, "stream.reply"));
        let why =
            |timeout| refused(&stream, "stream.request", vec!["t".into(), "x".into(), timeout]).to_string();
        assert!(why(Plain::Nil).ends_with("the timeout must be a time, not nothing"));
        assert!(why(0.0.into()).ends_with("the timeout is 0 ms and must be from 1 ms to 100 years"));
        let error = refused(&stream, "stream.reply", vec!["x".into(), "3".into()]).to_string();
        assert!(error.ends_with("an event that a reader or sink gave, not \"x\""), "{error}");
    }

    #[test]
    fn merged_streams_are_taken_like_one_that_says_which() {
        let client = client("merging");
        let stream =
            |name: &'static str| object(ask(&client, "client.stream", [name.into(), "bytes".into()]));
        let (one, two) = (stream("one"), stream("two"));
        let both = || list([Plain::Object(one.clone()), Plain::Object(two.clone())]);
        let wait = Plain::Record(vec![("s".into(), 0.0.into())]);
        let options = Plain::Record(vec![("from".into(), "first".into()), ("maxWaitMs".into(), wait)]);
        let merged = object(ask(&Object::Nothing, "stream.merge", [both(), options]));
        publish(&two, "a");
        ask(&merged, "merged.wait", [Plain::Count(9)]);
        let Plain::Merged(items) = ask(&merged, "merged.take", [Plain::Count(9)]) else { panic!("no items") };
        assert_eq!(items.iter().map(|item| (item.stream, item.late)).collect::<Vec<_>>(), [(1, false)]);
        publish(&one, "b");
        let Plain::Merged(items) = ask(&merged, "merged.next", [Plain::Count(9)]) else { panic!("no items") };
        assert_eq!(items[0].stream, 0);
        ask(&merged, "merged.close", []);
        assert!(matches!(ask(&merged, "merged.take", [Plain::Count(9)]), Plain::Nil));
        let error = failed(&Object::Nothing, "stream.merge", vec![list([])]);
        assert!(error.to_string().starts_with("stream.merge: there are no streams"), "{error}");
        let error = refused(&Object::Nothing, "stream.merge", vec![list([Plain::Object(client.clone())])]);
        assert!(error.to_string().ends_with("what is merged must be a stream, not an object"), "{error}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        let stream = stream("refused");
        let sink = object(ask(&stream, "stream.sink", ["g".into()]));
        let says = |on: &Object, op: &str, args: Vec<Plain>, text: &str| {
            let error = refused(on, op, args).to_string();
            assert!(error.starts_with(op) && error.contains(text), "{error:?} without {text:?}");
        };
        let of = |kind: &str, given| Plain::Record(vec![(kind.to_owned(), given)]);
        for (from, text) in [
            ("yesterday".into(), "not \"yesterday\""),
            (Plain::Int(7), "{ last: number }, not 7"),
            (of("behind", "7".into()), "the id of an event, as \"1700000000000-7\", not \"7\""),
            (of("first", Plain::Nil), "not \"first\""),
            (of("time", "now".into()), "time must be a number"),
            (of("last", Plain::Float(0.5)), "last must be a whole number"),
        ] {
            says(&stream, "stream.reader", vec![list([from])], text);
        }
        says(
            &stream,
            "stream.reader",
            vec![list([Plain::Nil, list([1_u64.into()])])],
            "each of topics must be text",
        );
        let group = |options| vec!["g".into(), Plain::Record(options)];
        says(
            &stream,
            "stream.sink",
            group(vec![("order".into(), "rising".into())]),
            "none, key, total, not \"rising\"",
        );
        says(
            &stream,
            "stream.sink",
            group(vec![("partitions".into(), 8_u64.into())]),
            "for order=\"key\" alone",
        );
        let wait = of("s", (-1.0).into());
        says(
            &stream,
            "stream.sink",
            group(vec![("ackWaitMs".into(), wait)]),
            "ack_wait is -1 s and must be from 0 ms",
        );
        let message = list(["t".into(), "x".into(), list([Plain::Int(3)])]);
        says(
            &stream,
            "stream.publish_batch",
            vec![list([message])],
            "headers must be names and values, not 3",
        );
        says(&stream, "stream.remove", vec!["x".into()], "the id of an event");
        says(&sink, "sink.ack", vec!["x".into()], "an event that this sink gave, not \"x\"");
        says(&sink, "sink.ack", vec![list([Plain::Bytes("x".into())])], "an event that this sink gave");
        says(&sink, "sink.take", vec![Plain::Int(0)], "max=0");
        assert!(refused(&stream, "stream.sing", vec![]).message().contains("no operation"));
    }
}
