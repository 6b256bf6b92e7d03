//! Values on their way over the border. Node makes strings much faster than arrays of bytes, so values of
//! codecs that read text go as text, and other short ones as strings with one character for each byte.
#![allow(unsafe_code, reason = "to convert to and from JavaScript is unsafe by its traits")]

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, Uint8ArraySlice};
use napi::{Result, check_status, sys};
use ponos::{Bytes, Entry, Shape};

/// A value from JavaScript: a string or a `Uint8Array`.
pub struct Given(pub(crate) Bytes);

impl FromNapiValue for Given {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        // SAFETY: the caller's promise.
        unsafe {
            let mut kind = 0;
            check_status!(sys::napi_typeof(env, value, &raw mut kind))?;
            if kind == sys::ValueType::napi_string {
                return Ok(Self(String::from_napi_value(env, value)?.into()));
            }
            let bytes = Uint8ArraySlice::from_napi_value(env, value)?;
            Ok(Self(Bytes::copy_from_slice(&bytes)))
        }
    }
}

/// The values that JavaScript gave for the items of a list or set.
pub(crate) fn items(given: Vec<Given>) -> Vec<Bytes> {
    given.into_iter().map(|Given(bytes)| bytes).collect()
}

/// How many bytes go as a string, at most: a loop in JavaScript takes them out again.
const SHORT: usize = 512;

/// Bytes for JavaScript. If text is wanted: a string, or a `Uint8Array` if they are no UTF-8. Else: a string
/// with a character for each byte, or a `Uint8Array` if they are many.
pub struct Payload {
    bytes: Bytes,
    text: bool,
}

impl Payload {
    pub(crate) const fn new(bytes: Bytes, text: bool) -> Self {
        Self { bytes, text }
    }
}

impl ToNapiValue for Payload {
    unsafe fn to_napi_value(env: sys::napi_env, payload: Self) -> Result<sys::napi_value> {
        let bytes = &*payload.bytes;
        match std::str::from_utf8(bytes) {
            _ if !payload.text => match bytes.len() {
                ..=SHORT => short_to_js(env, bytes),
                _ => bytes_to_js(env, bytes),
            },
            Ok(text) if text.is_ascii() => short_to_js(env, bytes),
            // SAFETY: the caller's promise.
            Ok(text) => unsafe { ToNapiValue::to_napi_value(env, text) },
            Err(_) => bytes_to_js(env, bytes),
        }
    }
}

/// What an entry holds: one value, or the items of a list or set.
pub enum Content {
    /// A plain value.
    One(Payload),
    /// The items, in order.
    Items(Vec<Payload>),
}

impl Content {
    pub(crate) fn of(entry: &Entry, text: bool) -> Self {
        match entry.items() {
            Some(items) => Self::Items(items.into_iter().map(|item| Payload::new(item, text)).collect()),
            None => Self::One(Payload::new(entry.value.clone(), text)),
        }
    }
}

impl ToNapiValue for Content {
    unsafe fn to_napi_value(env: sys::napi_env, content: Self) -> Result<sys::napi_value> {
        // SAFETY: the caller's promise.
        unsafe {
            match content {
                Self::One(payload) => ToNapiValue::to_napi_value(env, payload),
                Self::Items(items) => ToNapiValue::to_napi_value(env, items),
            }
        }
    }
}

/// The names of the shapes, as JavaScript has them.
pub(crate) const fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Plain => "plain",
        Shape::List => "list",
        Shape::Set => "set",
    }
}

/// A string with a character for each byte: what ASCII is anyhow.
fn short_to_js(env: sys::napi_env, bytes: &[u8]) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    let (start, length) = (bytes.as_ptr().cast(), bytes.len().cast_signed());
    // SAFETY: called inside a call from JavaScript, with a pointer to `length` bytes and one to a local.
    check_status!(unsafe { sys::napi_create_string_latin1(env, start, length, &raw mut value) })?;
    Ok(value)
}

/// A `Uint8Array` for JavaScript, which owns its copy.
pub(crate) fn bytes_to_js(env: sys::napi_env, bytes: &[u8]) -> Result<sys::napi_value> {
    let (mut data, mut buffer, mut value) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: called inside a call from JavaScript, with pointers to locals; `data` has `bytes.len()` bytes.
    unsafe {
        check_status!(sys::napi_create_arraybuffer(env, bytes.len(), &raw mut data, &raw mut buffer))?;
        if !bytes.is_empty() {
            ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len());
        }
        let kind = sys::TypedarrayType::uint8_array;
        check_status!(sys::napi_create_typedarray(env, kind, bytes.len(), buffer, 0, &raw mut value))?;
    }
    Ok(value)
}
