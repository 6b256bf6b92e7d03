//! What happens to the connections and the server while writers write.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ponos_test_support::{Proxy, RedisServer};

use super::dice::Dice;

/// One thing that goes wrong; times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing, for a while.
    Rest(u64),
    /// The server ends every subscription.
    KillPushes,
    /// The server ends every connection for commands.
    KillCommands,
    /// The network ends every connection.
    Cut,
    /// The network lets nothing pass, and connections stay open.
    Freeze(u64),
    /// The network lets nobody in.
    Close(u64),
    /// An answer is lost after its write was done.
    Swallow,
    /// The server stops for a while.
    Stop(u64),
    /// The server is killed and comes back with what it held.
    Restart,
}

impl Fault {
    /// Rolls one.
    pub const fn roll(dice: &mut Dice) -> Self {
        let kind = dice.below(20);
        let time = dice.between(50, 2_500);
        match kind {
            0..=4 => Self::Rest(time),
            5..=7 => Self::KillPushes,
            8..=10 => Self::KillCommands,
            11..=13 => Self::Cut,
            14 => Self::Freeze(time),
            15 => Self::Close(time),
            16 | 17 => Self::Swallow,
            18 => Self::Stop(time),
            _ => Self::Restart,
        }
    }
}

/// A server that keeps what it holds, and the network before it.
#[derive(Debug)]
pub struct Site {
    server: Arc<Mutex<RedisServer>>,
    proxy: Proxy,
}

impl Site {
    /// Starts both; the server keeps its files in `folder`.
    pub async fn start(folder: &str) -> Self {
        // Without fsync: what the server has written outlives its process, and nothing here outlives the machine.
        let server = RedisServer::with(&["--appendonly", "yes", "--appendfsync", "no", "--dir", folder]);
        let proxy = Proxy::start(server.port()).await;
        Self { server: Arc::new(Mutex::new(server)), proxy }
    }

    /// The URL of the server through the network that fails.
    #[must_use]
    pub fn url(&self) -> String {
        self.proxy.url()
    }

    /// The URL of the server itself.
    #[must_use]
    pub fn direct(&self) -> String {
        self.server.lock().url()
    }

    /// Has a fault happen, and ends it.
    pub async fn suffer(&self, fault: Fault) {
        let wait = |ms: u64| tokio::time::sleep(Duration::from_millis(ms));
        match fault {
            Fault::Rest(ms) => wait(ms).await,
            Fault::KillPushes => self.at_server(|server| kill(server, "pubsub")).await,
            Fault::KillCommands => self.at_server(|server| kill(server, "normal")).await,
            Fault::Cut => self.proxy.cut(),
            Fault::Swallow => self.proxy.swallow_answer_to(b"EVALSHA"),
            Fault::Freeze(ms) => {
                self.proxy.freeze();
                wait(ms).await;
                self.proxy.thaw();
            }
            Fault::Close(ms) => {
                self.proxy.close();
                wait(ms).await;
                self.proxy.open();
            }
            Fault::Stop(ms) => {
                self.at_server(|server| server.pause()).await;
                wait(ms).await;
                self.at_server(|server| server.resume()).await;
            }
            Fault::Restart => self.at_server(RedisServer::restart).await,
        }
    }

    /// Waits on a thread of its own for what the server does.
    async fn at_server(&self, work: impl FnOnce(&mut RedisServer) + Send + 'static) {
        let server = self.server.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut server.lock()));
        done.await.expect("the server is there");
    }
}

fn kill(server: &RedisServer, kind: &str) {
    drop(server.command(&["CLIENT", "KILL", "TYPE", kind]));
}
