//! What is measured of the crate itself.

pub mod read;
pub mod redis;
pub mod stream;
