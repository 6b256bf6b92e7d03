//! A forked child may use `memory://` and the log bridge, whatever locks other threads of its parent held.
#![cfg(unix)]
#![allow(unsafe_code, reason = "it forks")]
#![allow(clippy::disallowed_methods, reason = "a guard against hanging needs a clock")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ponos_bindings_core::{Object, Plain, Submitted, log, submit};

/// The answer of a call, which has to come.
fn ask(on: &Object, op: &str, args: Vec<Plain>) -> Plain {
    let (sender, receiver) = mpsc::sync_channel(1);
    let result = match submit(on, op, args, move |result| drop(sender.send(result))) {
        Submitted::Ready(result) => result,
        Submitted::Pending(_) => receiver.recv_timeout(Duration::from_secs(20)).expect("an answer"),
    };
    result.expect(op)
}

/// Hears the log meanwhile.
fn story() {
    let number = log::listen("trace", |_| ()).expect("a level");
    session();
    log::stop(number);
}

/// Opens what all of them open, writes and closes.
fn session() {
    let Plain::Object(client) = ask(&Object::Nothing, "open", vec!["memory://forked".into()]) else {
        panic!("open")
    };
    let args = vec!["m".into(), "bytes".into()];
    let Plain::Object(map) = ask(&client, "client.map", args) else { panic!("map") };
    ask(&map, "map.set", vec!["k".into(), "v".into()]);
    ask(&client, "client.close", vec![]);
}

/// How a child ends that plays the story; `None` if it does not end in time.
fn fork_and_play() -> Option<i32> {
    // SAFETY: the child only plays the story and ends without the parent's clean-up.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let ended = std::panic::catch_unwind(story);
        // SAFETY: nothing of the parent's is to run.
        unsafe { libc::_exit(i32::from(ended.is_err())) };
    }
    assert!(child > 0, "no fork");
    let limit = Instant::now() + Duration::from_secs(60);
    let mut status = 0;
    // SAFETY: it waits for the child that it has just made.
    while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
        if Instant::now() > limit {
            // SAFETY: the same child.
            unsafe { libc::kill(child, libc::SIGKILL) };
            return None;
        }
        std::thread::yield_now();
    }
    Some(status)
}

#[test]
fn a_child_waits_for_no_lock_of_its_parents_threads() {
    static OVER: AtomicBool = AtomicBool::new(false);
    // The parent's level stays as it is: the lock that `tracing` takes to change it is not ours to mend.
    let number = log::listen("trace", |_| ()).expect("a level");
    session();
    let play = || {
        while !OVER.load(Ordering::SeqCst) {
            session();
        }
    };
    let busy: Vec<_> = (0..3).map(|_| std::thread::spawn(play)).collect();
    let ended: Vec<_> = (0..100).map(|_| fork_and_play()).collect();
    OVER.store(true, Ordering::SeqCst);
    busy.into_iter().for_each(|thread| thread.join().expect("the parent is fine"));
    log::stop(number);
    assert_eq!(ended, vec![Some(0); 100]);
}
