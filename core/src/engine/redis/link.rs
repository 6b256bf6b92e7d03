//! The connections to one server: one for commands, one for pushes, each with a supervisor that connects again.
//!
//! A call fails at once while the server is known to be down, waits a moment while a lost connection is being
//! made anew, and is never sent twice from here: whether to repeat is decided above, where the write's id is known.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, RedisError, RedisResult, Value};
use tokio::sync::{oneshot, watch};

use super::mux::{self, Answered, Mux};
use super::push::{PushEnd, Router};
use crate::engine::Sink;
use crate::error::{Error, ErrorKind as Kind, Result};
use crate::rt::{self, Tasks};
use crate::time;

/// How long a call waits for a connection that was just lost.
const GRACE: Duration = Duration::from_millis(500);
/// How often a connection is asked whether it lives.
const BEAT: Duration = Duration::from_secs(2);
/// How long it may take to answer that.
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// A live connection.
#[derive(Clone)]
struct Connection {
    wire: Wire,
    dead: watch::Sender<bool>,
}

/// What calls go over.
#[derive(Clone)]
enum Wire {
    /// Our own, for commands over plain TCP.
    Direct(Arc<Mux>),
    /// The driver of the `redis` crate, for pushes and for TLS.
    Driver(MultiplexedConnection),
}

impl Connection {
    /// Sends a command; `answered` gets its answer, or an error if the connection is lost.
    fn send(&self, tasks: &Tasks, command: Cmd, answered: Answered) {
        match &self.wire {
            Wire::Direct(mux) => mux.send(&command.get_packed_command(), answered),
            Wire::Driver(driver) => {
                let (mut driver, mut dead) = (driver.clone(), self.dead.subscribe());
                tasks.spawn(async move {
                    let answer = tokio::select! {
                        biased;
                        answer = driver.send_packed_command(&command) => answer.and_then(Value::extract_error),
                        () = rt::set(&mut dead) => Err(mux::lost()),
                    };
                    answered(answer);
                });
            }
        }
    }
}

impl Connection {
    fn driver(&self) -> Result<MultiplexedConnection> {
        match &self.wire {
            Wire::Driver(driver) => Ok(driver.clone()),
            Wire::Direct(_) => Err(Error::internal("a connection for commands hears no pushes")),
        }
    }
}

/// What a supervisor knows of its connection.
#[derive(Clone)]
enum State {
    Up(Connection),
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
    client: Client,
    /// How the server is named in errors.
    name: String,
    timeout: Duration,
    commands: watch::Sender<State>,
    pushes: watch::Sender<State>,
    router: Arc<Router>,
    /// One change of the subscriptions at a time.
    subscribing: tokio::sync::Mutex<()>,
    /// What to add to the local clock to get the server's, in milliseconds.
    offset: AtomicI64,
    pub(super) tasks: Tasks,
}

impl Link {
    /// Connects.
    pub(super) async fn open(client: Client, name: String, timeout: Duration) -> Result<Arc<Self>> {
        let tasks = Tasks::new().ok_or_else(|| Error::invalid("ponos runs inside a tokio runtime"))?;
        let link = Arc::new(Self {
            client,
            name,
            timeout,
            commands: watch::Sender::new(State::Lost),
            pushes: watch::Sender::new(State::Lost),
            router: Arc::default(),
            subscribing: tokio::sync::Mutex::default(),
            offset: AtomicI64::new(0),
            tasks,
        });
        let deadline = time::now() + timeout;
        for role in [Role::Commands, Role::Pushes] {
            let connected = time::within(deadline, "connecting", link.connect(role)).await;
            let connection = connected.map_err(|error| error.with_maybe_applied(false))?;
            link.state(role).send_replace(State::Up(connection));
            link.tasks.spawn(Self::supervise(link.clone(), role));
        }
        link.read_clock().await?;
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
        self.ask(&connection, command).await
    }

    /// Has a sink hear a channel; the number is for [`Link::forget`].
    pub(super) async fn subscribe(&self, channel: &[u8], sink: Weak<dyn Sink>) -> Result<u64> {
        let _turn = self.subscribing.lock().await;
        let known = self.router.hears(channel);
        let number = self.router.add(channel, sink);
        let subscribed = async {
            // Even one that is known waits for the connection: what it does not hear it must not promise.
            let mut driver = self.ready(Role::Pushes).await?.driver()?;
            if known {
                return Ok(());
            }
            driver.subscribe(channel).await.map_err(|error| self.failure(&error))
        };
        let subscribed = subscribed.await;
        if subscribed.is_err() {
            self.router.remove(channel, number);
        }
        subscribed.map(|()| number)
    }

