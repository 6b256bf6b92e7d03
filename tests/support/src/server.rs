//! A redis-server on a free loopback port, stopped by the process that holds it.
#![allow(clippy::disallowed_methods, reason = "tests have a clock of their own")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running redis-server, without persistence unless its arguments say so.
#[derive(Debug)]
pub struct RedisServer {
    child: Option<Child>,
    port: u16,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Starts one; panics if there is none to start, because then nothing can be tested.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with further arguments, such as `["--maxmemory", "10mb"]`.
    #[must_use]
    pub fn with(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { child: None, port: free_port(), arguments };
        server.restart();
        server
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Whether the program can speak TLS: one that cannot stops at the first of these words, the other at the second.
    #[must_use]
    pub fn speaks_tls() -> bool {
        let tried = Command::new(program()).args(["--tls-replication", "no", "--port", "none"]).output();
        let tried = tried.unwrap_or_else(|error| panic!("{} cannot be started: {error}", program()));
        let said = [tried.stdout, tried.stderr].concat();
        !String::from_utf8_lossy(&said).contains(">>> 'tls-replication")
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server can be killed");
            child.wait().expect("the server ends");
        }
    }

    /// Starts it on the same port: empty, unless its arguments have it save what it holds.
    pub fn restart(&mut self) {
        self.kill();
        let program = program();
        let port = self.port.to_string();
        let child = Command::new(&program)
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--loglevel", "warning"])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} cannot be started ({error}); run `make setup`"));
        self.child = Some(child);
        let start = Instant::now();
        while self.try_command(&["PING"]).is_none() {
            assert!(start.elapsed() < PATIENCE, "redis-server does not answer on port {port}");
            std::thread::yield_now();
        }
    }

    /// Stops it without ending it (SIGSTOP): connections stay open and nothing answers.
    pub fn pause(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Sends a command on a connection of its own and gives the raw answer.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> String {
        self.try_command(words).expect("the server answers")
    }

    fn try_command(&self, words: &[&str]) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request += &format!("${}\r\n{word}\r\n", word.len());
        }
        request += "*1\r\n$4\r\nQUIT\r\n";
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let answer = answer.strip_suffix("+OK\r\n").unwrap_or(&answer).to_owned();
        (!answer.starts_with("-LOADING") && !answer.is_empty()).then_some(answer)
    }

    #[allow(unsafe_code, reason = "the standard library sends no signals but SIGKILL")]
    fn signal(&self, signal: i32) {
        let child = self.child.as_ref().expect("the server runs");
        let pid = i32::try_from(child.id()).expect("a pid");
        // SAFETY: kill has no memory effects, and the pid is that of a child that is not reaped yet.
        let sent = unsafe { libc::kill(pid, signal) };
        assert_eq!(sent, 0, "the signal is sent");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The redis-server to start.
fn program() -> String {
    std::env::var("PONOS_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

/// A port of loopback that nobody listens on now.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
