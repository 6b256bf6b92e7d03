//! Calls that meet the end of the runtime are done or refused: none panics, none hangs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use ponos::{ErrorKind, Result};
use ponos_bindings_core::{Object, Plain, Submitted, runtime, submit};

static PANICKED: AtomicBool = AtomicBool::new(false);

/// The answer of a call, which has to come.
fn ask(on: &Object, op: &str, args: Vec<Plain>) -> Result<Plain> {
    let (sender, receiver) = mpsc::sync_channel(1);
    match submit(on, op, args, move |result| drop(sender.send(result))) {
        Submitted::Ready(result) => result,
        Submitted::Pending(_) => receiver.recv_timeout(Duration::from_secs(60)).expect("an answer"),
    }
}

#[test]
fn calls_that_meet_the_end_are_done_or_refused() {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        PANICKED.store(true, Ordering::SeqCst);
    }));
    let Ok(Plain::Object(client)) = ask(&Object::Nothing, "open", vec!["memory://shutdown".into()]) else {
        panic!("open")
    };
    let args = vec!["m".into(), "bytes".into()];
    let Ok(Plain::Object(map)) = ask(&client, "client.map", args) else { panic!("map") };
    let (started, begun) = mpsc::sync_channel(1);
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (map, started) = (map.clone(), started.clone());
            std::thread::spawn(move || {
                for round in 0_u64.. {
                    let waits = ask(&map, "map.set", vec!["k".into(), "v".into()])
                        .and_then(|_| ask(&map, "map.wait_for", vec![Plain::Int(round.min(1).into())]));
                    if let Err(error) = waits {
                        return error.kind();
                    }
                    started.try_send(()).unwrap_or_default(); // full: it is known already
                }
                unreachable!("the runtime never ended")
            })
        })
        .collect();
    begun.recv().expect("calls run");
    runtime::shutdown(Duration::from_secs(10));
    for caller in callers {
        assert_eq!(caller.join().expect("no panic"), ErrorKind::Closed);
    }
    assert!(!PANICKED.load(Ordering::SeqCst));
}
