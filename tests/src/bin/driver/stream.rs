//! What a request says about scopes, streams, readers and sinks.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use ponos::stream::{
    Event, Item, MAX_WAIT, Merged, MergedReader, Message, Order, PublishOptions, Published, ReaderOptions,
    SinkOptions, Start, WhenBehind, merge,
};
use ponos::{
    Delivery, Error, EventId, Map, Ponos, Reader, Result, Scope, Sink, StepBuilder, Stream, StreamOptions,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{bytes, hex, map_options, text, txn};

/// The objects by name.
#[derive(Default)]
pub(crate) struct Streams {
    scopes: HashMap<String, Scope>,
    streams: HashMap<String, Stream>,
    readers: HashMap<String, Reader>,
    merged: HashMap<String, MergedReader>,
    sinks: HashMap<String, Taken>,
    /// Requests that wait for their replies while other steps are done.
    asked: HashMap<String, JoinHandle<Result<Bytes>>>,
}

/// A sink, and what it gave: by number and by how often that was delivered.
struct Taken {
    sink: Sink,
    events: Vec<Delivery>,
}

impl Taken {
    /// The event of this number that was delivered last, or for the time that is asked for.
    fn event(&self, seq: &Value, args: &Value) -> Result<&Delivery> {
        let wanted = |event: &&Delivery| {
            event.id().seq == *seq && (args["count"].is_null() || event.count() == args["count"])
        };
        let found = self.events.iter().rev().find(wanted);
        found.ok_or_else(|| Error::invalid(format!("the event {seq} was not given")))
    }
}

impl Streams {
    pub(crate) fn open_scope(&mut self, client: &Ponos, args: &Value, name: String) {
        self.scopes.insert(name, client.scope(&text(&args["name"])));
    }

    /// Opens a map in a scope, if there is one of this name.
    pub(crate) async fn map(&self, on: &str, args: &Value) -> Option<Result<Map>> {
        let scope = self.scopes.get(on)?;
        Some(scope.map_with(&text(&args["name"]), map_options(args)).await)
    }

    /// Opens a stream; whether its values are JSON.
    pub(crate) async fn open(
        &mut self,
        client: Option<&Ponos>,
        on: &str,
        args: &Value,
        name: String,
    ) -> Result<bool> {
        let (stream, options) = (text(&args["name"]), stream_options(args));
        let json = options.codec == "json";
        let opened = match (self.scopes.get(on), client) {
            (Some(scope), _) => scope.stream_with(&stream, options).await?,
            (None, Some(client)) => client.stream_with(&stream, options).await?,
            (None, None) => return Err(unknown(on)),
        };
        self.streams.insert(name, opened);
        Ok(json)
    }

    pub(crate) async fn run(
        &mut self,
        maps: &HashMap<String, Map>,
        operation: &str,
        on: &str,
        args: &Value,
        name: String,
    ) -> Result<Value> {
        match operation.split_once('.').unwrap_or_default() {
            ("reader", what) => self.of_reader(what, on, args).await,
            ("merged", what) => self.of_merged(what, on, args).await,
            ("step", _) => self.step(maps, args)?.commit().await.map(|()| json!({})),
            ("sink", "next") => {
                let taken = self.sinks.get_mut(on).ok_or_else(|| unknown(on))?;
                items(args, sink_items(taken, args)).await
            }
            ("sink", "ack_with") => {
                let step = self.step(maps, args)?;
                let taken = self.sinks.get(on).ok_or_else(|| unknown(on))?;
                taken.event(&args["seq"], args)?.ack_with(step).await.map(|()| json!({}))
            }
            ("sink", what) => answer(self.sinks.get(on).ok_or_else(|| unknown(on))?, what, args).await,
            (_, what) => self.of_stream(what, on, args, name).await,
        }
    }

    async fn of_reader(&mut self, what: &str, on: &str, args: &Value) -> Result<Value> {
        let reader = self.readers.get_mut(on).ok_or_else(|| unknown(on))?;
        match what {
            "next" => items(args, reader_items(reader, args)).await,
            "position" => {
                Ok(json!({"position": reader.position().to_string(), "seq": reader.position().seq}))
            }
            _ => {
                self.readers.remove(on).into_iter().for_each(Reader::close);
                Ok(json!({}))
            }
        }
    }

    async fn of_merged(&mut self, what: &str, on: &str, args: &Value) -> Result<Value> {
        let reader = self.merged.get_mut(on).ok_or_else(|| unknown(on))?;
        if what == "next" {
            return items(args, merged_items(reader, args)).await;
        }
        self.merged.remove(on).into_iter().for_each(MergedReader::close);
        Ok(json!({}))
    }

    async fn of_stream(&mut self, what: &str, on: &str, args: &Value, name: String) -> Result<Value> {
        if what == "merge" {
            let stream = |name: &Value| self.streams.get(&text(name)).cloned().ok_or_else(|| unknown(on));
            let streams = list(&args["streams"]).map(stream).collect::<Result<Vec<_>>>()?;
            let wait = millis(&args["max_wait_ms"]).unwrap_or(MAX_WAIT);
            self.merged.insert(name, merge(&streams, reader_options(args), wait).await?);
            return Ok(json!({}));
        }
        if let Some(asked) = self.asked.remove(on) {
            let reply = asked.await.map_err(|error| Error::internal(error.to_string()))?;
            return reply.map(|reply| json!({"value": hex(Some(reply))}));
        }
        let stream = self.streams.get(on).ok_or_else(|| unknown(on))?.clone();
        match what {
            "reader" => {
                drop(self.readers.insert(name, stream.reader_with(reader_options(args)).await?));
            }
            "sink" => {
                let sink = stream.sink_with(&text(&args["group"]), sink_options(args)).await?;
                self.sinks.insert(name, Taken { sink, events: Vec::new() });
            }
            "request" => {
                let (topic, value) = (text(&args["topic"]), bytes(&args["value"]));
                let timeout = millis(&args["timeout_ms"]).unwrap_or(PATIENCE);
                let asking = async move { stream.request(&topic, value, timeout).await };
                if name.is_empty() {
                    return asking.await.map(|reply| json!({"value": hex(Some(reply))}));
                }
                self.asked.insert(name, tokio::spawn(asking));
            }
            "reply" => {
                let from = text(&args["from"]);
                let event = self.sinks.get(&from).ok_or_else(|| unknown(&from))?.event(&args["seq"], args)?;
                return Ok(json!({"value": stream.reply(event, bytes(&args["value"])).await?}));
            }
            _ => return of_stream(&stream, what, args).await,
        }
        Ok(json!({}))
    }

    fn step(&self, maps: &HashMap<String, Map>, args: &Value) -> Result<StepBuilder> {
        let mut step = StepBuilder::new();
        for part in list(&args["maps"]) {
            let map = maps.get(part["map"].as_str().unwrap_or_default()).ok_or_else(|| unknown("map"))?;
            let (mut builder, txn) = (map.txn(), txn(part));
            for (key, condition) in txn.compare {
                builder = builder.when(&key, condition);
            }
            step = step.map(txn.then.into_iter().fold(builder, |builder, (key, op)| builder.op(&key, op)));
        }
        for part in list(&args["streams"]) {
            let name = part["stream"].as_str().unwrap_or_default();
            let stream = self.streams.get(name).ok_or_else(|| unknown(name))?;
            step = step.publish(stream, list(&part["messages"]).map(message));
        }
        Ok(step)
    }
}

/// How long a request waits if nothing is said.
const PATIENCE: Duration = Duration::from_secs(10);

fn unknown(on: &str) -> Error {
    Error::invalid(format!("there is no {on:?}"))
}

async fn of_stream(stream: &Stream, what: &str, args: &Value) -> Result<Value> {
    Ok(match what {
        "publish" => {
            let Message { topic, payload, options } = message(args);
            published(&stream.publish_with(&topic, payload, options).await?)
        }
        "publish_batch" => {
            let mut messages: Vec<Message> = list(&args["messages"]).map(message).collect();
            if let Some(first) = messages.first_mut() {
                let conditions = message(args).options;
                (first.options.expect_last, first.options.if_exists) =
                    (conditions.expect_last, conditions.if_exists);
            }
            let done = stream.publish_batch(messages).await?;
            json!({"events": done.iter().map(published).collect::<Vec<_>>()})
        }
        "info" => match stream.info().await? {
            None => json!({"exists": false}),
            Some(info) => {
                let seq = |id: Option<EventId>| id.map(|id| id.seq);
                let groups = info.groups.iter().map(|group| {
                    let oldest = group.oldest_pending_ms.is_some();
                    json!({"name": group.name, "lag": group.lag, "pending": group.pending,
                           "oldest_pending": oldest, "consumers": group.consumers})
                });
                json!({"exists": true, "len": info.len, "bytes": info.bytes, "first": seq(info.first),
                       "last": seq(info.last), "groups": groups.collect::<Vec<_>>()})
            }
        },
        "remove" => {
            let id = text(&args["id"]).parse();
            let id = id.map_err(|_| Error::invalid(format!("{} is not the id of an event", args["id"])))?;
            json!({"value": stream.remove(id).await?})
        }
        "destroy" => json!({"value": stream.destroy().await?}),
        "disband" => json!({"value": stream.disband(&text(&args["group"])).await?}),
        "close" => {
            stream.close().await;
            json!({})
        }
        _ => return Err(Error::not_found(format!("unsupported: stream.{what}"))),
    })
}

fn published(published: &Published) -> Value {
    json!({"id": published.id.map(|id| id.to_string()), "seq": published.id.map(|id| id.seq),
           "duplicate": published.duplicate})
}

async fn answer(taken: &Taken, what: &str, args: &Value) -> Result<Value> {
    let event = || taken.event(&args["seq"], args);
    match what {
        "ack" if args["seqs"].is_array() => {
            let events = list(&args["seqs"]).map(|seq| taken.event(seq, args)).collect::<Result<Vec<_>>>()?;
            taken.sink.ack_batch(events).await?;
        }
        "ack" => event()?.ack().await?,
        "nack" => match args["delay_ms"].as_u64() {
            Some(delay) => event()?.nack_after(Duration::from_millis(delay)).await?,
            None => event()?.nack().await?,
        },
        "term" => event()?.term(&text(&args["reason"])).await?,
        "progress" => event()?.progress()?,
        "close" => taken.sink.close().await?,
        _ => return Err(Error::not_found(format!("unsupported: sink.{what}"))),
    }
    Ok(json!({}))
}

/// What came, or a time-out that says what came.
async fn items(args: &Value, gather: impl Future<Output = (Vec<Value>, Result<()>)>) -> Result<Value> {
    let (items, ended) = gather.await;
    ended?;
    if items.len() < wanted(args) && !args["ends"].as_bool().unwrap_or(false) {
        return Err(Error::timeout(format!("got only {}", Value::Array(items))));
    }
    Ok(json!({"events": items}))
}

fn wanted(args: &Value) -> usize {
    args["count"].as_u64().unwrap_or(1) as usize
}

fn limit(args: &Value) -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_millis(args["within_ms"].as_u64().unwrap_or(10_000))
}

