//! Plain values from and to JavaScript. Node makes strings much faster than arrays of bytes, so values of codecs
//! that read text go as text, and other short ones as strings with one character for each byte.
#![allow(unsafe_code, reason = "to convert to and from JavaScript is unsafe by its traits")]

use std::collections::HashMap;
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::{
    BigInt, FromNapiRef as _, FromNapiValue, Object as Fields, ToNapiValue, Uint8ArraySlice, Utf16String,
    ValidateNapiValue as _,
};
use napi::{Error, Result, Status, check_status, sys};
use ponos::model::items;
use ponos::{Bytes, Shape};
use ponos_bindings_core::{Object, Plain, items as given, packed};

use crate::event_loop::Calls;
use crate::handle::Handle;

/// A value from JavaScript.
pub struct Given(pub(crate) Plain);

impl FromNapiValue for Given {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let (mut kind, mut is_array, mut is_bytes) = (0, false, false);
        // SAFETY: the caller's promise, in each arm.
        unsafe {
            check_status!(sys::napi_typeof(env, value, &raw mut kind))?;
            if kind == sys::ValueType::napi_object {
                check_status!(sys::napi_is_array(env, value, &raw mut is_array))?;
                check_status!(sys::napi_is_typedarray(env, value, &raw mut is_bytes))?;
            }
            Ok(Self(match kind {
                sys::ValueType::napi_undefined | sys::ValueType::napi_null => Plain::Nil,
                sys::ValueType::napi_boolean => Plain::Bool(bool::from_napi_value(env, value)?),
                sys::ValueType::napi_number => Plain::Float(f64::from_napi_value(env, value)?),
                sys::ValueType::napi_bigint => Plain::Int(whole(&BigInt::from_napi_value(env, value)?)),
                sys::ValueType::napi_string => Plain::Text(Key::from_napi_value(env, value)?.0.into()),
                _ if is_array => Plain::List(plain(Vec::from_napi_value(env, value)?)),
                _ if is_bytes => {
                    let bytes = Uint8ArraySlice::from_napi_value(env, value)?;
                    Plain::Bytes(Bytes::copy_from_slice(&bytes))
                }
                sys::ValueType::napi_object => match handle(env, value) {
                    Some(object) => Plain::Object(object),
                    None => record(&Fields::from_napi_value(env, value)?)?,
                },
                _ => Plain::Other("a function or symbol".into()),
            }))
        }
    }
}

/// What a value is the handle of, if it is one.
///
/// # Safety
/// The value is an object of this environment.
unsafe fn handle(env: sys::napi_env, value: sys::napi_value) -> Option<Object> {
    let mut wrapped = ptr::null_mut();
    // SAFETY: the caller's promise. Its class is asked for only of what wraps something, which options do not.
    unsafe {
        check_status!(sys::napi_unwrap(env, value, &raw mut wrapped)).ok()?;
        <&Handle>::validate(env, value).ok()?;
        Some(Handle::from_napi_ref(env, value).ok()?.object.clone())
    }
}

pub(crate) fn plain(list: Vec<Given>) -> Vec<Plain> {
    list.into_iter().map(|Given(plain)| plain).collect()
}

fn record(fields: &Fields<'_>) -> Result<Plain> {
    let field = |name: String| {
        let value = fields.get::<Given>(&name)?;
        Ok((name, value.map_or(Plain::Nil, |Given(value)| value)))
    };
    Ok(Plain::Record(Fields::keys(fields)?.into_iter().map(field).collect::<Result<_>>()?))
}

/// A number of up to 64 bits; of a longer one, one that has more.
fn whole(number: &BigInt) -> i128 {
    let words = number.words.as_slice();
    let size = if words.len() > 1 { i128::MAX } else { words.first().copied().unwrap_or(0).into() };
    if number.sign_bit { -size } else { size }
}

/// A string that survives UTF-8: half a surrogate pair does not, and Node would make another character of it.
pub struct Key(pub(crate) String);

impl FromNapiValue for Key {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let halves = || {
            // SAFETY: the caller's promise.
            let units = unsafe { Utf16String::from_napi_value(env, value) };
            units.is_ok_and(|units| char::decode_utf16(units.iter().copied()).any(|unit| unit.is_err()))
        };
        // SAFETY: the caller's promise.
        let message = match unsafe { String::from_napi_value(env, value) } {
            Err(_) => c"the key must be a string",
            Ok(text) if text.contains(char::REPLACEMENT_CHARACTER) && halves() => {
                c"a string has half of a surrogate pair"
            }
            Ok(text) => return Ok(Self(text)),
        };
        // SAFETY: the caller's promise; the text is static.
        unsafe { sys::napi_throw_type_error(env, ptr::null(), message.as_ptr()) };
        Err(Error::from_status(Status::PendingException))
    }
}

/// A value that JavaScript has.
pub struct Shown(pub(crate) sys::napi_value);

impl ToNapiValue for Shown {
    unsafe fn to_napi_value(_: sys::napi_env, shown: Self) -> Result<sys::napi_value> {
        Ok(shown.0)
    }
}

