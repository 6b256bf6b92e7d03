//! The arguments of a call, taken one by one, each checked for its type. Their values (sizes, names, bounds) are
//! for the core to judge.

use std::time::Duration;

use ponos::stream::{Start, Ticket};
use ponos::{Bytes, Condition, Error, EventId, Filter, From, Result};

use crate::items::{TICKET, as_ticket};
use crate::plain::{Misuse, Plain};

/// The largest whole number that a float holds exactly.
const EXACT: f64 = 9_007_199_254_740_991.0;

/// Arguments in order; what is left out at the end is not given.
pub(crate) struct Args(std::vec::IntoIter<Plain>);

/// The longest time, in milliseconds: 100 years, as the core has it.
const LONGEST: f64 = 100.0 * 365.0 * 24.0 * 3_600_000.0;

/// The error for an argument of a wrong type.
#[must_use]
pub fn mistyped(name: &str, wanted: &str, given: &Plain) -> Error {
    Error::invalid(format!("{name} must be {wanted}, not {}", given.show())).with_source(Misuse::Type)
}

impl Args {
    pub(crate) fn new(list: Vec<Plain>) -> Self {
        Self(list.into_iter())
    }

    pub(crate) fn next(&mut self) -> Plain {
        self.0.next().unwrap_or_default()
    }

    /// Options may come as a list, or as a record for languages that name them by an object, instead of in their order.
    pub(crate) fn named(&mut self, names: &[&str]) -> Result<()> {
        let Some(Plain::List(_) | Plain::Record(_)) = self.0.as_slice().first() else { return Ok(()) };
        let fields = match self.next() {
            Plain::List(options) => {
                self.0 = options.into_iter();
                return Ok(());
            }
            Plain::Record(fields) => fields,
            _ => return Ok(()),
        };
        let mut list: Vec<Plain> = names.iter().map(|_| Plain::Nil).collect();
        for (name, value) in fields {
            let Some(at) = names.iter().position(|known| *known == name) else {
                let known: Vec<&str> = names.iter().copied().filter(|name| !name.is_empty()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let message = format!("unknown option {name:?}; known are {known}");
                return Err(Error::invalid(message).with_source(Misuse::Type));
            };
            if matches!(&*name, "ifRevision" | "expectLast") && matches!(value, Plain::Nil) {
                // The write would be one without a condition.
                return Err(mistyped(&name, "a number", &value));
            }
            list[at] = value;
        }
        self.0 = list.into_iter();
        Ok(())
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String> {
        match self.next() {
            Plain::Text(text) => Ok(text.into_owned()),
            other => Err(mistyped(name, "text", &other)),
        }
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<bool> {
        match self.next() {
            Plain::Nil => Ok(false),
            Plain::Bool(flag) => Ok(flag),
            other => Err(mistyped(name, "true or false", &other)),
        }
    }

    /// A whole number, also one that is written as a float.
    pub(crate) fn whole<T: TryFrom<i128>>(&mut self, name: &str) -> Result<Option<T>> {
        let number = match self.next() {
            Plain::Nil => return Ok(None),
            Plain::Int(number) => number,
            Plain::Count(number) => number as i128,
            Plain::Float(number) if number.fract() == 0.0 && number.abs() <= EXACT => number as i128,
            other => return Err(mistyped(name, "a whole number", &other)),
        };
        let outside = || {
            let message = format!("{name}={number} is outside the range of {}", std::any::type_name::<T>());
            Error::invalid(message).with_source(Misuse::Range)
        };
        T::try_from(number).map(Some).map_err(|_| outside())
    }

    pub(crate) fn float(&mut self, name: &str) -> Result<Option<f64>> {
        float(name, self.next())
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.0.as_slice().first(), Some(Plain::List(_)))
    }

    pub(crate) fn is_float(&self) -> bool {
        matches!(self.0.as_slice().first(), Some(Plain::Float(_)))
    }

    pub(crate) fn bytes(&mut self, name: &str) -> Result<Bytes> {
        bytes(name, self.next())
    }

    pub(crate) fn items(&mut self) -> Result<Vec<Bytes>> {
        self.list("items")?.into_iter().map(|item| bytes("an item", item)).collect()
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<Plain>> {
        match self.next() {
            Plain::List(list) => Ok(list),
            other => Err(mistyped(name, "a list", &other)),
        }
    }

    /// Milliseconds, from a number of them, or from a record of `s`, seconds. Its bounds are told here, because the core
    /// could name it in one unit only, and not below 0.
    pub(crate) fn ttl(&mut self, name: &str) -> Result<Option<u64>> {
        Ok(time(name, "the time to live", 1.0, self.next())?.map(|ms| ms as u64))
    }

    /// A time that may be none at all; `what` is its name in an error.
    pub(crate) fn time(&mut self, name: &str, what: &str) -> Result<Option<Duration>> {
        duration(name, what, self.next())
    }

    /// How long a call may take, which has to be said.
    pub(crate) fn timeout(&mut self) -> Result<Duration> {
        let given = time("timeoutMs", "the timeout", 1.0, self.next())?;
        let ms = given.ok_or_else(|| mistyped("the timeout", "a time", &Plain::Nil))?;
        Ok(Duration::from_secs_f64(ms / 1e3))
    }

    pub(crate) fn times(&mut self, name: &str, what: &str) -> Result<Vec<Duration>> {
        let each = |each| duration(name, what, each)?.ok_or_else(|| mistyped(name, "a time", &Plain::Nil));
        self.optional_list(name)?.into_iter().map(each).collect()
    }

    /// How many things are wanted at most.
    pub(crate) fn max(&mut self) -> Result<usize> {
        match self.whole("max")?.unwrap_or(0) {
            0 => Err(Error::invalid("max=0 must be at least 1").with_source(Misuse::Range)),
            max => Ok(max),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<String>> {
        match self.next() {
            Plain::Nil => Ok(None),
            Plain::Text(text) => Ok(Some(text.into_owned())),
            other => Err(mistyped(name, "text", &other)),
        }
    }

    fn optional_list(&mut self, name: &str) -> Result<Vec<Plain>> {
        match self.next() {
            Plain::Nil => Ok(Vec::new()),
            Plain::List(list) => Ok(list),
            other => Err(mistyped(name, "a list", &other)),
        }
    }

    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        let text = |each| match each {
            Plain::Text(text) => Ok(text.into_owned()),
            other => Err(mistyped(&format!("each of {name}"), "text", &other)),
        };
        self.optional_list(name)?.into_iter().map(text).collect()
    }

    /// One of a few words, by what it means.
    pub(crate) fn choice<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(word) = self.optional_text(name)? else { return Ok(None) };
        let found = words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| Some(*meaning));
        found.ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
            Error::invalid(format!("{name} is one of {}, not {word:?}", known.join(", ")))
        })
    }

