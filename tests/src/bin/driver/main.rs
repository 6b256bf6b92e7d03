//! The Rust driver: does what a request says with the crate, and asserts nothing.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program speaks by printing")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ponos::{
    Condition, DeleteOptions, Error, ErrorKind, Event, Filter, From, IncrFloatOptions, IncrOptions, Key, Map,
    MapOptions, Op, Ponos, Result, SetOptions, Shape, Snapshot, Status, Txn, WatchOptions, Watcher,
};
use serde_json::{Value, json};

mod stream;

#[tokio::main]
async fn main() {
    let mut driver = Driver::default();
    for line in std::io::stdin().lines() {
        let request: Value = serde_json::from_str(&line.expect("a line")).expect("a request");
        let answer = match driver.run(&request).await {
            Ok(ok) => json!({"id": request["id"], "ok": ok}),
            Err(error) => {
                let (kind, message) = (error.kind().as_str(), error.to_string());
                let place = (error.maybe_applied(), error.operation());
                let error =
                    json!({"kind": kind, "message": message, "maybe_applied": place.0, "operation": place.1});
                json!({"id": request["id"], "error": error})
            }
        };
        println!("{answer}");
    }
}

/// The objects by name.
#[derive(Default)]
struct Driver {
    clients: HashMap<String, Ponos>,
    maps: HashMap<String, Map>,
    snapshots: HashMap<String, Snapshot>,
    watchers: HashMap<String, Watcher>,
    streams: stream::Streams,
    /// Which maps, streams and what was opened on them have the codec json.
    json: HashMap<String, bool>,
}

impl Driver {
    async fn run(&mut self, request: &Value) -> Result<Value> {
        let (operation, args) = (text(&request["do"]), &request["args"]);
        let (on, name) = (text(&request["on"]), text(&request["as"]));
        let unknown = || Error::invalid(format!("there is no {on:?}"));
        JSON.store(self.json.get(&on).copied().unwrap_or_default(), Ordering::Relaxed);
        match operation.as_str() {
            "open" => drop(self.clients.insert(name, Ponos::open(&text(&args["url"])).await?)),
            "client.map" => {
                let map = match self.streams.map(&on, args).await {
                    Some(opened) => opened?,
                    None => {
                        let client = self.clients.get(&on).ok_or_else(unknown)?;
                        client.map_with(&text(&args["name"]), map_options(args)).await?
                    }
                };
                self.json.insert(name.clone(), map.codec() == "json");
                self.maps.insert(name, map);
            }
            "client.scope" => {
                self.streams.open_scope(self.clients.get(&on).ok_or_else(unknown)?, args, name);
            }
            "client.stream" => {
                let json = self.streams.open(self.clients.get(&on), &on, args, name.clone()).await?;
                self.json.insert(name, json);
            }
            "client.close" => self.clients.get(&on).ok_or_else(unknown)?.close().await,
            "snapshot.get" => {
                let snapshot = self.snapshots.get(&on).ok_or_else(unknown)?;
                return Ok(json!({"value": hex(snapshot.get(&text(&args["key"])))}));
            }
            "snapshot.len" => {
                return Ok(json!({"value": self.snapshots.get(&on).ok_or_else(unknown)?.len()}));
            }
            "watch.next" => return next(self.watchers.get_mut(&on).ok_or_else(unknown)?, args).await,
            "watch.close" => drop(self.watchers.remove(&on)),
            "map.watch" => {
                let map = self.maps.get(&on).ok_or_else(unknown)?;
                let watcher = map.watch_with(watch_options(args));
                self.json.insert(name.clone(), map.codec() == "json");
                self.watchers.insert(name, watcher);
            }
            "map.snapshot" => {
                let snapshot = self.maps.get(&on).ok_or_else(unknown)?.snapshot();
                let answer = json!({"revision": snapshot.position().revision, "len": snapshot.len()});
                self.snapshots.insert(name, snapshot);
                return Ok(answer);
            }
            _ if ["stream.", "reader.", "merged.", "sink.", "step."]
                .iter()
                .any(|kind| operation.starts_with(kind)) =>
            {
                // Those that are merged have one codec.
                let of = args["streams"][0].as_str().unwrap_or(&on);
                let json = self.json.get(of).copied().unwrap_or_default();
                self.json.insert(name.clone(), json);
                return self.streams.run(&self.maps, &operation, &on, args, name).await;
            }
            _ => {
                let map = self.maps.get(&on).ok_or_else(unknown)?.clone();
                return match read(&map, &operation, args).await? {
                    Some(answer) => Ok(answer),
                    None => write(&map, &operation, args).await,
                };
            }
        }
        Ok(json!({}))
    }
}

