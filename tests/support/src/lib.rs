//! What the tests of Ponos attack it with: a real redis-server of one's own, and a proxy that cuts connections.

mod heap;
mod proxy;
mod server;
mod victim;
mod wait;

pub use heap::give_back;
pub use proxy::Proxy;
pub use server::{RedisServer, free_port};
pub use victim::Victim;
pub use wait::until;
