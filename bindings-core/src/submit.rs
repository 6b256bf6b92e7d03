//! Running an operation for a foreign caller: first on its own thread, then, if it has to wait, on the runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ponos::{Error, Result};

use crate::ops::{self, Begun, Work};
use crate::plain::{Object, Plain};
use crate::runtime;
use crate::task::{Call, Completion, Turn};

/// What [`submit`] returns.
#[derive(Debug)]
pub enum Submitted {
    /// The result was there at once; `done` has not been and will not be called.
    Ready(Result<Plain>),
    /// `done` will be called, exactly once, on a thread of the runtime or by whoever cancels.
    Pending(Cancel),
}

/// Ends a pending call: its `done` is called with `Closed`, unless it was called already. Dropping it does
/// nothing.
#[derive(Clone)]
pub struct Cancel(Arc<dyn Turn>);

impl Cancel {
    /// Ends the call. A write that was sent may still be applied.
    pub fn cancel(&self) {
        self.0.end();
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Cancel")
    }
}

/// Does the operation of this name on an object: polls it here, and gives it to the runtime if it has to wait.
///
/// A panic anywhere in it becomes `Internal`; every error says which operation and which object.
pub fn submit(
    on: &Object,
    op: &str,
    args: Vec<Plain>,
    done: impl FnOnce(Result<Plain>) + Send + 'static,
) -> Submitted {
    let begun = caught(|| ops::begin(on, op, args)).and_then(|begun| begun);
    let ready = |result: Result<Plain>| Submitted::Ready(result.map_err(|error| place(error, on, op)));
    let mut work = match begun {
        Ok(Begun::Ready(answer)) => return Submitted::Ready(Ok(answer)),
        Ok(Begun::Waits(work)) => Guarded::new(work),
        Err(error) => return ready(Err(error)),
    };
    let turn = match runtime::Turn::begin() {
        Ok(turn) => turn,
        Err(error) => return ready(Err(error)),
    };
    let _entered = turn.owned().handle().enter();
    // Most calls that are ready at once are so for good; for them nothing is made that could be woken.
    if let Poll::Ready(result) = work.poll(Waker::noop()) {
        return ready(result);
    }
    let call = Call::new(turn.owned());
    if let Poll::Ready(result) = work.poll(&call.clone().into()) {
        return ready(result);
    }
    call.leave(work, Completion::new(done, on, op));
    Submitted::Pending(Cancel(call))
}

/// Does an operation that never waits, on any thread, with an event loop or without, also in a forked child: its result,
/// or the arguments of one that is not so.
///
/// # Errors
/// None: the arguments are on that side.
pub fn local(on: &Object, op: &str, args: Vec<Plain>) -> Result<Result<Plain>, Vec<Plain>> {
    if !ops::is_local(op) {
        return Err(args);
    }
    Ok(match submit(on, op, args, drop) {
        Submitted::Ready(result) => result,
        Submitted::Pending(_) => Err(Error::internal("a read waits").at(ops::known(op).0, on.name())),
    })
}

/// Adds where an error happened, unless it knows that already.
pub fn place(error: Error, on: &Object, op: &str) -> Error {
    error.at(ops::known(op).0, on.name())
}

/// A future whose panics are errors.
pub(crate) struct Guarded(Work);

impl Guarded {
    pub(crate) fn new(work: Work) -> Self {
        Self(work)
    }

    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<Result<Plain>> {
        let work = self.0.as_mut();
        let polled = caught(|| work.poll(&mut Context::from_waker(waker)));
        polled.unwrap_or_else(|error| Poll::Ready(Err(error)))
    }
}

