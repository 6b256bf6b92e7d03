//! Opening, closing and cancelling leave nothing behind: tasks, file descriptors and memory stay flat.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests have a clock of their own and may panic"
)]

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ponos::{Ponos, Result};
use ponos_test_support::{Proxy, RedisServer};

/// What is measured belongs to the whole process: one test at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Open file descriptors, and resident memory in KiB.
fn usage() -> (usize, usize) {
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let pages: usize = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse().ok())
        .unwrap_or(0);
    (files, pages * 4)
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

async fn open_and_close(url: &str) -> Result<()> {
    let client = Ponos::open(url).await?;
    let map = client.map("m").await?;
    let mut watcher = map.watch("*");
    map.set("k", "v").await?;
    assert!(watcher.next().await.is_some());
    client.close().await;
    Ok(())
}

async fn settled(tasks_before: usize) {
    let all_ended = async {
        while tasks() > tasks_before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), all_ended).await;
    assert!(ended.is_ok(), "{} tasks are left of {tasks_before}", tasks());
}

async fn stays_flat(url: &str, times: usize) -> Result<()> {
    for _ in 0..times / 10 {
        open_and_close(url).await?;
    }
    let (files, memory) = usage();
    let before = tasks();
    for _ in 0..times {
        open_and_close(url).await?;
    }
    settled(before).await;
    let (files_after, memory_after) = usage();
    assert!(files_after <= files + 4, "{files_after} files after {files}");
    assert!(memory_after < memory + 8 * 1024, "{memory_after} KiB after {memory}");
    Ok(())
}

#[tokio::test]
async fn ten_thousand_clients_in_memory_leave_nothing() -> Result<()> {
    let _alone = ALONE.lock().await;
    stays_flat("memory://leaks", 10_000).await
}

#[tokio::test]
async fn a_thousand_clients_of_a_server_leave_nothing() -> Result<()> {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start();
    stays_flat(&server.url(), 1_000).await?;
    let list = server.command(&["CLIENT", "LIST"]);
    assert_eq!(list.matches("laddr=").count(), 1, "only the one that asks: {list}");
    Ok(())
}

#[tokio::test]
async fn clients_that_are_dropped_unclosed_leave_nothing() -> Result<()> {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start();
    let before = tasks();
    for _ in 0..50 {
        let client = Ponos::open(&server.url()).await?;
        let map = client.map("m").await?;
        map.set("k", "v").await?;
    }
    settled(before).await;
    let list = server.command(&["CLIENT", "LIST"]);
    assert!(list.matches("laddr=").count() <= 2, "{list}");
    Ok(())
}

/// A hundred thousand writes are given up at their first wait: nothing is kept of them, and the map works.
#[tokio::test]
async fn cancelled_calls_leave_nothing() -> Result<()> {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start();
    let client = Ponos::open(&server.url()).await?;
    let map = client.map("m").await?;
    let before = tasks();
    let cancel = async |times: usize| -> Result<()> {
        for number in 0..times {
            let mut call = Box::pin(map.incr("n", 1));
            let first = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(first, Poll::Pending));
            drop(call);
            if number % 1_000 == 0 {
                map.set("pace", number.to_string()).await?;
            }
        }
        Ok(())
    };
    cancel(10_000).await?;
    let (files, memory) = usage();
    cancel(100_000).await?;
    map.sync().await?;
    settled(before).await;
    let (files_after, memory_after) = usage();
    assert!(files_after <= files, "{files_after} files after {files}");
    assert!(memory_after < memory + 8 * 1024, "{memory_after} KiB after {memory}");
    let sum = map.incr("n", 1).await?.value;
    assert!((1..=110_001).contains(&sum), "each was applied at most once: {sum}");
    assert_eq!(map.get_latest("n").await?.map(|entry| entry.value), Some(sum.to_string().into()));
    client.close().await;
    Ok(())
}

/// A network that lets nothing pass makes attempts to connect time out: none of their connections stays.
#[tokio::test]
async fn attempts_to_connect_that_are_given_up_leave_nothing() -> Result<()> {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let client = Ponos::open(&format!("{}?connect_timeout=50ms", proxy.url())).await?;
    let map = client.map("m").await?;
    let server = &server;
    let connections = move |enough: fn(usize) -> bool| {
        let reached = async move {
            while !enough(server.command(&["CLIENT", "LIST"]).matches("laddr=").count()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), reached)
    };
    proxy.freeze();
    proxy.cut();
    connections(|count| count > 8).await.expect("several attempts");
    proxy.thaw();
    connections(|count| count == 3).await.expect("two of the client are left, and the one that asks");
    assert_eq!(map.set("k", "v").await?.revision, 1);
    client.close().await;
    Ok(())
}
