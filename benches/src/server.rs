//! The servers that peers are measured on: each program gets one that has seen nothing else.

use std::env;
use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ponos_test_support::{RedisServer, free_port};

/// Which server a program needs.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A redis-server.
    Redis,
    /// A nats-server with JetStream.
    Nats,
}

/// A running server.
#[derive(Debug)]
pub enum Server {
    /// Of Redis.
    Redis(RedisServer),
    /// Of NATS.
    Nats(NatsServer),
}

impl Server {
    /// Starts one.
    ///
    /// # Errors
    /// Why there is none of NATS.
    pub fn start(kind: Kind, root: &Path) -> Result<Self, String> {
        match kind {
            Kind::Redis => Ok(Self::Redis(RedisServer::start())),
            Kind::Nats => NatsServer::start(root).map(Self::Nats),
        }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Redis(server) => server.port(),
            Self::Nats(server) => server.port,
        }
    }
}

/// A nats-server on a free loopback port, stopped by the process that holds it.
#[derive(Debug)]
pub struct NatsServer {
    child: Child,
    port: u16,
    /// What it says of itself lies here; streams are in memory.
    folder: PathBuf,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl NatsServer {
    fn start(root: &Path) -> Result<Self, String> {
        let program = program(root).ok_or("there is no nats-server; tools/bench.sh says why")?;
        let port = free_port();
        let folder = env::temp_dir().join(format!("ponos-bench-nats-{port}"));
        let child = Command::new(&program)
            .args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let server = Self { child, port, folder };
        let start = Instant::now();
        while !server.answers() {
            if start.elapsed() > PATIENCE {
                return Err(format!("nats-server does not answer on port {port}"));
            }
            std::thread::yield_now();
        }
        Ok(server)
    }

    /// Whether it greets who connects, as it does when it is ready.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut greeting = [0; 4];
        stream.set_read_timeout(Some(PATIENCE)).is_ok()
            && stream.read_exact(&mut greeting).is_ok()
            && &greeting == b"INFO"
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // One that has ended by itself is as good, and a folder that stays is in nobody's way.
        drop(self.child.kill().and_then(|()| self.child.wait()));
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// The nats-server that is named, on the path, where Debian has it, or fetched by tools/bench.sh.
fn program(root: &Path) -> Option<PathBuf> {
    if let Some(named) = env::var_os("PONOS_NATS_SERVER") {
        return Some(PathBuf::from(named));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), root.join("target/nats/usr/sbin")]);
    folders.map(|folder| folder.join("nats-server")).find(|program| program.is_file())
}