/// Runs what a foreign caller may not see panic.
///
/// # Errors
/// `Internal` for a panic.
#[inline]
pub fn caught<T>(run: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
        Error::internal(format!("panic: {text}"))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::mpsc;

    use super::*;

    /// What an operation answers.
    pub(crate) fn ask<const N: usize>(on: &Object, op: &str, args: [Plain; N]) -> Plain {
        let (sender, receiver) = mpsc::sync_channel(1);
        let result = match submit(on, op, args.into(), move |result| sender.send(result).expect("room")) {
            Submitted::Ready(result) => result,
            Submitted::Pending(_) => receiver.recv().expect("an answer"),
        };
        result.expect(op)
    }

    /// A map on an engine of its own.
    pub(crate) fn map(name: &str) -> Object {
        let open = ask(&Object::Nothing, "open", [format!("memory://{name}").into()]);
        let Plain::Object(client) = open else { panic!("open") };
        let Plain::Object(map) = ask(&client, "client.map", ["m".into(), "bytes".into()]) else {
            panic!("map")
        };
        map
    }

    pub(crate) fn refused(on: &Object, op: &str, args: Vec<Plain>) -> Error {
        match submit(on, op, args, |_| panic!("not called")) {
            Submitted::Ready(Err(error)) => error,
            other => panic!("{op} is not refused: {other:?}"),
        }
    }

    #[test]
    fn a_write_on_the_memory_engine_is_ready_at_once() {
        let args = vec!["k".into(), "v".into()];
        let submitted = submit(&map("ready"), "map.set", args, |_| panic!("not called"));
        assert!(matches!(submitted, Submitted::Ready(Ok(Plain::List(_)))), "{submitted:?}");
    }

    #[test]
    fn a_pending_call_finishes_once_even_if_it_is_cancelled() {
        let map = map("pending");
        let (sender, receiver) = mpsc::sync_channel(2);
        let done = move |result| sender.send(result).expect("room");
        let Submitted::Pending(cancel) = submit(&map, "map.wait_for", vec![Plain::Int(5)], done) else {
            panic!("ready");
        };
        cancel.cancel();
        let error = receiver.recv().expect("a result").expect_err("cancelled");
        assert_eq!(error.to_string(), "map.wait_for \"m\": the call was cancelled");
        assert!(!error.maybe_applied(), "a read applies nothing");
        assert!(receiver.recv().is_err(), "called twice");
    }

    #[test]
    fn options_come_in_their_order_in_a_list_or_by_name() {
        let map = map("options");
        let list = Plain::List(vec![Plain::Nil, true.into()]);
        let record = Plain::Record(vec![("ifPresent".into(), true.into())]);
        for options in [vec![Plain::Nil, true.into()], vec![list], vec![record]] {
            let args = ["k".into(), "v".into()].into_iter().chain(options).collect();
            assert!(refused(&map, "map.set", args).message().contains("wants it present"));
        }
        ask(&map, "map.set", ["k".into(), "v".into(), Plain::List(vec![])]);
    }

    #[test]
    fn what_never_waits_is_done_anywhere_and_nothing_else() {
        let map = map("local");
        assert!(matches!(local(&map, "map.len", vec![]), Ok(Ok(Plain::Count(0)))));
        assert!(matches!(local(&map, "map.entry", vec![]), Ok(Err(_))), "a key is wanted");
        assert!(matches!(local(&map, "map.sync", vec![Plain::Nil]), Err(args) if args.len() == 1));
        assert!(local(&map, "map.sing", vec![]).is_err());
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let mut panics = Guarded(Box::pin(async { panic!("oh {}", 1) }));
        let Poll::Ready(Err(error)) = panics.poll(Waker::noop()) else { panic!("no error") };
        assert_eq!(error.message(), "panic: oh 1");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        use crate::plain::Misuse;

        let map = map("refused");
        let text = |error: &Error| error.to_string();
        let error = refused(&map, "map.set", vec![Plain::Int(7), "v".into()]);
        assert_eq!(text(&error), "map.set \"m\": the key must be text, not 7");
        assert_eq!(Misuse::of(&error), Some(Misuse::Type));
        let options = Plain::Record(vec![("ttl".into(), Plain::Int(5))]);
        let error = refused(&map, "map.delete", vec!["k".into(), options]);
        assert!(text(&error).contains("unknown option \"ttl\"; known are ifPresent, ifRevision"), "{error}");
        let error = refused(&map, "map.incr", vec!["k".into(), Plain::Int(1 << 63)]);
        assert_eq!(Misuse::of(&error), Some(Misuse::Range));
        let both = vec!["k".into(), "v".into(), true.into(), true.into()];
        assert!(text(&refused(&map, "map.set", both)).contains("one condition at most"));
        assert!(text(&refused(&map, "map.sing", vec![])).contains("no operation"));
        let error = refused(&map, "map.set", vec![Plain::Other("<object>".into()), "v".into()]);
        assert_eq!(text(&error), "map.set \"m\": the key must be text, not <object>");
    }

    #[test]
    fn a_time_to_live_is_refused_in_the_unit_that_it_was_given_in() {
        let map = map("ttl");
        let seconds = |s: f64| Plain::Record(vec![("s".into(), s.into())]);
        let why = |ttl| refused(&map, "map.touch", vec!["k".into(), ttl]).message().to_owned();
        let bounds = "and must be from 1 ms to 100 years";
        assert_eq!(why(seconds(-3.0)), format!("the time to live is -3 s {bounds}"));
        assert_eq!(why((-3.0).into()), format!("the time to live is -3 ms {bounds}"));
        assert_eq!(why(seconds(1e10)), format!("the time to live is 10000000000 s {bounds}"));
        assert_eq!(why(seconds(f64::NAN)), format!("the time to live is NaN s {bounds}"));
        let text = Plain::Record(vec![("s".into(), "x".into())]);
        assert_eq!(why(text), "ttl must be a number, not \"x\"");
        for most in [seconds(0.001), seconds(3_153_600_000.0), 3_153_600_000_000.0.into()] {
            ask(&map, "map.touch", ["k".into(), most]);
        }
    }
}
