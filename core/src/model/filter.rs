//! Which keys a watcher wants to hear of.

/// A choice of keys. Events about the whole map pass every filter.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Filter {
    /// Every key.
    #[default]
    All,
    /// This key.
    Key(String),
    /// Keys that begin so.
    Prefix(String),
    /// Keys of this form: `*` stands for any characters, `?` for one; `\` takes the next one literally.
    Glob(String),
    /// Keys that pass one of these.
    Any(Vec<Self>),
}

impl Filter {
    /// Whether `key` passes.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Key(wanted) => wanted == key,
            Self::Prefix(prefix) => key.starts_with(prefix.as_str()),
            Self::Glob(pattern) => glob(pattern, key),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(key)),
        }
    }
}

impl From<&str> for Filter {
    fn from(pattern: &str) -> Self {
        if pattern == "*" {
            Self::All
        } else if pattern.contains(['*', '?', '\\']) {
            Self::Glob(pattern.to_owned())
        } else {
            Self::Key(pattern.to_owned())
        }
    }
}

/// Matches in time linear in `text` for each `*`, and never goes back further than the last one: a pattern of
/// many stars costs no more than their number times the text.
fn glob(pattern: &str, text: &str) -> bool {
    let (mut rest, mut left) = (pattern, text);
    let mut star: Option<(&str, &str)> = None;
    loop {
        if let Some(after) = rest.strip_prefix('*') {
            star = Some((after, left));
            rest = after;
        } else if let Some(next) = step(rest, left) {
            (rest, left) = next;
        } else if rest.is_empty() && left.is_empty() {
            return true;
        } else if let Some((after, from)) = star {
            let mut skipped = from.chars();
            if skipped.next().is_none() {
                return false;
            }
            star = Some((after, skipped.as_str()));
            (rest, left) = (after, skipped.as_str());
        } else {
            return false;
        }
    }
}

/// Matches one character of the pattern that is no star; gives what is left of both.
fn step<'a>(pattern: &'a str, text: &'a str) -> Option<(&'a str, &'a str)> {
    let (mut wanted, mut found) = (pattern.chars(), text.chars());
    let (first, character) = (wanted.next()?, found.next()?);
    let hit = match first {
        '?' => true,
        '\\' => wanted.next().unwrap_or('\\') == character,
        literal => literal == character,
    };
    hit.then_some((wanted.as_str(), found.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_keys_by_characters() {
        let hits = [("*", ""), ("a*", "abc"), ("*c", "abc"), ("a?c", "aéc"), ("*b*d", "abcbd"), (r"\*", "*")];
        for (pattern, key) in hits {
            assert!(glob(pattern, key), "{pattern} {key}");
        }
        for (pattern, key) in [("a", "ab"), ("a?", "a"), ("*b", "abc"), (r"\*", "a"), ("", "a")] {
            assert!(!glob(pattern, key), "{pattern} {key}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let text = "a".repeat(20_000);
        assert!(!glob(&format!("{}b", "*a".repeat(50)), &text));
    }

    #[test]
    fn text_becomes_the_filter_it_looks_like() {
        assert_eq!(Filter::from("*"), Filter::All);
        assert_eq!(Filter::from("btc*"), Filter::Glob("btc*".into()));
        assert_eq!(Filter::from("btc"), Filter::Key("btc".into()));
        let any = Filter::Any(vec![Filter::Prefix("a".into()), Filter::Key("b".into())]);
        assert!(any.matches("ab") && any.matches("b") && !any.matches("bb"));
    }
}