async fn read(map: &Map, operation: &str, args: &Value) -> Result<Option<Value>> {
    let key = text(&args["key"]);
    Ok(Some(match operation {
        "map.get" => json!({"value": shaped(map.entry(&key))}),
        "map.entry" => json!({"entry": map.entry(&key).map(|entry| json!({
            "value": shaped(Some(entry.clone())), "revision": entry.revision,
            "shape": shape(entry.shape), "expires": entry.deadline.is_some(),
        }))}),
        "map.items_of" => {
            json!({"items": map.items_of(&key).map(|items| items.into_iter().map(|item| hex(Some(item))).collect::<Vec<_>>())})
        }
        "map.contains" => json!({"value": map.contains(&key)}),
        "map.len" => json!({"value": map.len()}),
        "map.keys" => {
            let mut keys: Vec<String> = map.keys().iter().map(|key| key.to_string()).collect();
            keys.sort();
            json!({"keys": keys})
        }
        "map.prefix" => entries(map.prefix(&text(&args["prefix"]))),
        "map.range" => match (args["from"].as_str(), args["to"].as_str()) {
            (Some(from), Some(to)) => entries(map.range(from..to)),
            (Some(from), None) => entries(map.range(from..)),
            (None, Some(to)) => entries(map.range(..to)),
            (None, None) => entries(map.range(..)),
        },
        "map.entries" => entries(map.range(..)),
        "map.revision" => json!({"revision": map.revision()}),
        "map.status" => json!({"status": match map.status() {
            Status::Live => "live",
            Status::Stale { .. } => "stale",
            Status::Resyncing => "resyncing",
            _ => "closed",
        }}),
        "map.get_latest" => match map.get_latest(&key).await? {
            Some(entry) => json!({"value": shaped(Some(entry.clone())), "revision": entry.revision}),
            None => json!({"value": null}),
        },
        "map.sync" => json!({"revision": map.sync().await?}),
        "map.wait_for" => {
            json!({"revision": map.wait_for(args["revision"].as_u64().unwrap_or_default()).await?})
        }
        _ => return Ok(None),
    }))
}

async fn write(map: &Map, operation: &str, args: &Value) -> Result<Value> {
    let key = text(&args["key"]);
    let written = match operation {
        "map.set" => map.set_with(&key, bytes(&args["value"]), set_options(args)).await?,
        "map.delete" => map.delete_with(&key, DeleteOptions { when: condition(args, "if_") }).await?,
        "map.touch" => map.touch(&key, args["ttl_ms"].as_u64().map(Duration::from_millis)).await?,
        "map.clear" => map.clear().await?,
        "map.destroy" => map.destroy().await?,
        "map.close" => {
            map.close().await;
            return Ok(json!({}));
        }
        "map.incr" => {
            let limits = IncrOptions::default();
            let min = args["min"].as_i64().unwrap_or(limits.min);
            let max = args["max"].as_i64().unwrap_or(limits.max);
            let by = args["by"].as_i64().unwrap_or_default();
            let done = map.incr_with(&key, by, IncrOptions { min, max }).await?;
            return Ok(json!({"revision": done.revision, "value": done.value}));
        }
        "map.incr_float" => {
            let limits = IncrFloatOptions::default();
            let min = args["min"].as_f64().unwrap_or(limits.min);
            let max = args["max"].as_f64().unwrap_or(limits.max);
            let by = args["by"].as_f64().unwrap_or_default();
            let done = map.incr_float_with(&key, by, IncrFloatOptions { min, max }).await?;
            return Ok(json!({"revision": done.revision, "value": done.value}));
        }
        "map.txn" => {
            let done = map.commit(txn(args)).await?;
            return Ok(json!({"revision": done.revision, "matched": done.matched, "changed": done.changed}));
        }
        _ => return edit(map, operation, &key, items(&args["items"])).await,
    };
    let previous = written.previous.map(|value| shaped_value(value, written.previous_shape));
    Ok(json!({"revision": written.revision, "changed": written.changed, "previous": previous}))
}

