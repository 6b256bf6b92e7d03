//! The connections to one server: one for commands, one for pushes, each with a supervisor that connects again.
//!
//! A call fails at once while the server is known to be down, waits a moment while a lost connection is being
//! made anew, and is never sent twice from here: whether to repeat is decided above, where the write's id is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, ErrorKind, RedisError, RedisResult};
use tokio::sync::{oneshot, watch};

use super::args::Args;
use super::mux::{self, Mux};
use super::push::{Ear, Router};
use super::resp::Value;
use super::script::{self, Script};
use super::soon::Soon;
use super::tls::Tls;
use crate::error::{Error, ErrorKind as Kind, Result};
use crate::rt::Tasks;
use crate::time::{self, Instant};
use crate::url::{Callers, EngineUrl, RedisUrl};

/// How long a call waits for a connection that was just lost.
const GRACE: Duration = Duration::from_millis(500);
/// How often a connection is asked whether it lives.
const BEAT: Duration = Duration::from_secs(2);
/// How long it may take to answer that.
const PATIENCE: Duration = Duration::from_secs(3);
/// A packed command that asks nothing.
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What a supervisor knows of its connection.
#[derive(Clone)]
enum State {
    Up(Arc<Mux>),
    /// Lost, and the first attempts to connect again are under way.
    Lost,
    /// Known to be out of reach, and why.
    Down(Arc<str>),
    Closed,
}

/// Which of the two connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Commands,
    Pushes,
}

/// The connections to one server.
pub(super) struct Link {
    url: RedisUrl,
    tls: Option<Tls>,
    /// How the server is named in errors.
    name: String,
    commands: watch::Sender<State>,
    pushes: watch::Sender<State>,
    router: Arc<Router>,
    /// One change of the subscriptions at a time.
    subscribing: tokio::sync::Mutex<()>,
    /// What to add to the local clock to get the server's, in milliseconds.
    offset: AtomicI64,
    /// When the server has told its clock last.
    clock: Mutex<Instant>,
    pub(super) tasks: Tasks,
    /// How lone calls wait.
    pub(super) soon: Soon,
    /// Where those are who make calls.
    pub(super) callers: Callers,
}

impl Link {
    /// Connects.
    pub(super) async fn open(url: &RedisUrl, callers: Callers) -> Result<Arc<Self>> {
        let tasks = Tasks::new().ok_or_else(|| Error::invalid("ponos runs inside a tokio runtime"))?;
        let tls = url.tls.as_ref().map(|files| Tls::new(&url.host, files)).transpose()?;
        let link = Arc::new(Self {
            url: url.clone(),
            tls,
            name: EngineUrl::Redis(url.clone()).to_string(),
            commands: watch::Sender::new(State::Lost),
            pushes: watch::Sender::new(State::Lost),
            router: Arc::default(),
            subscribing: tokio::sync::Mutex::default(),
            offset: AtomicI64::new(0),
            clock: Mutex::new(time::now()),
            tasks,
            soon: Soon::default(),
            callers,
        });
        let deadline = time::now() + url.connect_timeout;
        let what = match &link.tls {
            None => "connecting",
            // A server without TLS waits for the end of a command that never comes.
            Some(_) => "connecting with TLS (does the server speak it there?)",
        };
        for role in [Role::Commands, Role::Pushes] {
            let connected = time::within(deadline, what, link.connect()).await;
            let connection = connected.map_err(|error| error.with_maybe_applied(false))?;
            link.state(role).send_replace(State::Up(connection));
            link.tasks.spawn(Self::supervise(link.clone(), role));
        }
        let connection = link.ready(Role::Commands).await?;
        link.read_clock(&connection).await?;
        Ok(link)
    }

    /// Ends both connections.
    pub(super) async fn close(&self) {
        self.commands.send_replace(State::Closed);
        self.pushes.send_replace(State::Closed);
        self.tasks.stop_and_wait().await;
    }

    /// The server's clock, milliseconds since 1970.
    pub(super) fn now(&self) -> u64 {
        time::wall_ms().saturating_add_signed(self.offset.load(Ordering::Relaxed))
    }

    /// Sends a command and waits for its answer.
    pub(super) async fn call(&self, command: Cmd) -> Result<Value> {
        let connection = self.ready(Role::Commands).await?;
        self.ask(&connection, &command).await
    }