async fn reader_items(reader: &mut Reader, args: &Value) -> (Vec<Value>, Result<()>) {
    let show = |item: &Item| shown(item, |event| (event, None));
    gathered(args, async |most| reader.next_batch(most).await, show).await
}

async fn merged_items(reader: &mut MergedReader, args: &Value) -> (Vec<Value>, Result<()>) {
    let show = |Merged { stream, late, item }: &Merged| {
        let mut shown = shown(item, |event| (event, None));
        (shown["stream"], shown["late"]) = ((*stream).into(), (*late).into());
        shown
    };
    gathered(args, async |most| reader.next_batch(most).await, show).await
}

/// What comes in batches, until there is enough, time is up, or nothing comes any more.
async fn gathered<T>(
    args: &Value,
    mut next_batch: impl AsyncFnMut(usize) -> Result<Vec<T>>,
    show: impl Fn(&T) -> Value,
) -> (Vec<Value>, Result<()>) {
    let (mut items, until) = (Vec::new(), limit(args));
    while items.len() < wanted(args) {
        match tokio::time::timeout_at(until, next_batch(wanted(args) - items.len())).await {
            Err(_) => break,
            Ok(Err(error)) => return (items, Err(error)),
            Ok(Ok(batch)) if batch.is_empty() => return (items, Ok(())),
            Ok(Ok(batch)) => items.extend(batch.iter().map(&show)),
        }
    }
    (items, Ok(()))
}