    /// Ends that at once; [`Link::unsubscribe`] tells the server.
    pub(super) fn forget(&self, channel: &[u8], number: u64) {
        self.router.remove(channel, number);
    }

    /// Ends the subscription if nobody hears the channel any more.
    pub(super) async fn unsubscribe(&self, channel: &[u8]) -> Result<()> {
        let _turn = self.subscribing.lock().await;
        if self.router.hears(channel) {
            return Ok(());
        }
        let mut driver = self.ready(Role::Pushes).await?.driver()?;
        driver.unsubscribe(channel).await.map_err(|error| self.failure(&error))
    }

    /// Sends a command if there is a connection, and gives its answer to `answered` on a task that must not wait;
    /// an error at once means that nothing was sent.
    pub(super) fn send(
        self: &Arc<Self>,
        command: Cmd,
        answered: impl FnOnce(Result<Value>) + Send + 'static,
    ) -> Result<()> {
        let State::Up(connection) = self.commands.borrow().clone() else { return Err(self.not_yet()) };
        let link = self.clone();
        let answered =
            move |answer: RedisResult<Value>| answered(answer.map_err(|error| link.failure(&error)));
        connection.send(&self.tasks, command, Box::new(answered));
        Ok(())
    }

    async fn ask(&self, connection: &Connection, command: Cmd) -> Result<Value> {
        let (sender, answer) = oneshot::channel();
        // Who has stopped waiting does not want to know.
        connection.send(&self.tasks, command, Box::new(|answer| drop(sender.send(answer))));
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

    async fn ready(&self, role: Role) -> Result<Connection> {
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
            Ok(State::Closed) => Err(Error::closed("the client is closed")),
            Ok(State::Lost) | Err(_) => Err(self.not_yet()),
        }
    }

    fn not_yet(&self) -> Error {
        Error::unavailable(format!("the connection to {} was lost just now", self.name))
    }

    async fn connect(&self, role: Role) -> Result<Connection> {
        let dead = watch::Sender::new(false);
        if let (Role::Commands, ConnectionAddr::Tcp(host, port)) =
            (role, self.client.get_connection_info().addr())
        {
            let connected = Mux::connect(host, *port, dead.clone()).await;
            let (mux, task) = connected.map_err(|error| self.failure(&error.into()))?;
            let connection = Connection { wire: Wire::Direct(mux), dead };
            // The task is ours until the server has answered: an attempt that is given up takes its socket along.
            let mut task = Box::pin(task);
            tokio::select! {
                greeted = self.greet(&connection) => greeted?,
                () = &mut task => return Err(self.not_yet()),
            }
            self.tasks.spawn(task);
            return Ok(connection);
        }
        let router = (role == Role::Pushes).then(|| self.router.clone());
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(1_024)
            .set_push_sender(PushEnd { dead: dead.clone(), router });
        let driver = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let wire = Wire::Driver(driver.map_err(|error| greeted_badly(self.failure(&error)))?);
        Ok(Connection { wire, dead })
    }

    /// Logs in and chooses the database, where the driver does not do so.
    async fn greet(&self, connection: &Connection) -> Result<()> {
        let settings = self.client.get_connection_info().redis_settings();
        let mut commands = Vec::new();
        if let Some(password) = settings.password() {
            let mut login = redis::cmd("AUTH");
            login.arg(settings.username()).arg(password);
            commands.push(login);
        }
        if settings.db() != 0 {
            let mut select = redis::cmd("SELECT");
            select.arg(settings.db());
            commands.push(select);
        }
        commands.push(redis::cmd("PING"));
        for command in commands {
            self.ask(connection, command).await.map_err(greeted_badly)?;
        }
        Ok(())
    }

    /// Keeps one connection: notices its end, makes it anew, and tells the sinks of pushes.
    async fn supervise(link: Arc<Self>, role: Role) {
        loop {
            let State::Up(connection) = link.state(role).borrow().clone() else { return };
            link.until_dead(&connection).await;
            connection.dead.send_replace(true);
            drop(connection);
            tracing::info!(server = link.name, pushes = role == Role::Pushes, "connection lost");
            link.state(role).send_replace(State::Lost);
            if role == Role::Pushes {
                link.router.each(|sink| sink.lost());
            }
            let connection = link.reconnect(role).await;
            link.state(role).send_replace(State::Up(connection));
            tracing::info!(server = link.name, pushes = role == Role::Pushes, "connected again");
            if role == Role::Pushes {
                link.router.each(|sink| sink.restored());
            }
        }
    }