async fn edit(map: &Map, operation: &str, key: &str, items: Vec<Bytes>) -> Result<Value> {
    let edited = match operation {
        "map.list_append" => map.list_append(key, items).await?,
        "map.list_append_unique" => map.list_append_unique(key, items).await?,
        "map.list_remove" => map.list_remove(key, items).await?,
        "map.set_add" => map.set_add(key, items).await?,
        "map.set_remove" => map.set_remove(key, items).await?,
        _ => return Err(Error::new(ErrorKind::NotFound, format!("unsupported: {operation}"))),
    };
    Ok(json!({"revision": edited.revision, "changed": edited.changed, "len": edited.len}))
}

async fn next(watcher: &mut Watcher, args: &Value) -> Result<Value> {
    let count = args["count"].as_u64().unwrap_or(1) as usize;
    let within = Duration::from_millis(args["within_ms"].as_u64().unwrap_or(10_000));
    let mut events = Vec::new();
    let gather = async {
        while events.len() < count {
            let batch = watcher.next_batch(count - events.len()).await;
            if batch.is_empty() {
                break;
            }
            events.extend(batch.iter().map(event));
        }
    };
    if tokio::time::timeout(within, gather).await.is_err() {
        let got = Value::Array(events);
        return Err(Error::timeout(format!("got only {got}")));
    }
    Ok(json!({"events": events}))
}

fn event(event: &Event) -> Value {
    let (kind, value, reason) = match event {
        Event::Set { value, shape, .. } => ("set", Some((value.clone(), *shape)), None),
        Event::Delete { .. } => ("delete", None, None),
        Event::Expire { .. } => ("expire", None, None),
        Event::Clear { .. } => ("clear", None, None),
        Event::Synced { .. } => ("synced", None, None),
        Event::Resynced { reason, .. } => ("resynced", None, Some(reason.as_str())),
        _ => ("unknown", None, None),
    };
    json!({
        "kind": kind, "key": event.key().map(|key| key.to_string()), "value": value.map(|(value, shape)| shaped_value(value, shape)),
        "old": event.old().map(|old| shaped_value(old.clone(), event.old_shape())), "revision": event.revision(), "coalesced": event.coalesced(),
        "reason": reason,
    })
}

fn map_options(args: &Value) -> MapOptions {
    let mut options = MapOptions::default().ordered(args["ordered"].as_bool().unwrap_or(false));
    if let Some(codec) = args["codec"].as_str() {
        options = options.codec(codec);
    }
    if let Some(events) = args["watch_queue"].as_u64() {
        options = options.watch_queue(events as usize);
    }
    options
}

fn watch_options(args: &Value) -> WatchOptions {
    let filter = match (&args["filter"], &args["prefix"], &args["keys"]) {
        (Value::String(pattern), ..) => Filter::from(pattern.as_str()),
        (_, Value::String(prefix), _) => Filter::Prefix(prefix.clone()),
        (_, _, Value::Array(keys)) => Filter::Any(keys.iter().map(|key| Filter::Key(text(key))).collect()),
        _ => Filter::All,
    };
    let from = match &args["from"] {
        Value::String(from) if from == "snapshot" => From::Snapshot,
        Value::Number(revision) => From::Revision(revision.as_u64().unwrap_or_default()),
        _ => From::Now,
    };
    WatchOptions::default().filter(filter).from(from)
}

fn set_options(args: &Value) -> SetOptions {
    SetOptions { when: condition(args, "if_"), ttl: args["ttl_ms"].as_u64().map(Duration::from_millis) }
}

