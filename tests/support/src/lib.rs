//! What the tests of Ponos attack it with: a real redis-server of one's own, and a proxy that cuts connections.

mod proxy;
mod server;
mod victim;

pub use proxy::Proxy;
pub use server::{RedisServer, free_port};
pub use victim::Victim;
