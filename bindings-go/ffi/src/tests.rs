//! The C interface, called as Go calls it.
#![allow(unsafe_code, reason = "a caller of C functions")]

use std::sync::{LazyLock, Mutex, mpsc};
use std::time::Duration;

use ponos_bindings_core::lent::bytes;
use ponos_bindings_core::{Plain, packed};

use crate::deliver::{ponos_free, ponos_live, ponos_start};
use crate::read::{ponos_get, ponos_stamp};
use crate::submit::{PonosReply, ponos_cancel, ponos_submit};

type Delivered = (mpsc::SyncSender<(u64, Vec<u8>)>, Mutex<mpsc::Receiver<(u64, Vec<u8>)>>);

static DELIVERED: LazyLock<Delivered> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::sync_channel(1_000);
    (sender, Mutex::new(receiver))
});

/// One test at a time: they count what is alive, and share what is delivered.
static TURN: Mutex<()> = Mutex::new(());

unsafe extern "C" fn deliver(batch: *const u8, len: usize) {
    // SAFETY: `deliver.rs` passes that many bytes.
    let mut batch = unsafe { bytes(batch, len) };
    let number = |batch: &mut &[u8]| {
        let (eight, rest) = batch.split_first_chunk().expect("eight bytes");
        *batch = rest;
        u64::from_le_bytes(*eight)
    };
    while !batch.is_empty() {
        let (call, length) = (number(&mut batch), number(&mut batch));
        let (answer, rest) = batch.split_at(usize::try_from(length).expect("a length of this machine"));
        DELIVERED.0.send((call, answer.to_vec())).expect("room");
        batch = rest;
    }
}

fn submit(op: &str, on: usize, args: &[u8], room: &mut [u8]) -> (bool, PonosReply) {
    // SAFETY: everything is borrowed for the call.
    let reply = unsafe {
        ponos_start(deliver);
        let (out, len, args, args_len) = (room.as_mut_ptr(), room.len(), args.as_ptr(), args.len());
        ponos_submit(on, op.as_ptr(), op.len(), args, args_len, 7, true, out, len)
    };
    (reply.waits, reply)
}

fn arguments<const N: usize>(values: [Plain; N]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        packed::pack(value, &mut bytes, &mut |_| 0);
    }
    bytes
}

fn ask<const N: usize>(op: &str, on: usize, args: [Plain; N]) -> Vec<u8> {
    let mut room = [0; 64];
    let (pending, reply) = submit(op, on, &arguments(args), &mut room);
    assert!(!pending, "{op} waits");
    if reply.held == 0 {
        return room[..reply.len].to_vec();
    }
    // SAFETY: the answer is there until it is freed.
    let long = unsafe { bytes(reply.data, reply.len) }.to_vec();
    free(&[reply.held]);
    long
}

fn handle(answer: &[u8]) -> usize {
    assert_eq!(answer.first(), Some(&0), "{}", String::from_utf8_lossy(answer));
    let number = answer[2..10].try_into().map(u64::from_le_bytes).expect("eight bytes");
    usize::try_from(number).expect("a number of this machine")
}

/// A client and a map of an engine of its own.
fn map(name: &str) -> (usize, usize) {
    let client = handle(&ask("open", 0, [format!("memory://{name}").into()]));
    (client, handle(&ask("client.map", client, ["m".into(), "bytes".into()])))
}

fn free(handles: &[usize]) {
    for handle in handles {
        // SAFETY: the caller uses it no more.
        unsafe { ponos_free(*handle) };
    }
}

fn get(map: usize, key: &[u8], whole: bool, room: &mut [u8]) -> i64 {
    // SAFETY: everything is borrowed for the call, and the handle is alive.
    unsafe { ponos_get(map, key.as_ptr(), key.len(), whole, room.as_mut_ptr(), room.len()) }
}

#[test]
fn a_write_is_answered_at_once_and_read_back() {
    let _turn = TURN.lock();
    let before = ponos_live();
    let (client, map) = map("ffi-write");
    let long = "7".repeat(200);
    let first = ask("map.set", map, ["k".into(), long.clone().into()]);
    assert_eq!(first, [0, 9, 3, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0]);
    let again = ask("map.set", map, ["k".into(), "".into()]);
    assert_eq!(&again[22..], long.as_bytes(), "the previous value did not fit and was taken");
    ask("map.set", map, ["k".into(), "value".into()]);
    let mut room = [0; 64];
    assert_eq!((get(map, b"k", false, &mut room), &room[..5]), (5, &b"value"[..]));
    assert_eq!((get(map, b"k", true, &mut room), &room[packed::HEAD..][..6]), (46, &b"kvalue"[..]));
    assert_eq!(get(map, b"k", false, &mut room[..4]), 5, "the length is told if there is no room");
    assert_eq!((get(map, b"none", false, &mut room), get(map, b"\xff", false, &mut room)), (-1, -1));
    assert_eq!((get(0, b"k", false, &mut room), get(client, b"k", true, &mut room)), (-1, -1));
    // SAFETY: the handle is alive.
    assert!(unsafe { ponos_stamp(client, b"k".as_ptr(), 1) }.is_null());
    free(&[map, client, 0]);
    assert_eq!(ponos_live(), before);
}

#[test]
fn a_call_that_waits_is_delivered_once_even_if_it_is_cancelled() {
    let _turn = TURN.lock();
    let (client, map) = map("ffi-wait");
    let before = ponos_live();
    let (pending, reply) = submit("map.wait_for", map, &arguments([Plain::Int(5)]), &mut []);
    assert!(pending && reply.held != 0);
    // SAFETY: the cancel is freed behind its last use; the handles are used no more after the answer.
    unsafe {
        ponos_cancel(reply.held);
        ponos_cancel(reply.held);
        ponos_free(reply.held);
    }
    let receiver = DELIVERED.1.lock().expect("one reader");
    let (call, answer) = receiver.recv_timeout(Duration::from_secs(30)).expect("delivered");
    assert_eq!((call, answer[0]), (7, 1), "{}", String::from_utf8_lossy(&answer));
    assert!(receiver.try_recv().is_err(), "delivered twice");
    assert_eq!(ponos_live(), before);
    free(&[map, client]);
}

#[test]
fn what_makes_no_sense_is_an_error_and_no_crash() {
    let _turn = TURN.lock();
    let (client, map) = map("ffi-nonsense");
    let before = ponos_live();
    let mut room = [0; 512];
    for op in
        ["map.set", "map.txn", "map.watch", "map.range", "watch.next", "open", "client.map", "", "\u{fffd}"]
    {
        for on in [0, client, map] {
            for args in [&b"\xff"[..], b"\x05\xff\xff\xff\xff", &[9; 64], &[5, 1, 0, 0, 0, 0xff]] {
                let (pending, reply) = submit(op, on, args, &mut room);
                assert!(!pending && reply.held == 0 && room[0] == 1, "{op} took {args:?}");
            }
        }
    }
    assert_eq!(ponos_live(), before);
    free(&[map, client]);
}