async fn sink_items(taken: &mut Taken, args: &Value) -> (Vec<Value>, Result<()>) {
    let (mut items, until) = (Vec::new(), limit(args));
    while items.len() < wanted(args) {
        match tokio::time::timeout_at(until, taken.sink.next()).await {
            Err(_) => break,
            Ok(None) => return (items, Ok(())),
            Ok(Some(Err(error))) => return (items, Err(error)),
            Ok(Some(Ok(item))) => {
                items.push(shown(&item, |event| (event.event(), Some(event.count()))));
                taken.events.extend(item.event());
            }
        }
    }
    (items, Ok(()))
}

fn shown<E>(item: &Item<E>, event: impl Fn(&E) -> (&Event, Option<u32>)) -> Value {
    match item {
        Item::Event(it) => {
            let (event, count) = event(it);
            let headers: serde_json::Map<_, _> = event
                .headers()
                .map(|(name, value)| {
                    let hex = value.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                    (name.to_owned(), json!({"hex": hex}))
                })
                .collect();
            json!({"kind": "event", "id": event.id().to_string(), "seq": event.id().seq, "topic": event.topic(),
                   "key": event.key(), "headers": headers, "value": hex(Some(event.payload())), "count": count,
                   "dated": event.at() > 0})
        }
        Item::Gap(gap) => json!({"kind": "gap", "first_missing": gap.first_missing.seq, "next": gap.next.seq,
                                 "count": gap.count}),
        _ => json!({"kind": "deleted"}),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn texts(value: &Value) -> Vec<String> {
    list(value).map(text).collect()
}

fn millis(value: &Value) -> Option<Duration> {
    value.as_u64().map(Duration::from_millis)
}

fn message(args: &Value) -> Message {
    let mut options = PublishOptions::default().key(&text(&args["key"])).dedup_id(&text(&args["dedup_id"]));
    for (name, value) in args["headers"].as_object().into_iter().flatten() {
        options = options.header(name, bytes(value));
    }
    options = options.delay(millis(&args["delay_ms"]).unwrap_or_default());
    options.expect_last = args["expect_last"].as_u64();
    options.if_exists = args["if_exists"] == true;
    Message { options, ..Message::new(&text(&args["topic"]), bytes(&args["value"])) }
}

fn stream_options(args: &Value) -> StreamOptions {
    let mut options = StreamOptions::default();
    let keep = options.retention;
    options = options.max_len(args["max_len"].as_u64().unwrap_or(keep.max_len));
    options = options.max_bytes(args["max_bytes"].as_u64().unwrap_or(keep.max_bytes));
    options = options.max_age(millis(&args["max_age_ms"]).unwrap_or_default());
    options = options.when_behind(match args["when_behind"].as_str() {
        Some("skip") => WhenBehind::Skip,
        Some("reject") => WhenBehind::Reject,
        _ => WhenBehind::Keep,
    });
    match args["codec"].as_str() {
        Some(codec) => options.codec(codec),
        None => options,
    }
}

fn start(args: &Value) -> Start {
    let from = &args["from"];
    if from == "first" {
        return Start::First;
    }
    let number = |name: &str| from[name].as_u64();
    match (text(&from["behind"]).parse(), number("time"), number("last")) {
        (Ok(id), ..) => Start::Behind(id),
        (_, Some(time), _) => Start::Time(time),
        (_, _, Some(last)) => Start::Last(last),
        _ => Start::End,
    }
}

fn reader_options(args: &Value) -> ReaderOptions {
    let mut options = ReaderOptions::default().from(start(args)).topics(texts(&args["topics"]));
    options.replay = args["replay"].as_f64();
    options
}

fn sink_options(args: &Value) -> SinkOptions {
    let default = SinkOptions::default();
    let number = |name: &str| args[name].as_u64();
    let partitions = number("partitions").unwrap_or(64);
    SinkOptions::default()
        .from(start(args))
        .topics(texts(&args["topics"]))
        .order(match args["order"].as_str() {
            Some("key") => Order::ByKey(partitions as u16),
            Some("total") => Order::Total,
            _ => Order::None,
        })
        .ack_wait(millis(&args["ack_wait_ms"]).unwrap_or(default.ack_wait))
        .backoff(list(&args["backoff_ms"]).filter_map(millis))
        .max_deliver(number("max_deliver").unwrap_or(0) as u32)
        .dead_letter(&text(&args["dead_letter"]))
        .max_in_flight(number("max_in_flight").map_or(default.max_in_flight, |number| number as usize))
        .prefetch(number("prefetch").map_or(default.prefetch, |number| number as usize))
}
