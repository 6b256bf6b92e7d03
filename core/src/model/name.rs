//! The names of maps, streams, groups and scopes.

use crate::error::{Error, Result};

/// The longest name, in bytes.
const MAX_NAME: usize = 200;

/// Whether `name` may name an object.
///
/// # Errors
/// `Invalid`, with what a name is.
pub(crate) fn check(name: &str) -> Result<()> {
    let bad = |character: char| character.is_control() || matches!(character, '{' | '}');
    if name.is_empty() || name.len() > MAX_NAME || name.contains(bad) {
        let message =
            format!("the name {name:?} must have 1 to {MAX_NAME} bytes and no control characters or braces");
        return Err(Error::invalid(message));
    }
    Ok(())
}