    /// Sends a command and waits for what `read` makes of its answer, on the task that reads: beside the caller's own
    /// work, if that is much.
    pub(super) async fn call_and<T: Send + 'static>(
        &self,
        command: Cmd,
        read: impl FnOnce(Value) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = self.ready(Role::Commands).await?;
        let (sender, answer) = oneshot::channel();
        let answered = |answer: RedisResult<Value>| drop(sender.send(answer.map(read)));
        connection.send(&command.get_packed_command(), Box::new(answered));
        answer.await.unwrap_or_else(|_| Err(mux::lost())).map_err(|error| self.failure(&error))?
    }

    /// Has a sink hear a channel; the number is for [`Link::leave`].
    pub(super) async fn subscribe(&self, channel: &[u8], ear: Ear) -> Result<u64> {
        let _turn = self.subscribing.lock().await;
        let known = self.router.hears(channel);
        let number = self.router.add(channel, ear);
        let subscribed = async {
            // Even one that is known waits for the connection: what it does not hear it must not promise.
            let connection = self.ready(Role::Pushes).await?;
            if known {
                Ok(())
            } else {
                self.ask(&connection, redis::cmd("SUBSCRIBE").arg(channel)).await.map(drop)
            }
        };
        let subscribed = subscribed.await;
        if subscribed.is_err() {
            self.router.remove(channel, number);
        }
        subscribed.map(|()| number)
    }

    /// Ends that at once, and tells the server if nobody hears the channel any more.
    pub(super) fn leave(self: &Arc<Self>, channel: Vec<u8>, number: u64) {
        self.router.remove(&channel, number);
        let link = self.clone();
        self.tasks.spawn(async move {
            if let Err(error) = link.unsubscribe(&channel).await {
                tracing::debug!(%error, "could not unsubscribe");
            }
        });
    }

    /// Ends the subscription if nobody hears the channel any more.
    async fn unsubscribe(&self, channel: &[u8]) -> Result<()> {
        let _turn = self.subscribing.lock().await;
        if self.router.hears(channel) {
            return Ok(());
        }
        let connection = self.ready(Role::Pushes).await?;
        self.ask(&connection, redis::cmd("UNSUBSCRIBE").arg(channel)).await.map(drop)
    }

    /// Sends a packed command if there is a connection, and gives its answer to `answered` on a task that must not wait;
    /// an error at once means that nothing was sent.
    ///
    /// With `news_first`, whoever hears what the command publishes hears it before its answer leaves: a server writes
    /// to its connections in reverse of the order in which it came to have something for them, so the answer to a
    /// ping before the command takes its own answer to the end.
    pub(super) fn send(
        self: &Arc<Self>,
        command: &[u8],
        news_first: bool,
        answered: impl FnOnce(Result<Value>) + Send + 'static,
    ) -> Result<()> {
        let State::Up(connection) = self.commands.borrow().clone() else { return Err(self.not_yet()) };
        let link = self.clone();
        let answered =
            move |answer: RedisResult<Value>| answered(answer.map_err(|error| link.failure(&error)));
        if news_first {
            connection.send_all(&[PING, command].concat(), [Box::new(|_| ()), Box::new(answered)]);
        } else {
            connection.send(command, Box::new(answered));
        }
        Ok(())
    }

    /// Has a script run, which the server may have to be told first.
    pub(super) async fn run(
        self: &Arc<Self>,
        script: &Script,
        keys: &[Vec<u8>],
        args: &Args,
    ) -> Result<Value> {
        self.connected().await?;
        for known in [true, false] {
            let (sender, answer) = oneshot::channel();
            self.send(&script.command(known, keys, args), false, |answer| drop(sender.send(answer)))?;
            let ended = |_| Err(Error::closed("the client was closed").with_maybe_applied(true));
            match answer.await.unwrap_or_else(ended) {
                Err(error) if known && script::unknown(&error) => {}
                answer => return answer,
            }
        }
        Err(Error::internal("the server does not know a script that came with its text"))
    }

    async fn ask(&self, connection: &Mux, command: &Cmd) -> Result<Value> {
        let (sender, answer) = oneshot::channel();
        // Who has stopped waiting does not want to know.
        connection.send(&command.get_packed_command(), Box::new(|answer| drop(sender.send(answer))));
        answer.await.unwrap_or_else(|_| Err(mux::lost())).map_err(|error| self.failure(&error))
    }

    /// Waits until there is a connection for commands, or it is known that there is none.
    pub(super) async fn connected(&self) -> Result<()> {
        self.ready(Role::Commands).await.map(drop)
    }

    const fn state(&self, role: Role) -> &watch::Sender<State> {
        match role {
            Role::Commands => &self.commands,
            Role::Pushes => &self.pushes,
        }
    }

    async fn ready(&self, role: Role) -> Result<Arc<Mux>> {
        if let State::Up(connection) = &*self.state(role).borrow() {
            return Ok(connection.clone());
        }
        let mut state = self.state(role).subscribe();
        let settled = async {
            let settled = state.wait_for(|state| !matches!(state, State::Lost)).await;
            Ok(settled.map_or(State::Closed, |state| state.clone()))
        };
        match time::within(time::now() + GRACE, "connecting", settled).await {
            Ok(State::Up(connection)) => Ok(connection),
            Ok(State::Down(why)) => Err(Error::unavailable(format!("out of reach: {why}"))),
            Ok(State::Closed) => Err(Error::closed("the client is closed; open a new one")),
            Ok(State::Lost) | Err(_) => Err(self.not_yet()),
        }
    }

    fn not_yet(&self) -> Error {
        Error::unavailable(format!("the connection to {} was lost just now", self.name))
    }

    async fn connect(&self) -> Result<Arc<Mux>> {
        let address = (&*self.url.host, self.url.port);
        let connected = Mux::connect(address, self.tls.as_ref(), self.router.clone()).await;
        let (mux, task) = connected.map_err(|error| self.failure(&error.into()))?;
        // The task is ours until the server has answered: an attempt that is given up takes its socket along.
        let mut task = Box::pin(task);
        let greeted = {
            let mut greeting = std::pin::pin!(self.greet(&mux));
            tokio::select! {
                greeted = &mut greeting => greeted,
                () = &mut task => greeting.await, // it has been told why
            }
        };
        greeted.map_err(|error| greeted_badly(error, self.tls.is_none()))?;
        self.tasks.spawn(task);
        Ok(mux)
    }

    /// Logs in and chooses the database.
    async fn greet(&self, connection: &Mux) -> Result<()> {
        if let Some(password) = &self.url.password {
            // Not by HELLO: that lets any password pass for a user that needs none.
            let mut login = redis::cmd("AUTH");
            login.arg(&self.url.user).arg(password);
            self.ask(connection, &login).await?;
        }
        self.ask(connection, redis::cmd("HELLO").arg(3)).await?;
        if self.url.database != 0 {
            self.ask(connection, redis::cmd("SELECT").arg(self.url.database)).await?;
        }
        Ok(())
    }

    /// Keeps one connection: notices its end, makes it anew, and tells the sinks of pushes.
    async fn supervise(link: Arc<Self>, role: Role) {
        loop {
            let State::Up(connection) = link.state(role).borrow().clone() else { return };
            link.until_dead(role, &connection).await;
            connection.kill();
            drop(connection);
            tracing::info!(server = link.name, pushes = role == Role::Pushes, "connection lost");
            link.state(role).send_replace(State::Lost);
            if role == Role::Pushes {
                link.router.each(Ear::lost);
            }
            let connection = link.reconnect(role).await;
            link.state(role).send_replace(State::Up(connection));
            tracing::info!(server = link.name, pushes = role == Role::Pushes, "connected again");
            if role == Role::Pushes {
                link.router.each(Ear::restored);
            }
        }
    }

    async fn until_dead(&self, role: Role, connection: &Mux) {
        loop {
            tokio::select! {
                () = connection.until_dead() => return,
                () = time::sleep(time::jitter(BEAT)) => {}
            }
            let lives = async {
                match role {
                    Role::Pushes => self.ask(connection, &redis::cmd("PING")).await.map(drop),
                    // Who has just told the time lives.
                    Role::Commands if self.clock.lock().elapsed() < BEAT => Ok(()),
                    Role::Commands => self.read_clock(connection).await,
                }
            };
            if time::within(time::now() + PATIENCE, "a sign of life", lives).await.is_err() {
                return;
            }
        }
    }

    async fn reconnect(&self, role: Role) -> Arc<Mux> {
        let mut pause = FIRST_PAUSE;
        loop {
            let attempt = async {
                let connection = self.connect().await?;
                if role == Role::Pushes {
                    self.resubscribe(&connection).await?;
                }
                Ok(connection)
            };
            match time::within(time::now() + self.url.connect_timeout, "connecting", attempt).await {
                Ok(connection) => return connection,
                Err(error) => {
                    tracing::debug!(server = self.name, %error, "cannot connect yet");
                    self.state(role).send_replace(State::Down(error.message().into()));
                }
            }
            time::sleep(time::jitter(pause)).await;
            pause = LAST_PAUSE.min(pause * 2);
        }
    }

    /// Subscribes to every channel there is, and waits for each confirmation: a server may refuse one silently.
    async fn resubscribe(&self, connection: &Mux) -> Result<()> {
        for channel in self.router.channels() {
            self.ask(connection, redis::cmd("SUBSCRIBE").arg(&channel[..])).await?;
        }
        Ok(())
    }

    async fn read_clock(&self, connection: &Mux) -> Result<()> {
        let sent = time::wall_ms();
        let answer = self.ask(connection, &redis::cmd("TIME")).await?;
        let (seconds, micros) =
            clock(&answer).ok_or_else(|| Error::internal("the server gave a strange time"))?;
        self.learn_clock(sent, seconds * 1_000 + micros / 1_000);
        Ok(())
    }

    /// The server's clock was `server` at some moment since `sent`.
    pub(super) fn learn_clock(&self, sent: u64, server: u64) {
        let local = u64::midpoint(sent, time::wall_ms());
        let offset = i64::try_from(i128::from(server) - i128::from(local)).unwrap_or(0);
        self.offset.store(offset, Ordering::Relaxed);
        *self.clock.lock() = time::now();
    }

    /// What a failed command means to the caller.
    fn failure(&self, error: &RedisError) -> Error {
        let code = error.code().unwrap_or_default();
        let text = match (code, error.detail()) {
            ("", _) => format!("{}: {error}", self.name),
            (code, detail) => format!("{}: {code} {}", self.name, detail.unwrap_or_default()),
        };
        match (code, error.kind()) {
            ("PONOSCODEC", _) => {
                let theirs = error.detail().unwrap_or_default();
                Error::invalid(format!("its codec is {theirs:?}; open it with that one"))
            }
            ("WRONGPASS" | "NOAUTH" | "NOPERM", _) | (_, ErrorKind::AuthenticationFailed) => {
                Error::invalid(format!("the server refuses this user: {text}"))
            }
            ("WRONGTYPE", _) => Error::invalid(format!("a key of the map holds something else: {text}")),
            ("OOM", _) => Error::new(Kind::Limited, format!("the server is full: {text}")),
            ("LOADING" | "READONLY" | "MASTERDOWN" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN", _) => {
                Error::unavailable(text)
            }
            _ if mux::is_tls(error) => Error::invalid(format!("tls cannot be set up: {text}")),
            (_, ErrorKind::Io) => Error::unavailable(text).with_maybe_applied(true),
            _ if error.is_connection_dropped() || error.is_timeout() => {
                Error::unavailable(text).with_maybe_applied(true)
            }
            _ => Error::internal(text),
        }
        .with_source(error.clone())
    }
}

/// Seconds and microseconds.
fn clock(answer: &Value) -> Option<(u64, u64)> {
    let number = |part: &Value| match part {
        Value::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    };
    match answer {
        Value::Array(parts) => Some((number(parts.first()?)?, number(parts.get(1)?)?)),
        _ => None,
    }
}

/// What a failure means before a connection has done anything. What the server itself refuses is the url's fault:
/// a password for a server that has none, or the number of a database that is not there.
fn greeted_badly(error: Error, plain: bool) -> Error {
    if error.kind() == Kind::Internal {
        return Error::invalid(format!("the server refuses this user or database: {}", error.message()));
    }
    if plain && error.maybe_applied() {
        // A server with TLS hangs up on who comes without.
        let hint = "if it speaks TLS there, write rediss://";
        return Error::unavailable(format!(
            "the server hung up on the greeting ({hint}): {}",
            error.message()
        ));
    }
    error.with_maybe_applied(false)
}
