//! A TCP proxy that can cut what passes through it at chosen moments.
#![allow(clippy::disallowed_methods, reason = "tests have a clock of their own")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy on a free loopback port.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    control: Arc<Control>,
}

#[derive(Debug)]
struct Control {
    /// Rises to cut every connection.
    cuts: watch::Sender<u64>,
    /// Holds back what passes, with every connection open.
    frozen: watch::Sender<bool>,
    /// Refuses new connections.
    closed: AtomicBool,
    /// Lets that many answers of the server pass, then swallows one and cuts its connection.
    swallow_after: AtomicUsize,
    /// What a request must hold for its answer to count.
    needle: parking_lot::Mutex<Vec<u8>>,
}

const NEVER: usize = usize::MAX;

impl Proxy {
    /// Starts one in front of a port of 127.0.0.1.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let control = Arc::new(Control {
            cuts: watch::Sender::new(0),
            frozen: watch::Sender::new(false),
            closed: AtomicBool::new(false),
            swallow_after: AtomicUsize::new(NEVER),
            needle: parking_lot::Mutex::default(),
        });
        let shared = control.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !shared.closed.load(Ordering::SeqCst) {
                    tokio::spawn(pass(client, target, shared.clone()));
                }
            }
        });
        Self { port, control }
    }

    /// The URL of the server behind it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Cuts every connection now.
    pub fn cut(&self) {
        self.control.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Cuts every connection and refuses new ones until [`Proxy::open`].
    pub fn close(&self) {
        self.control.closed.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Lets connections through again.
    pub fn open(&self) {
        self.control.closed.store(false, Ordering::SeqCst);
    }

    /// Lets nothing pass until [`Proxy::thaw`]: the connections stay open and are silent.
    pub fn freeze(&self) {
        self.control.frozen.send_replace(true);
    }

    /// Lets what was held back pass.
    pub fn thaw(&self) {
        self.control.frozen.send_replace(false);
    }

    /// The answer to the next request that holds `needle` is swallowed, and its connection cut: the server has
    /// done what was asked, and the client does not hear of it.
    pub fn swallow_answer_to(&self, needle: &[u8]) {
        *self.control.needle.lock() = needle.to_vec();
        self.control.swallow_after.store(0, Ordering::SeqCst);
    }

    /// Whether the answer was swallowed.
    #[must_use]
    pub fn swallowed(&self) -> bool {
        self.control.swallow_after.load(Ordering::SeqCst) == NEVER
    }
}

async fn pass(client: TcpStream, target: u16, control: Arc<Control>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut cuts = control.cuts.subscribe();
    cuts.borrow_and_update();
    let doomed = AtomicBool::new(false);
    let requests = async {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            if control.asks_for(&buffer[..read]) {
                doomed.store(true, Ordering::SeqCst);
            }
            control.thawed().await;
            if to_server.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    let answers = async {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            if doomed.load(Ordering::SeqCst) {
                control.swallow_after.store(NEVER, Ordering::SeqCst);
                return;
            }
            control.thawed().await;
            if to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        () = answers => {}
        _ = cuts.changed() => {}
    }
}

impl Control {
    async fn thawed(&self) {
        // The sender lives in `self`, so the wait ends with a value; what it hands out keeps a lock.
        drop(self.frozen.subscribe().wait_for(|frozen| !frozen).await);
    }

    fn asks_for(&self, request: &[u8]) -> bool {
        let needle = self.needle.lock();
        let armed = self.swallow_after.load(Ordering::SeqCst) == 0 && !needle.is_empty();
        armed && request.windows(needle.len()).any(|window| window == &needle[..])
    }
}