    async fn until_dead(&self, connection: &Connection) {
        let mut dead = connection.dead.subscribe();
        loop {
            tokio::select! {
                () = rt::set(&mut dead) => return,
                () = time::sleep(time::jitter(BEAT)) => {}
            }
            let ping = self.ask(connection, redis::cmd("PING"));
            if time::within(time::now() + PATIENCE, "ping", ping).await.is_err() {
                return;
            }
            if self.read_clock().await.is_err() {
                tracing::debug!(server = self.name, "the server's clock could not be read");
            }
        }
    }

    async fn reconnect(&self, role: Role) -> Connection {
        let mut pause = FIRST_PAUSE;
        loop {
            let attempt = async {
                let connection = self.connect(role).await?;
                if role == Role::Pushes {
                    self.resubscribe(&connection).await?;
                }
                Ok(connection)
            };
            match time::within(time::now() + self.timeout, "connecting", attempt).await {
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
    async fn resubscribe(&self, connection: &Connection) -> Result<()> {
        for channel in self.router.channels() {
            let confirmed = connection.driver()?.subscribe(&channel[..]).await;
            confirmed.map_err(|error| self.failure(&error))?;
        }
        Ok(())
    }

    async fn read_clock(&self) -> Result<()> {
        let sent = time::wall_ms();
        let answer = self.call(redis::cmd("TIME")).await?;
        let received = time::wall_ms();
        let (seconds, micros): (u64, u64) =
            redis::from_redis_value(answer).map_err(|error| Error::internal(error.to_string()))?;
        let (server, local) = (seconds * 1_000 + micros / 1_000, u64::midpoint(sent, received));
        let offset = i64::try_from(i128::from(server) - i128::from(local)).unwrap_or(0);
        self.offset.store(offset, Ordering::Relaxed);
        Ok(())
    }

    /// What a failed command means to the caller.
    fn failure(&self, error: &RedisError) -> Error {
        let code = error.code().unwrap_or_default();
        let text = format!("{}: {error}", self.name);
        match (code, error.kind()) {
            ("PONOSCODEC", _) => {
                let theirs = error.detail().unwrap_or_default();
                Error::invalid(format!("the map's codec is {theirs:?}; open it with that one"))
            }
            ("WRONGPASS" | "NOAUTH" | "NOPERM", _) | (_, ErrorKind::AuthenticationFailed) => {
                Error::invalid(format!("the server refuses this user: {text}"))
            }
            ("WRONGTYPE", _) => Error::invalid(format!("a key of the map holds something else: {text}")),
            ("OOM", _) => Error::new(Kind::Limited, format!("the server is full: {text}")),
            ("LOADING" | "READONLY" | "MASTERDOWN" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN", _) => {
                Error::unavailable(text)
            }
            (_, ErrorKind::InvalidClientConfig) => Error::invalid(text),
            _ if is_tls(error) => Error::invalid(format!("tls cannot be set up: {text}")),
            (_, ErrorKind::Io) => Error::unavailable(text).with_maybe_applied(true),
            _ if error.is_connection_dropped() || error.is_timeout() => {
                Error::unavailable(text).with_maybe_applied(true)
            }
            _ => Error::internal(text),
        }
        .with_source(error.clone())
    }
}

/// What a failure means before a connection has done anything. What the server itself refuses is the url's fault:
/// a password for a server that has none, or the number of a database that is not there.
fn greeted_badly(error: Error) -> Error {
    if error.kind() == Kind::Internal {
        return Error::invalid(format!("the server refuses this user or database: {}", error.message()));
    }
    error.with_maybe_applied(false)
}

/// Whether one of the two sides did not accept the other's certificate or way of encryption: no waiting mends that.
fn is_tls(error: &RedisError) -> bool {
    type Cause = dyn std::error::Error + Send + Sync;
    // The crate gives its cause inside of the pointer that holds it.
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Arc<Cause>>());
    let inner = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>()?.get_ref());
    inner.is_some_and(Cause::is::<rustls::Error>)
}
