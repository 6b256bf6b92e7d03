//! Where the replies to requests go: each waits under an address until it comes or nobody wants it any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Who waits for replies, by number.
#[derive(Debug, Default)]
pub struct Mailbox {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Bytes>>>,
    next: AtomicU64,
}

/// An address that a reply may be sent to. Dropped, it is nobody's.
#[derive(Debug)]
pub struct Address {
    name: String,
    number: u64,
    mailbox: Arc<Mailbox>,
}

impl Mailbox {
    /// An address of its own for whoever waits: the name of the mailbox and a number.
    #[must_use]
    pub fn address(self: &Arc<Self>, mailbox: &str, waits: oneshot::Sender<Bytes>) -> Address {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().insert(number, waits);
        Address { name: format!("{mailbox}/{number}"), number, mailbox: self.clone() }
    }

    /// Hands a reply over; whether somebody waited for it.
    pub fn deliver(&self, number: u64, reply: Bytes) -> bool {
        let waits = self.waiting.lock().remove(&number);
        waits.is_some_and(|waits| waits.send(reply).is_ok())
    }
}

impl Address {
    /// Its name, for [`super::Engine::reply`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The mailbox and the number in a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<(&str, u64)> {
        let (mailbox, number) = name.rsplit_once('/')?;
        Some((mailbox, number.parse().ok()?))
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        self.mailbox.waiting.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_reaches_whoever_waits_and_nobody_else() {
        let mailbox = Arc::new(Mailbox::default());
        let (sender, mut waits) = oneshot::channel();
        let address = mailbox.address("a/b", sender);
        let (name, number) = Address::parse(address.name()).expect("an address");
        assert_eq!(name, "a/b");
        assert!(mailbox.deliver(number, "reply".into()) && !mailbox.deliver(number, "again".into()));
        assert_eq!(waits.try_recv().ok().as_deref(), Some(&b"reply"[..]));
        let (sender, _waits) = oneshot::channel();
        let number = mailbox.address("a/b", sender).number;
        assert!(!mailbox.deliver(number, "late".into()), "dropped is gone");
        assert_eq!(Address::parse("nothing"), None);
    }
}