    /// Names and values, as a record or as a list of pairs.
    pub(crate) fn headers(&mut self) -> Result<Vec<(String, Bytes)>> {
        let pair = |pair| match pair {
            Plain::List(pair) if pair.len() == 2 => {
                let mut pair = Self::new(pair);
                Ok((pair.text("a header's name")?, pair.bytes("a header")?))
            }
            other => Err(mistyped("a header", "a pair of name and value", &other)),
        };
        match self.next() {
            Plain::Record(fields) => {
                fields.into_iter().map(|(name, value)| Ok((name, bytes("a header", value)?))).collect()
            }
            Plain::List(pairs) => pairs.into_iter().map(pair).collect(),
            Plain::Nil => Ok(Vec::new()),
            other => Err(mistyped("headers", "names and values", &other)),
        }
    }

    pub(crate) fn id(&mut self, name: &str) -> Result<EventId> {
        id(name, self.next())
    }

    pub(crate) fn ticket(&mut self) -> Result<Ticket> {
        ticket(self.next())
    }

    /// Several tickets: in a list, where nothing stands for what needs no answer, or as bytes, one behind the other.
    pub(crate) fn tickets(&mut self) -> Result<Vec<Ticket>> {
        match self.next() {
            Plain::List(list) => {
                list.into_iter().filter(|each| !matches!(each, Plain::Nil)).map(ticket).collect()
            }
            Plain::Bytes(bytes) if bytes.len() % TICKET == 0 => {
                let each = |at| ticket(Plain::Bytes(bytes.slice(at..at + TICKET)));
                (0..bytes.len()).step_by(TICKET).map(each).collect()
            }
            other => ticket(other).map(|ticket| vec![ticket]),
        }
    }

    /// Where a stream is read from: a word, or a kind and what it needs, as a record of one field or as a pair.
    pub(crate) fn place(&mut self) -> Result<Start> {
        let (kind, given) = match self.next() {
            Plain::Nil => return Ok(Start::End),
            Plain::Text(word) => (word.into_owned(), None),
            Plain::Record(mut fields) if fields.len() == 1 => {
                let (kind, given) = fields.remove(0);
                (kind, Some(given))
            }
            Plain::List(mut pair) if pair.len() == 2 && matches!(pair[0], Plain::Text(_)) => {
                let given = pair.pop();
                (Self::new(pair).text("from")?, given)
            }
            other => return Err(mistyped("from", STARTS, &other)),
        };
        let mut args = Self::new(given.into_iter().collect());
        match (&*kind, args.is_done()) {
            ("first", true) => Ok(Start::First),
            ("end", true) => Ok(Start::End),
            ("behind", false) => Ok(Start::Behind(args.id("behind")?)),
            ("time", false) => Ok(Start::Time(moment("time", args.next())?)),
            ("last", false) => {
                let count = args.whole("last")?.ok_or_else(|| mistyped("last", "a number", &Plain::Nil))?;
                Ok(Start::Last(count))
            }
            _ => Err(Error::invalid(format!("from must be {STARTS}, not {kind:?}"))),
        }
    }

