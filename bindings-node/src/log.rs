//! Log records as JavaScript gets them.

use napi_derive::napi;

/// One log record.
#[napi(object, object_from_js = false)]
pub struct Record {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// Which part of the core speaks.
    pub target: &'static str,
    /// What it says.
    pub message: String,
}

impl From<ponos_bindings_core::log::Record> for Record {
    fn from(record: ponos_bindings_core::log::Record) -> Self {
        Self { level: record.level, target: record.target, message: record.message }
    }
}
