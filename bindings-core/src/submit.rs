//! Running a call for a foreign caller: first on its own thread, then, if it has to wait, on the runtime.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use ponos::{Error, Result};
use tokio::task::AbortHandle;

use crate::runtime;
use crate::surface::{self, Answer, Call};

/// What [`submit`] returns.
#[derive(Debug)]
pub enum Submitted {
    /// The result was there at once; `done` has not been and will not be called.
    Ready(Result<Answer>),
    /// `done` will be called, exactly once, on a thread of the runtime.
    Pending(Cancel),
}

/// Ends a pending call: its `done` is called with `Closed`, unless it was called already. Dropping it does
/// nothing.
#[derive(Clone, Debug)]
pub struct Cancel(AbortHandle);

impl Cancel {
    /// Ends the call. A write that was sent may still be applied.
    pub fn cancel(&self) {
        self.0.abort();
    }
}

/// Runs `call`: polls it once here, and gives it to the runtime if it has to wait.
///
/// A panic anywhere in it becomes `Internal`.
pub fn submit(call: Call, done: impl FnOnce(Result<Answer>) + Send + 'static) -> Submitted {
    let handle = match runtime::handle() {
        Ok(handle) => handle,
        Err(error) => return Submitted::Ready(Err(error)),
    };
    let mut future = Guarded(Box::pin(surface::run(call)));
    let first = {
        let _entered = handle.enter();
        Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()))
    };
    match first {
        Poll::Ready(result) => Submitted::Ready(result),
        Poll::Pending => {
            let mut completion = Completion(Some(done));
            let task = handle.spawn(async move { completion.finish(future.await) });
            Submitted::Pending(Cancel(task.abort_handle()))
        }
    }
}

/// Waits for a call on the caller's thread, which must not be one of the runtime's.
///
/// # Errors
/// Those of the call.
pub fn block_on(call: Call) -> Result<Answer> {
    runtime::handle()?.block_on(Guarded(Box::pin(surface::run(call))))
}

/// A future whose panics are errors.
struct Guarded<F>(Pin<Box<F>>);

impl<F: Future<Output = Result<Answer>>> Future for Guarded<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.0.as_mut();
        match catch_unwind(AssertUnwindSafe(|| inner.poll(context))) {
            Ok(poll) => poll,
            Err(panic) => Poll::Ready(Err(panicked(&*panic))),
        }
    }
}

/// The error for a caught panic.
#[must_use]
pub fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
    Error::internal(format!("panic: {text}"))
}

/// Calls `done` exactly once: with the result, or when a cancelled call is dropped.
struct Completion<F: FnOnce(Result<Answer>)>(Option<F>);

impl<F: FnOnce(Result<Answer>)> Completion<F> {
    fn finish(&mut self, result: Result<Answer>) {
        if let Some(done) = self.0.take() {
            done(result);
        }
    }
}

impl<F: FnOnce(Result<Answer>)> Drop for Completion<F> {
    fn drop(&mut self) {
        self.finish(Err(Error::closed("the call was cancelled").with_maybe_applied(true)));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::surface::MapCall;
    use ponos::{Map, MapOptions, SetOptions};

    /// A map on an engine of its own.
    pub(crate) fn map(name: &str) -> Map {
        let url = format!("memory://{name}");
        let Ok(Answer::Client(client)) = block_on(Call::Open { url }) else { panic!("open") };
        let open = Call::OpenMap { client, name: "m".into(), options: MapOptions::default() };
        let Ok(Answer::Map(map)) = block_on(open) else { panic!("map") };
        map
    }

    #[test]
    fn a_write_on_the_memory_engine_is_ready_at_once() {
        let map = map("ready");
        let call = MapCall::Set { key: "k".into(), value: "v".into(), options: SetOptions::default() };
        let submitted = submit(Call::Map { map, call }, |_| panic!("not called"));
        assert!(matches!(submitted, Submitted::Ready(Ok(Answer::Written(_)))), "{submitted:?}");
    }

    #[test]
    fn a_pending_call_finishes_once_even_if_it_is_cancelled() {
        let map = map("pending");
        let (sender, receiver) = mpsc::sync_channel(2);
        let call = Call::Map { map, call: MapCall::WaitFor { revision: 5 } };
        let Submitted::Pending(cancel) = submit(call, move |result| sender.send(result).expect("room"))
        else {
            panic!("ready");
        };
        cancel.cancel();
        let error = receiver.recv().expect("a result").expect_err("cancelled");
        assert_eq!(error.kind(), ponos::ErrorKind::Closed);
        assert!(receiver.recv().is_err(), "called twice");
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let future = Guarded(Box::pin(async { panic!("oh {}", 1) }));
        let error = runtime::handle().expect("a runtime").block_on(future).expect_err("panic");
        assert_eq!(error.message(), "panic: oh 1");
    }
}
