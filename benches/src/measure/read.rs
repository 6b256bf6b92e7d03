//! Local reads, beside plain concurrent hash maps: the same keys in the same order.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use ponos::{Bytes, Ponos, Result};
use serde_json::json;

use crate::sample::Sample;

/// How long each point is measured.
const TIME: Duration = Duration::from_millis(400);

/// `get` of the local copy with 1 and 2 threads, of 1,000 and 100,000 keys.
///
/// # Errors
/// Those of filling the map.
pub async fn gets() -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for keys in [1_000_usize, 100_000] {
        let names: Arc<Vec<String>> = Arc::new(shuffled(keys));
        let client = Ponos::open("memory://bench-read").await?;
        let map = client.map(&format!("get-{keys}")).await?;
        let (dash, papaya) = (Arc::new(DashMap::new()), Arc::new(papaya::HashMap::new()));
        for name in names.iter() {
            let value = Bytes::from(vec![b'v'; 100]);
            map.set(name, value.clone()).await?;
            dash.insert(name.clone(), value.clone());
            papaya.pin().insert(name.clone(), value);
        }
        for threads in [1, 2] {
            let params = [("keys", json!(keys)), ("threads", json!(threads))];
            let ours = map.clone();
            let with = map.clone();
            let (dash, papaya) = (dash.clone(), papaya.clone());
            let points: [(&str, f64); 4] = [
                ("get", time(threads, &names, move |key| ours.get(key).map_or(0, |value| value.len()))),
                (
                    "get_with",
                    time(threads, &names, move |key| with.with(key, |entry| entry.value.len()).unwrap_or(0)),
                ),
                (
                    "dashmap_get",
                    time(threads, &names, move |key| dash.get(key).map_or(0, |value| value.clone().len())),
                ),
                (
                    "papaya_get",
                    time(threads, &names, move |key| {
                        papaya.pin().get(key).map_or(0, |value| value.clone().len())
                    }),
                ),
            ];
            for (bench, ns) in points {
                samples.push(Sample { ns_per_op: Some(ns), ..Sample::new(bench, &params) });
            }
        }
        client.close().await;
    }
    Ok(samples)
}

/// Nanoseconds of one thread per read.
fn time(
    threads: usize,
    keys: &Arc<Vec<String>>,
    read: impl Fn(&str) -> usize + Clone + Send + 'static,
) -> f64 {
    let workers = (0..threads).map(|worker| {
        let (keys, read) = (keys.clone(), read.clone());
        std::thread::spawn(move || {
            let start = Instant::now();
            let (mut count, mut bytes) = (0_u64, 0);
            while start.elapsed() < TIME {
                for key in keys.iter().cycle().skip(worker * 37).take(1_000.max(keys.len())) {
                    bytes += read(black_box(key));
                }
                count += 1_000.max(keys.len()) as u64;
            }
            assert_eq!(bytes as u64, count * 100, "every value is read");
            start.elapsed().as_nanos() as f64 / count as f64
        })
    });
    let times: Vec<f64> =
        workers.collect::<Vec<_>>().into_iter().filter_map(|worker| worker.join().ok()).collect();
    times.iter().sum::<f64>() / times.len() as f64
}

/// Keys in an order that no cache foresees, laid out in the order they are visited.
fn shuffled(keys: usize) -> Vec<String> {
    let mut numbers: Vec<usize> = (0..keys).collect();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..keys).rev() {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        numbers.swap(at, chance as usize % (at + 1));
    }
    numbers.into_iter().map(|number| format!("key-{number:012}")).collect()
}
