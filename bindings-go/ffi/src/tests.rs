//! The C interface, called as Go calls it.
#![allow(unsafe_code, reason = "a caller of C functions")]

use std::ptr::null_mut;
use std::sync::{LazyLock, Mutex, mpsc};
use std::time::Duration;

use crate::answer::Out;
use crate::deliver::{PonosItem, ponos_start};
use crate::handle::{lent, ponos_free, ponos_live};
use crate::op::PonosOp;
use crate::read::{PonosState, ponos_get, ponos_stamp, ponos_state};
use crate::submit::{PonosReply, ponos_cancel, ponos_release, ponos_submit, ponos_take};

type Delivered = (mpsc::SyncSender<(u64, Vec<u8>)>, Mutex<mpsc::Receiver<(u64, Vec<u8>)>>);

static DELIVERED: LazyLock<Delivered> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::sync_channel(1_000);
    (sender, Mutex::new(receiver))
});

/// One test at a time: they count what is alive, and share what is delivered.
static TURN: Mutex<()> = Mutex::new(());

unsafe extern "C" fn deliver(items: *const PonosItem, count: usize) {
    // SAFETY: `deliver.rs` passes that many items, each with its bytes.
    for item in unsafe { std::slice::from_raw_parts(items, count) } {
        // SAFETY: as above.
        let bytes = unsafe { lent(item.data, item.len) }.to_vec();
        DELIVERED.0.send((item.call, bytes)).expect("room");
    }
}

fn submit(op: u32, on: usize, key: &[u8], value: &[u8], args: &[u8], room: &mut [u8]) -> (bool, PonosReply) {
    let mut reply = PonosReply::default();
    // SAFETY: everything is borrowed for the call.
    let pending = unsafe {
        ponos_start(deliver);
        let (key, value, args) = ((key.as_ptr(), key.len()), (value.as_ptr(), value.len()), args);
        let (out, len) = (room.as_mut_ptr(), room.len());
        let (args, args_len) = (args.as_ptr(), args.len());
        ponos_submit(op, on, key.0, key.1, value.0, value.1, args, args_len, 7, true, out, len, &mut reply)
    };
    (pending, reply)
}

fn ask(op: PonosOp, on: usize, key: &str, value: &[u8], args: &[u8]) -> Vec<u8> {
    let mut room = [0; 64];
    let (pending, reply) = submit(op as u32, on, key.as_bytes(), value, args, &mut room);
    assert!(!pending, "{op:?} waits");
    if reply.spill == 0 {
        return room[..reply.len].to_vec();
    }
    let mut long = vec![0; reply.len];
    // SAFETY: the spill is taken once, into as much room as it needs.
    unsafe { ponos_take(reply.spill, long.as_mut_ptr(), long.len()) };
    long
}

fn handle(answer: &[u8]) -> usize {
    assert_eq!(answer.first(), Some(&0), "{}", String::from_utf8_lossy(answer));
    let number = answer[1..9].try_into().map(u64::from_le_bytes).expect("eight bytes");
    usize::try_from(number).expect("a number of this machine")
}

/// A client and a map of an engine of its own.
fn map(name: &str) -> (usize, usize) {
    let client = handle(&ask(PonosOp::Open, 0, &format!("memory://{name}"), b"", b""));
    let args = Out(Vec::new()).bytes(b"bytes").flag(false).u64(0).0;
    (client, handle(&ask(PonosOp::OpenMap, client, "m", b"", &args)))
}

fn free(handles: &[usize]) {
    for handle in handles {
        // SAFETY: the caller uses it no more.
        unsafe { ponos_free(*handle) };
    }
}

fn get(map: usize, key: &[u8], room: &mut [u8]) -> i64 {
    // SAFETY: everything is borrowed for the call, and the handle is alive.
    unsafe { ponos_get(map, key.as_ptr(), key.len(), room.as_mut_ptr(), room.len(), null_mut()) }
}

#[test]
fn a_write_is_answered_at_once_and_read_back() {
    let _turn = TURN.lock();
    let before = ponos_live();
    let (client, map) = map("ffi-write");
    let long = [7_u8; 200];
    assert_eq!(ask(PonosOp::Set, map, "k", &long, b"")[..10], [0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    let again = ask(PonosOp::Set, map, "k", b"", b"");
    assert_eq!(&again[11..], long, "the previous value did not fit and was taken");
    ask(PonosOp::Set, map, "k", b"value", b"");
    let mut room = [0; 8];
    assert_eq!((get(map, b"k", &mut room), &room[..5]), (5, &b"value"[..]));
    assert_eq!(get(map, b"k", &mut room[..4]), 5, "the length is told if there is no room");
    assert_eq!((get(map, b"none", &mut room), get(map, b"\xff", &mut room)), (-1, -1));
    assert_eq!((get(0, b"k", &mut room), get(client, b"k", &mut room)), (-1, -1));
    let mut state = PonosState::default();
    // SAFETY: the handle is alive and `state` is borrowed for the call.
    unsafe { ponos_state(map, &mut state) };
    assert_eq!((state.len, state.revision, state.status), (1, 3, 0));
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
    let (pending, reply) = submit(PonosOp::WaitFor as u32, map, b"", b"", &5_u64.to_le_bytes(), &mut []);
    assert!(pending && reply.cancel != 0);
    // SAFETY: the cancel is released once, behind its last use; the handles are used no more after the answer.
    unsafe {
        ponos_cancel(reply.cancel);
        ponos_cancel(reply.cancel);
        ponos_release(reply.cancel);
    }
    let receiver = DELIVERED.1.lock().expect("one reader");
    let (call, answer) = receiver.recv_timeout(Duration::from_secs(30)).expect("delivered");
    assert_eq!((call, answer[0]), (7, 1), "{}", String::from_utf8_lossy(&answer));
    assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err(), "delivered twice");
    assert_eq!(ponos_live(), before);
    free(&[map, client]);
}

#[test]
fn what_makes_no_sense_is_an_error_and_no_crash() {
    let _turn = TURN.lock();
    let (client, map) = map("ffi-nonsense");
    let before = ponos_live();
    let mut room = [0; 512];
    for op in 0..40 {
        for on in [0, client, map] {
            for args in [&b""[..], b"\xff", b"\xff\xff\xff\xff", &[9; 64]] {
                // What has sense without arguments is not nonsense.
                let fine = args.is_empty() || on != map || !(4..=20).contains(&op);
                let (pending, reply) = submit(op, on, b"\xff", b"", args, &mut room);
                assert!(fine || pending || room[0] == 1, "op {op} took {args:?}");
                let ok = !pending && reply.spill == 0 && room[0] == 0 && reply.len == 9;
                if ok && [PonosOp::Watch as u32, PonosOp::Snapshot as u32].contains(&op) {
                    free(&[handle(&room[..9])]);
                }
                if pending {
                    // SAFETY: the cancel is released once, behind its last use.
                    unsafe {
                        ponos_cancel(reply.cancel);
                        ponos_release(reply.cancel);
                    }
                    let receiver = DELIVERED.1.lock().expect("one reader");
                    receiver.recv_timeout(Duration::from_secs(30)).expect("delivered");
                }
            }
        }
    }
    assert_eq!(ponos_live(), before);
    free(&[map, client]);
}