fn condition(args: &Value, prefix: &str) -> Condition {
    let argument = |name: &str| &args[format!("{prefix}{name}")];
    if argument("absent") == true {
        Condition::Absent
    } else if argument("present") == true {
        Condition::Present
    } else if let Some(revision) = argument("revision").as_u64() {
        Condition::Revision(revision)
    } else if argument("value").is_null() {
        Condition::Always
    } else {
        Condition::Value(bytes(argument("value")))
    }
}

fn txn(args: &Value) -> Txn {
    let list = |name: &str| args[name].as_array().cloned().unwrap_or_default();
    let op = |step: &Value| (Key::from(text(&step["key"])), op(step));
    Txn {
        compare: list("when").iter().map(|when| (text(&when["key"]).into(), condition(when, ""))).collect(),
        then: list("then").iter().map(op).collect(),
        otherwise: list("otherwise").iter().map(op).collect(),
    }
}

fn op(step: &Value) -> Op {
    let ttl = step["ttl_ms"].as_u64();
    let items = items(&step["items"]);
    let by = &step["by"];
    match text(&step["do"]).as_str() {
        "set" => Op::Set { value: bytes(&step["value"]), ttl, when: Condition::Always },
        "delete" => Op::Delete { when: Condition::Always },
        "incr" => Op::Incr { by: by.as_i64().unwrap_or_default(), min: i64::MIN, max: i64::MAX },
        "incr_float" => {
            Op::IncrFloat { by: by.as_f64().unwrap_or_default(), min: f64::NEG_INFINITY, max: f64::INFINITY }
        }
        "list_append" => Op::Add { shape: Shape::List, unique: false, items },
        "list_append_unique" => Op::Add { shape: Shape::List, unique: true, items },
        "list_remove" => Op::Remove { shape: Shape::List, items },
        "set_add" => Op::Add { shape: Shape::Set, unique: true, items },
        "set_remove" => Op::Remove { shape: Shape::Set, items },
        _ => Op::Touch { ttl },
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The bytes of text, of `{"hex"}` or, as another language's JSON codec writes them, of `{"json"}`.
fn bytes(value: &Value) -> Bytes {
    if let Some(json) = value.get("json") {
        return json.to_string().into();
    }
    let Some(hex) = value.get("hex").and_then(Value::as_str) else { return text(value).into() };
    let pairs = (0..hex.len()).step_by(2).filter_map(|at| hex.get(at..at + 2));
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect::<Vec<_>>().into()
}

fn items(value: &Value) -> Vec<Bytes> {
    value.as_array().map(|items| items.iter().map(bytes).collect()).unwrap_or_default()
}

/// Whether the object of the present request has the codec json; requests come one after the other.
static JSON: AtomicBool = AtomicBool::new(false);

/// Bytes as an answer holds them: `{"hex"}`, or `{"json"}` where the codec says so.
fn hex(bytes: Option<Bytes>) -> Option<Value> {
    if JSON.load(Ordering::Relaxed) {
        let parse = |bytes: Bytes| serde_json::from_slice::<Value>(&bytes).ok();
        return bytes.map(|bytes| json!({"json": parse(bytes)}));
    }
    let text = |bytes: Bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.map(|bytes| json!({"hex": text(bytes)}))
}

fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Plain => "plain",
        Shape::List => "list",
        Shape::Set => "set",
    }
}

fn shaped(entry: Option<ponos::Entry>) -> Option<Value> {
    entry.map(|entry| shaped_value(entry.value, entry.shape))
}

/// A list or set is an array of items, as the other languages show it.
fn shaped_value(value: Bytes, shape: Shape) -> Value {
    match shape {
        Shape::Plain => hex(Some(value)).unwrap_or_default(),
        _ => ponos::model::items::split(&value).map(|item| hex(Some(item))).collect::<Vec<_>>().into(),
    }
}

fn entries(entries: Vec<(Key, ponos::Entry)>) -> Value {
    let pairs = entries.into_iter().map(|(key, entry)| json!({"key": *key, "value": shaped(Some(entry))}));
    json!({"entries": pairs.collect::<Vec<_>>()})
}
