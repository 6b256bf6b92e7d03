//! One connection that many calls share, without a task between a caller and the socket.
//!
//! A call is written by its caller's own thread, if the socket takes it at once; its answer is handed to a function
//! by the task that reads. So a round trip costs one wake-up, not three. What the socket does not take at once, a
//! second task writes. TLS connections use the driver of the `redis` crate instead.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use combine::stream::Decoder;
use parking_lot::Mutex;
use redis::{RedisError, RedisResult, Value};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, watch};

/// What is done with an answer.
pub(super) type Answered = Box<dyn FnOnce(RedisResult<Value>) + Send>;

/// How many bytes may wait for the socket before calls are refused: the server has stopped reading.
const UNSENT: usize = 256 << 20;

/// The connection, as its callers and its two tasks share it.
pub(super) struct Mux {
    outbox: Mutex<Outbox>,
    writable: Notify,
    dead: watch::Sender<bool>,
}

struct Outbox {
    socket: OwnedWriteHalf,
    unsent: Vec<u8>,
    /// Who waits for the next answers, in the order of the calls; `None` once the connection is lost.
    waiting: Option<VecDeque<Answered>>,
}

impl Mux {
    /// Connects; `dead` is set when the connection ends. The caller runs the task that is returned.
    pub(super) async fn connect(
        host: &str,
        port: u16,
        dead: watch::Sender<bool>,
    ) -> Result<(Arc<Self>, impl Future<Output = ()> + Send + 'static)> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let (reader, socket) = stream.into_split();
        let outbox = Mutex::new(Outbox { socket, unsent: Vec::new(), waiting: Some(VecDeque::new()) });
        let mux = Arc::new(Self { outbox, writable: Notify::new(), dead });
        let task = mux.clone();
        Ok((mux, async move {
            let mut ended = task.dead.subscribe();
            tokio::select! {
                () = task.read(reader) => {}
                () = task.write() => {}
                () = crate::rt::set(&mut ended) => {}
            }
            task.end();
        }))
    }

    /// Sends a packed command; `answered` gets its answer on the task that reads, or an error if the connection
    /// is lost.
    pub(super) fn send(&self, command: &[u8], answered: Answered) {
        let mut outbox = self.outbox.lock();
        let full = outbox.unsent.len() + command.len() > UNSENT;
        let Some(waiting) = outbox.waiting.as_mut().filter(|_| !full) else {
            drop(outbox);
            return answered(Err(lost()));
        };
        waiting.push_back(answered);
        let idle = outbox.unsent.is_empty();
        let sent = if idle { outbox.socket.try_write(command).unwrap_or(0) } else { 0 };
        outbox.unsent.extend_from_slice(&command[sent..]);
        if idle && !outbox.unsent.is_empty() {
            self.writable.notify_one();
        }
    }

    /// Gives each answer to whom it belongs.
    async fn read(&self, mut socket: OwnedReadHalf) {
        let mut decoder = Decoder::new();
        loop {
            let answer = redis::parse_redis_value_async(&mut decoder, &mut socket).await;
            if answer.as_ref().is_err_and(RedisError::is_unrecoverable_error) {
                return;
            }
            let next = self.outbox.lock().waiting.as_mut().and_then(VecDeque::pop_front);
            let Some(answered) = next else { return };
            answered(answer.and_then(Value::extract_error));
        }
    }

    /// Writes what callers could not.
    async fn write(&self) {
        loop {
            self.writable.notified().await;
            while !self.outbox.lock().unsent.is_empty() {
                if self.drain().await.is_err() {
                    return;
                }
            }
        }
    }

    async fn drain(&self) -> Result<()> {
        std::future::poll_fn(|context| {
            let mut outbox = self.outbox.lock();
            let Outbox { socket, unsent, .. } = &mut *outbox;
            let socket = std::pin::Pin::new(socket);
            let written = std::task::ready!(tokio::io::AsyncWrite::poll_write(socket, context, unsent))?;
            unsent.drain(..written);
            std::task::Poll::Ready(if written == 0 { Err(ErrorKind::WriteZero.into()) } else { Ok(()) })
        })
        .await
    }

    /// The connection is over: nobody waits in vain.
    fn end(&self) {
        self.dead.send_replace(true);
        let waiting = self.outbox.lock().waiting.take();
        for answered in waiting.into_iter().flatten() {
            answered(Err(lost()));
        }
    }
}

/// The error of a call whose answer will not come.
pub(super) fn lost() -> RedisError {
    Error::new(ErrorKind::BrokenPipe, "the connection was lost before it answered").into()
}
