//! Ponos: the same primitives for distributed programs in Rust, Python, Node and Go.
//!
//! A **map** is replicated: every node reads its own copy with no round trip, writes are atomic operations,
//! and changes arrive in order, with data, without gaps. The same program runs embedded or on Redis, by
//! changing a URL.
//!
//! ```
//! # let runtime = tokio::runtime::Runtime::new()?;
//! # runtime.block_on(async {
//! use ponos::Ponos;
//!
//! let client = Ponos::open("memory://").await?; // redis://host:6379 runs the same program
//! let prices = client.map("prices").await?;
//! let mut changes = prices.watch("btc*");
//! prices.set("btc", "64000").await?; // when it returns, get() here shows it
//! assert_eq!(prices.get("btc").as_deref(), Some(&b"64000"[..]));
//! let _synced = changes.next().await;
//! println!("{:?}", changes.next().await);
//! client.close().await;
//! # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
pub mod engine;
mod error;
pub mod map;
pub mod model;
mod retry;
mod rt;
pub mod stream;
mod time;
mod url;

pub use bytes::Bytes;

pub use client::{Ponos, Scope};
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "json")]
pub use map::Json;
pub use map::{
    Codec, Counted, DeleteOptions, Edited, From, IncrFloatOptions, IncrOptions, Map, MapOptions, SetOptions,
    Snapshot, Status, Text, TxnBuilder, TxnDone, TypedMap, WatchOptions, Watcher, Written,
};
pub use model::event::{Event, Reason};
pub use model::filter::Filter;
pub use model::op::{Condition, Op};
pub use model::txn::Txn;
pub use model::value::{Entry, Key, Position, Shape};
pub use stream::{Delivery, EventId, Reader, Sink, StepBuilder, Stream, StreamOptions};
pub use url::{Callers, EngineUrl, RedisUrl, Settings, TlsFiles};
