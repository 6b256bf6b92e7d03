//! The one public error: few kinds, each with what to do, and whether a write may have happened.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong, by what a caller should do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call itself is wrong: a bad name, size, option, URL, or a value of another type. Mend the call.
    Invalid,
    /// What was asked for does not exist.
    NotFound,
    /// A condition of the write did not hold; nothing changed. Read again and decide anew.
    Conflict,
    /// The handle or client is closed. Open a new one.
    Closed,
    /// The deadline passed. If [`Error::maybe_applied`], read before repeating a write that is not idempotent.
    Timeout,
    /// The engine cannot be reached now, or was lost during the call. Local reads go on; try again later. If
    /// [`Error::maybe_applied`], read before repeating a write that is not idempotent.
    Unavailable,
    /// Too few peers answered.
    Quorum,
    /// A limit was reached. Wait, or ask for less.
    Limited,
    /// Another owner has taken over; stop the work this call was for.
    Fenced,
    /// A fault of Ponos or of the engine. Please report it.
    Internal,
}

impl ErrorKind {
    /// Its name in lower case, the same in every language.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Quorum => "quorum",
            Self::Limited => "limited",
            Self::Fenced => "fenced",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// An error of any Ponos call.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    object: String,
    message: String,
    maybe_applied: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What fallible Ponos calls return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind, not yet placed.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: "",
            object: String::new(),
            message: message.into(),
            maybe_applied: false,
            source: None,
        }))
    }

    /// The call is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// A condition did not hold.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A condition did not hold.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// The handle is closed.
    #[must_use]
    pub fn closed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Closed, message)
    }

    /// The deadline passed.
    #[must_use]
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Timeout, message)
    }

    /// The engine cannot be reached.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// A fault of ours or of the engine's.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Says which call on which object it was; what is known already stays.
    #[must_use]
    pub fn at(mut self, operation: &'static str, object: &str) -> Self {
        if self.0.operation.is_empty() {
            self.0.operation = operation;
            object.clone_into(&mut self.0.object);
        }
        self
    }

    /// Says whether the write may have happened.
    #[must_use]
    pub fn with_maybe_applied(mut self, maybe: bool) -> Self {
        self.0.maybe_applied = maybe;
        self
    }

    /// Says what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed, such as `map.set`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The name of the map, stream or other object it failed on.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.0.object
    }

    /// What happened, without the operation and the object.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the write may have taken effect in spite of the error. `false` means that it surely did not.
    #[must_use]
    pub fn maybe_applied(&self) -> bool {
        self.0.maybe_applied
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, object, message, maybe_applied, .. } = &*self.0;
        if !operation.is_empty() {
            write!(out, "{operation}")?;
            if !object.is_empty() {
                write!(out, " {object:?}")?;
            }
            write!(out, ": ")?;
        }
        out.write_str(message)?;
        if *maybe_applied {
            out.write_str(" (the write may have been applied)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {self}", self.0.kind)?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(out, "\n  caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_where_what_and_whether() {
        let error =
            Error::timeout("no answer within 5000 ms").at("map.incr", "hits").with_maybe_applied(true);
        let text = r#"map.incr "hits": no answer within 5000 ms (the write may have been applied)"#;
        assert_eq!(error.to_string(), text);
        assert_eq!(error.at("map.open", "other").operation(), "map.incr");
    }

    #[test]
    fn errors_cross_threads() {
        fn crosses<T: Send + Sync + 'static>() {}
        crosses::<Error>();
    }
}
