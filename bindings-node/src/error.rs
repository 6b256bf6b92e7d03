//! The core's error as JavaScript gets it: plain data, of which `../ts/error.ts` makes a `PonosError`.

use std::error::Error as _;

use napi_derive::napi;
use ponos::Error;

/// What `PonosError` is made of.
#[napi(object, object_from_js = false)]
pub struct Failure {
    /// The kind, in lower case.
    pub kind: &'static str,
    /// Which call.
    pub operation: &'static str,
    /// On which map or client.
    pub object: String,
    /// What happened.
    pub message: String,
    /// Whether the write may have taken effect.
    pub maybe_applied: bool,
    /// What caused it, and what caused that.
    pub causes: Vec<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self {
            kind: error.kind().as_str(),
            operation: error.operation(),
            object: error.object().to_owned(),
            message: error.message().to_owned(),
            maybe_applied: error.maybe_applied(),
            causes,
        }
    }
}