    /// Absent, present, a revision, a value: at most one is given.
    pub(crate) fn condition(&mut self) -> Result<Condition> {
        let absent = self.flag("ifAbsent")?.then_some(Condition::Absent);
        let present = self.flag("ifPresent")?.then_some(Condition::Present);
        let revision = self.whole("ifRevision")?.map(Condition::Revision);
        let value = match self.next() {
            Plain::Nil => None,
            value => Some(Condition::Value(bytes("ifValue", value)?)),
        };
        let mut given = [absent, present, revision, value].into_iter().flatten();
        match (given.next(), given.next()) {
            (one, None) => Ok(one.unwrap_or_default()),
            _ => Err(Error::invalid("a write has one condition at most; a txn can have several")),
        }
    }

    pub(crate) fn filter(&mut self) -> Result<Filter> {
        filter(self.next())
    }

    pub(crate) fn start(&mut self) -> Result<From> {
        match self.0.as_slice().first() {
            Some(Plain::Text(_)) => match &*self.text("from")? {
                "now" => Ok(From::Now),
                "snapshot" => Ok(From::Snapshot),
                other => {
                    let message =
                        format!("a watch begins \"now\", with a \"snapshot\" or a revision, not {other:?}");
                    Err(Error::invalid(message))
                }
            },
            _ => Ok(self.whole("from")?.map_or(From::Now, From::Revision)),
        }
    }
}

/// Milliseconds, from so many of them or from a record of `s`, seconds; at least so many.
fn time(name: &str, what: &str, least: f64, given: Plain) -> Result<Option<f64>> {
    let Some((given, unit, ms)) = millis(name, given)? else { return Ok(None) };
    if (least..=LONGEST).contains(&ms) {
        return Ok(Some(ms));
    }
    Err(Error::invalid(format!("{what} is {given} {unit} and must be from {least} ms to 100 years")))
}

/// A time as it was given, its unit, and milliseconds.
fn millis(name: &str, given: Plain) -> Result<Option<(f64, &'static str, f64)>> {
    Ok(match given {
        Plain::Record(mut fields) if fields.len() == 1 && fields[0].0 == "s" => {
            // Its name says no unit then.
            let seconds = float(name.trim_end_matches("Ms"), fields.remove(0).1)?;
            seconds.map(|given| (given, "s", given * 1e3))
        }
        ms => float(name, ms)?.map(|given| (given, "ms", given)),
    })
}

/// Milliseconds since 1970.
fn moment(name: &str, given: Plain) -> Result<u64> {
    let given = millis(name, given)?.ok_or_else(|| mistyped(name, "a number", &Plain::Nil))?;
    match given {
        (.., ms) if (0.0..=EXACT).contains(&ms) => Ok(ms as u64),
        (given, unit, _) => Err(Error::invalid(format!("{name}={given} {unit} must be a time since 1970"))),
    }
}

fn duration(name: &str, what: &str, given: Plain) -> Result<Option<Duration>> {
    Ok(time(name, what, 0.0, given)?.map(|ms| Duration::from_secs_f64(ms / 1e3)))
}

fn id(name: &str, given: Plain) -> Result<EventId> {
    match given {
        Plain::Text(text) => text.parse().map_err(|_| {
            Error::invalid(format!("{name} must be the id of an event, as \"1700000000000-7\", not {text:?}"))
        }),
        other => Err(mistyped(name, "the id of an event", &other)),
    }
}

fn ticket(given: Plain) -> Result<Ticket> {
    let ticket = if let Plain::Bytes(bytes) = &given { as_ticket(bytes) } else { None };
    ticket.ok_or_else(|| mistyped("what is answered", "an event that this sink gave", &given))
}

/// Where a stream may be read from.
const STARTS: &str = "\"first\", \"end\", { behind: id }, { time } or { last: number }";

fn float(name: &str, value: Plain) -> Result<Option<f64>> {
    match value {
        Plain::Nil => Ok(None),
        Plain::Float(number) => Ok(Some(number)),
        Plain::Int(number) => Ok(Some(number as f64)),
        other => Err(mistyped(name, "a number", &other)),
    }
}

fn bytes(name: &str, value: Plain) -> Result<Bytes> {
    match value {
        Plain::Bytes(bytes) => Ok(bytes),
        Plain::Text(text) => Ok(Bytes::from(text.into_owned())),
        other => Err(mistyped(name, "bytes", &other)),
    }
}

/// A pattern; a key, a prefix or a glob that says which it is; or several of these.
fn filter(given: Plain) -> Result<Filter> {
    match given {
        Plain::Text(pattern) => Ok(Filter::from(&*pattern)),
        Plain::List(parts) => Ok(Filter::Any(parts.into_iter().map(filter).collect::<Result<_>>()?)),
        Plain::Record(mut fields) if fields.len() == 1 => match fields.remove(0) {
            (kind, Plain::Text(text)) if kind == "key" => Ok(Filter::Key(text.into_owned())),
            (kind, Plain::Text(text)) if kind == "prefix" => Ok(Filter::Prefix(text.into_owned())),
            (kind, Plain::Text(text)) if kind == "glob" => Ok(Filter::Glob(text.into_owned())),
            (kind, text) => Err(mistyped(&format!("the filter {kind:?}"), "a key, prefix or glob", &text)),
        },
        other => Err(mistyped("a filter", "text, { key }, { prefix }, { glob } or a list of them", &other)),
    }
}
