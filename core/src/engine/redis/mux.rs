//! One connection that many calls share, without a task between a caller and the socket.
//!
//! A call is written by its caller's own thread, if the socket takes it at once; its answer is handed to a function
//! by the task that reads. So a round trip costs one wake-up, not three. What the socket does not take at once, a
//! second task writes. What the server pushes goes to the [`Router`] on the task that reads.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use parking_lot::Mutex;
use redis::{RedisError, RedisResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

use super::push::Router;
use super::resp::{Malformed, Reader, Value};
use super::tls::Tls;

/// What is done with an answer.
pub(super) type Answered = Box<dyn FnOnce(RedisResult<Value>) + Send>;

/// The two halves of a socket, plain or TLS.
type Reading = Box<dyn AsyncRead + Send + Unpin>;
type Writing = Box<dyn AsyncWrite + Send + Unpin>;

/// How many bytes may wait for the socket before calls are refused: the server has stopped reading.
const UNSENT: usize = 256 << 20;

/// The connection, as its callers and its two tasks share it.
pub(super) struct Mux {
    outbox: Mutex<Outbox>,
    writable: Notify,
    dead: watch::Sender<bool>,
    router: Arc<Router>,
}

struct Outbox {
    socket: Writing,
    unsent: Vec<u8>,
    /// Who waits for the next answers, in the order of the calls; `None` once the connection is lost.
    waiting: Option<VecDeque<Answered>>,
}

impl Mux {
    /// Connects. The caller runs the task that is returned.
    pub(super) async fn connect(
        address: (&str, u16),
        tls: Option<&Tls>,
        router: Arc<Router>,
    ) -> Result<(Arc<Self>, impl Future<Output = ()> + Send + 'static)> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reading, socket): (Reading, Writing) = match tls {
            None => {
                let (reading, writing) = stream.into_split();
                (Box::new(reading), Box::new(writing))
            }
            Some(tls) => {
                let (reading, writing) = tokio::io::split(tls.connect(stream).await?);
                (Box::new(reading), Box::new(writing))
            }
        };
        let outbox = Mutex::new(Outbox { socket, unsent: Vec::new(), waiting: Some(VecDeque::new()) });
        let mux = Arc::new(Self { outbox, writable: Notify::new(), dead: watch::Sender::new(false), router });
        let task = mux.clone();
        Ok((mux, async move {
            let why = tokio::select! {
                why = task.read(reading) => why,
                () = task.write() => lost(),
                () = task.until_dead() => lost(),
            };
            task.end(&why);
        }))
    }

    /// Sends a packed command; `answered` gets its answer on the task that reads, or an error if the connection
    /// is lost.
    pub(super) fn send(&self, command: &[u8], answered: Answered) {
        self.send_all(command, [answered]);
    }

    /// Sends packed commands in one piece, each with who gets its answer.
    pub(super) fn send_all<const N: usize>(&self, commands: &[u8], answered: [Answered; N]) {
        let mut outbox = self.outbox.lock();
        let full = outbox.unsent.len() + commands.len() > UNSENT;
        let Some(waiting) = outbox.waiting.as_mut().filter(|_| !full) else {
            drop(outbox);
            return answered.into_iter().for_each(|answered| answered(Err(lost())));
        };
        waiting.extend(answered);
        if !outbox.send(commands) {
            self.writable.notify_one();
        }
    }

    /// Ends the connection.
    pub(super) fn kill(&self) {
        self.dead.send_replace(true);
    }

    /// Waits until the connection has ended.
    pub(super) async fn until_dead(&self) {
        crate::rt::set(&mut self.dead.subscribe()).await;
    }

    /// Gives each answer to whom it belongs, and pushes to the router, until it cannot go on.
    async fn read(&self, mut socket: Reading) -> RedisError {
        let mut reader = Reader::default();
        loop {
            match reader.next() {
                Ok(Some(value)) => {
                    if let Some(answer) = self.router.answer(value)
                        && !self.answered(answer)
                    {
                        return lost();
                    }
                }
                Ok(None) => match reader.fill(&mut socket).await {
                    Ok(0) => return lost(),
                    Ok(_) => {}
                    Err(error) => {
                        let error = RedisError::from(error);
                        return if is_tls(&error) { error } else { lost() };
                    }
                },
                Err(Malformed) => {
                    tracing::warn!("the server sent what is not its protocol: the connection is given up");
                    return lost();
                }
            }
        }
    }

    /// Hands an answer to whoever has waited longest; `false` if nobody waits.
    fn answered(&self, answer: Value) -> bool {
        let next = self.outbox.lock().waiting.as_mut().and_then(VecDeque::pop_front);
        let waits = next.is_some();
        if let Some(answered) = next {
            answered(match answer {
                Value::Error(text) => Err(refusal(&text)),
                answer => Ok(answer),
            });
        }
        waits
    }

    /// Writes what callers could not.
    async fn write(&self) {
        loop {
            self.writable.notified().await;
            if std::future::poll_fn(|context| self.outbox.lock().drain(context)).await.is_err() {
                return;
            }
        }
    }

    /// The connection is over: nobody waits in vain.
    fn end(&self, why: &RedisError) {
        self.kill();
        let waiting = self.outbox.lock().waiting.take();
        for answered in waiting.into_iter().flatten() {
            answered(Err(why.clone()));
        }
    }
}

impl Outbox {
    /// Sends as much as the socket takes at once; `false` if something is left for [`Outbox::drain`].
    fn send(&mut self, command: &[u8]) -> bool {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(command);
            return true; // someone is draining
        }
        // Nobody is to be woken: what is left goes to the task that drains, which asks for itself.
        let mut context = Context::from_waker(Waker::noop());
        let sent = match Pin::new(&mut self.socket).poll_write(&mut context, command) {
            Poll::Ready(Ok(sent)) => sent,
            Poll::Ready(Err(_)) | Poll::Pending => 0, // draining finds out
        };
        self.unsent.extend_from_slice(&command[sent..]);
        self.unsent.is_empty() && Pin::new(&mut self.socket).poll_flush(&mut context).is_ready()
    }

    fn drain(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        while !self.unsent.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, &self.unsent))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.unsent.drain(..written);
        }
        Pin::new(&mut self.socket).poll_flush(context)
    }
}

/// The error of a call that the server refuses: a code and a sentence.
fn refusal(text: &[u8]) -> RedisError {
    let text = String::from_utf8_lossy(text);
    let (code, detail) = text.split_once(' ').map_or((&*text, None), |(code, detail)| (code, Some(detail)));
    redis::make_extension_error(code.to_owned(), detail.map(str::to_owned))
}

/// The error of a call whose answer will not come.
pub(super) fn lost() -> RedisError {
    Error::new(ErrorKind::BrokenPipe, "the connection was lost before it answered").into()
}

/// Whether one of the two sides did not accept the other's certificate or way of encryption: no waiting mends that.
pub(super) fn is_tls(error: &RedisError) -> bool {
    type Cause = dyn std::error::Error + Send + Sync;
    // The crate gives its cause inside of the pointer that holds it.
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Arc<Cause>>());
    let inner = cause.and_then(|cause| cause.downcast_ref::<Error>()?.get_ref());
    inner.is_some_and(Cause::is::<rustls::Error>)
}