/// The environment that a call from JavaScript came from.
#[derive(Clone, Copy)]
pub(crate) struct Inside(pub(crate) sys::napi_env);

impl Inside {
    /// A plain value for JavaScript; `text` says whether the map's codec reads text.
    pub(crate) fn show(self, plain: Plain, text: bool, calls: &Rc<Calls>) -> Result<Shown> {
        match plain {
            Plain::Nil | Plain::Other(_) => self.give(()),
            Plain::Bool(flag) => self.give(flag),
            Plain::Int(number) => match i64::try_from(number) {
                Ok(number) => self.give(BigInt::from(number)),
                Err(_) => self.give(BigInt::from(number as u64)),
            },
            Plain::Count(number) => self.give(number as f64),
            Plain::Float(number) => self.give(number),
            Plain::Time(ms) => self.made(|value| {
                // SAFETY: `made` passes a pointer to a local, as for all that follow.
                unsafe { sys::napi_create_date(self.0, ms as f64, value) }
            }),
            Plain::Text(text) => self.give(&*text),
            Plain::Bytes(bytes) => self.bytes(&bytes),
            Plain::Value(bytes, shape) => self.content(&bytes, shape, text),
            Plain::List(list) => self.list(list.into_iter().map(|each| self.show(each, text, calls))),
            Plain::Record(fields) => {
                let field = |(name, value)| Ok((name, self.show(value, text, calls)?));
                self.give(fields.into_iter().map(field).collect::<Result<HashMap<_, _>>>()?)
            }
            Plain::Object(object) => self.give(Handle { object, calls: calls.clone(), text }),
            Plain::Events(events) => self.bytes(&packed::events(&events)),
            Plain::Items(list) => self.bytes(&given::pack(&list)),
            Plain::Merged(list) => self.bytes(&given::pack_merged(list)),
            Plain::Entries(list) => {
                self.bytes(&packed::entries(list.iter().map(|(key, entry)| (&**key, entry))))
            }
        }
    }

    /// A value of a map: a payload, an array of them for a list, such an array as `set` in an object for a set.
    pub(crate) fn content(self, bytes: &Bytes, shape: Shape, text: bool) -> Result<Shown> {
        let items = || self.list(items::split(bytes).map(|item| self.payload(&item, text)));
        match shape {
            Shape::Plain => self.payload(bytes, text),
            Shape::List => items(),
            Shape::Set => self.give(HashMap::from([("set", items()?)])),
        }
    }

    /// If text is wanted: a string, or a `Uint8Array` if it is no UTF-8. Else: a string with a character for each
    /// byte, or a `Uint8Array` if they are many.
    fn payload(self, bytes: &[u8], text: bool) -> Result<Shown> {
        match std::str::from_utf8(bytes) {
            Ok(string) if text && !string.is_ascii() => self.give(string),
            Ok(_) if text => self.characters(bytes),
            _ if !text && bytes.len() <= SHORT => self.characters(bytes),
            _ => self.bytes(bytes),
        }
    }

    /// A string with a character for each byte: what ASCII is anyhow.
    fn characters(self, bytes: &[u8]) -> Result<Shown> {
        let (start, length) = (bytes.as_ptr().cast(), bytes.len().cast_signed());
        // SAFETY: `start` has `length` bytes.
        self.made(|value| unsafe { sys::napi_create_string_latin1(self.0, start, length, value) })
    }

    /// A `Uint8Array`, which owns its copy.
    fn bytes(self, bytes: &[u8]) -> Result<Shown> {
        let mut data = ptr::null_mut();
        // SAFETY: `data` is a local too.
        let create =
            |buffer| unsafe { sys::napi_create_arraybuffer(self.0, bytes.len(), &raw mut data, buffer) };
        let Shown(buffer) = self.made(create)?;
        if !bytes.is_empty() {
            // SAFETY: `data` has `bytes.len()` bytes, which nobody else knows yet.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len()) };
        }
        let kind = sys::TypedarrayType::uint8_array;
        // SAFETY: as above.
        self.made(|value| unsafe { sys::napi_create_typedarray(self.0, kind, bytes.len(), buffer, 0, value) })
    }

    fn list(self, items: impl Iterator<Item = Result<Shown>>) -> Result<Shown> {
        let length = items.size_hint().0;
        // SAFETY: as above.
        let list = self.made(|value| unsafe { sys::napi_create_array_with_length(self.0, length, value) })?;
        for (at, item) in (0..).zip(items) {
            // SAFETY: as above.
            check_status!(unsafe { sys::napi_set_element(self.0, list.0, at, item?.0) })?;
        }
        Ok(list)
    }

    fn give(self, value: impl ToNapiValue) -> Result<Shown> {
        // SAFETY: this is inside a call from JavaScript.
        unsafe { ToNapiValue::to_napi_value(self.0, value) }.map(Shown)
    }

    fn made(self, make: impl FnOnce(*mut sys::napi_value) -> sys::napi_status) -> Result<Shown> {
        let mut value = ptr::null_mut();
        check_status!(make(&raw mut value))?;
        Ok(Shown(value))
    }
}

/// How many bytes go as a string, at most: a loop in JavaScript takes them out again.
const SHORT: usize = 512;
