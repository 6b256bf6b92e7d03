//! Topics and the filters that choose among them.
//!
//! A topic is a path of levels with dots between them, such as `orders.eu.created`. In a filter `*` stands for one
//! level and `>`, as the last, for one or more.

use std::fmt;
use std::sync::Arc;

/// The longest topic or filter, in bytes.
pub const MAX_TOPIC: usize = 255;

/// What makes a topic or a filter unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is empty, or longer than [`MAX_TOPIC`].
    Length,
    /// Two dots follow each other, or one is at an end.
    EmptyLevel,
    /// It has white space or a control character.
    Character,
    /// A `*` or `>` stands where it has no meaning: in a topic, inside a level, or a `>` before the end.
    Wildcard,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Length => "it must have 1 to 255 bytes",
            Self::EmptyLevel => "it has an empty level: write levels with single dots between them",
            Self::Character => "it has white space or a control character",
            Self::Wildcard => {
                "* stands alone in a level of a filter, and > alone in its last; a topic has neither"
            }
        })
    }
}

/// Whether `topic` may be published to.
///
/// # Errors
/// What is wrong with it.
pub fn check(topic: &str) -> Result<(), Fault> {
    check_levels(topic)?;
    if topic.contains(['*', '>']) { Err(Fault::Wildcard) } else { Ok(()) }
}

fn check_levels(path: &str) -> Result<(), Fault> {
    if path.is_empty() || path.len() > MAX_TOPIC {
        return Err(Fault::Length);
    }
    if path.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Err(Fault::Character);
    }
    if path.split('.').any(str::is_empty) { Err(Fault::EmptyLevel) } else { Ok(()) }
}

/// A choice of topics: those that one of its patterns matches; without patterns, all.
#[derive(Clone, Debug, PartialEq, Eq, Default, Hash)]
pub struct Topics(Arc<[Box<str>]>);

impl Topics {
    /// The topics that one of `patterns` matches.
    ///
    /// # Errors
    /// The first pattern that is none, and why.
    pub fn new<P: AsRef<str>>(patterns: impl IntoIterator<Item = P>) -> Result<Self, (String, Fault)> {
        let checked = patterns.into_iter().map(|pattern| match check_pattern(pattern.as_ref()) {
            Ok(()) => Ok(Box::from(pattern.as_ref())),
            Err(fault) => Err((pattern.as_ref().to_owned(), fault)),
        });
        let mut patterns = checked.collect::<Result<Vec<Box<str>>, _>>()?;
        if patterns.iter().any(|pattern| **pattern == *">") {
            patterns.clear(); // it matches every topic
        }
        patterns.sort_unstable();
        patterns.dedup();
        Ok(Self(patterns.into()))
    }

    /// Its patterns; none if it matches every topic.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pattern| &**pattern)
    }

    /// Whether it matches every topic.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `topic` is one of them. Takes time linear in the lengths: a wildcard never goes back.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        self.is_all() || self.0.iter().any(|pattern| matches(pattern, topic))
    }
}

fn check_pattern(pattern: &str) -> Result<(), Fault> {
    check_levels(pattern)?;
    let (before, last) = pattern.rsplit_once('.').unwrap_or(("", pattern));
    let bad = |level: &str| level.contains(['*', '>']) && level != "*";
    if before.split('.').any(bad) || (bad(last) && last != ">") { Err(Fault::Wildcard) } else { Ok(()) }
}

fn matches(pattern: &str, topic: &str) -> bool {
    let mut levels = topic.split('.');
    for wanted in pattern.split('.') {
        match (wanted, levels.next()) {
            (_, None) => return false,
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topics(patterns: &[&str]) -> Topics {
        Topics::new(patterns).expect("patterns")
    }

    #[test]
    fn wildcards_stand_for_one_level_or_for_the_rest() {
        let hits = [("a.*", "a.b"), ("a.>", "a.b"), ("a.>", "a.b.c"), (">", "a"), ("*.b", "a.b"), ("a", "a")];
        for (pattern, topic) in hits {
            assert!(topics(&[pattern]).matches(topic), "{pattern} {topic}");
        }
        for (pattern, topic) in [("a.*", "a"), ("a.*", "a.b.c"), ("a.>", "a"), ("*", "a.b"), ("a", "ab")] {
            assert!(!topics(&[pattern]).matches(topic), "{pattern} {topic}");
        }
        assert!(topics(&[]).matches("anything.at.all") && topics(&["x", "a.*"]).matches("a.b"));
    }

    #[test]
    fn what_is_no_topic_or_pattern_says_why() {
        assert_eq!(check(""), Err(Fault::Length));
        assert_eq!(check(&"x".repeat(256)), Err(Fault::Length));
        assert_eq!(check("a..b"), Err(Fault::EmptyLevel));
        assert_eq!(check("a."), Err(Fault::EmptyLevel));
        assert_eq!(check("a b"), Err(Fault::Character));
        assert_eq!(check("a.*"), Err(Fault::Wildcard));
        assert_eq!(check("größe.äöü.日本"), Ok(()));
        for pattern in ["a.>.b", "a*", ">.a", "a.b>"] {
            assert_eq!(Topics::new([pattern]), Err((pattern.to_owned(), Fault::Wildcard)));
        }
    }

    #[test]
    fn patterns_are_kept_in_one_form() {
        assert_eq!(topics(&["b", "a", "b"]), topics(&["a", "b"]));
        assert_eq!(topics(&["a", ">"]), Topics::default());
    }

    /// The meaning, written down the slow way.
    fn slow(pattern: &[&str], topic: &[&str]) -> bool {
        match (pattern, topic) {
            ([], []) => true,
            ([">"], [_, ..]) => true,
            ([first, pattern @ ..], [level, topic @ ..]) => {
                (*first == "*" || first == level) && slow(pattern, topic)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_is_as_defined(pattern in "[ab*](\\.[ab*]){0,4}(\\.>)?", topic in "[ab](\\.[ab]){0,5}") {
            let wanted = slow(&pattern.split('.').collect::<Vec<_>>(), &topic.split('.').collect::<Vec<_>>());
            prop_assert_eq!(topics(&[&pattern]).matches(&topic), wanted);
        }
    }
}
