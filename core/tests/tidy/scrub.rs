//! Rust text without what would mislead a search: comments, literals and tests.
//!
//! Every function keeps offsets and lines: what goes is overwritten, not cut.

/// Overwrites comments with spaces and literals with quotes, so that braces and words left over are code.
pub(crate) fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (length, filler) = if let Some(length) = comment(rest) {
            (length, Some(' '))
        } else if let Some(length) = literal(rest) {
            (length, Some('"'))
        } else {
            (word(rest), None)
        };
        let (token, tail) = rest.split_at(length);
        match filler {
            Some(filler) => fill(&mut out, token, filler),
            None => out.push_str(token),
        }
        rest = tail;
    }
    out
}

/// Overwrites the items that are built for tests only.
pub(crate) fn without_tests(scrubbed: &str) -> String {
    let mut out = scrubbed.to_owned();
    for mark in ["#[cfg(test)]", "#[cfg(all(test"] {
        while let Some(start) = out.find(mark) {
            let end = item_end(&out, start);
            let mut blank = String::new();
            fill(&mut blank, &out[start..end], ' ');
            out.replace_range(start..end, &blank);
        }
    }
    out
}

/// Where the block or statement that starts after `from` ends: behind its `}` or `;`.
pub(crate) fn item_end(scrubbed: &str, from: usize) -> usize {
    let (mut braces, mut brackets) = (0_i32, 0_i32);
    for (offset, found) in scrubbed[from..].char_indices() {
        match found {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces <= 0 {
                    return from + offset + 1;
                }
            }
            ';' if braces == 0 && brackets == 0 => return from + offset + 1,
            _ => {}
        }
    }
    scrubbed.len()
}

/// The number of the line that has this offset, from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

pub(crate) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The offsets of `wanted` where it is not a part of a longer word.
pub(crate) fn words<'a>(text: &'a str, wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(wanted).map(|(at, _)| at).filter(move |&at| {
        !text[..at].chars().next_back().is_some_and(is_word)
            && !text[at + wanted.len()..].chars().next().is_some_and(is_word)
    })
}

/// One filler a byte; line ends stay.
fn fill(out: &mut String, token: &str, filler: char) {
    for byte in token.bytes() {
        out.push(if byte == b'\n' { '\n' } else { filler });
    }
}

fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(rest.len())
}

fn literal(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|tail| {
            tail.starts_with('"') || tail.starts_with('#') || (*prefix == "b" && tail.starts_with('\''))
        })
    });
    let prefix = prefix.unwrap_or_default();
    let tail = &rest[prefix.len()..];
    if prefix.contains('r') {
        let hashes = tail.bytes().take_while(|&byte| byte == b'#').count();
        if !tail[hashes..].starts_with('"') {
            return None; // a raw identifier
        }
        let end = format!("\"{}", "#".repeat(hashes));
        let body = prefix.len() + hashes + 1;
        return Some(rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len()));
    }
    match tail.chars().next()? {
        '"' => Some(prefix.len() + quoted(tail, '"')),
        '\'' if is_char(tail) => Some(prefix.len() + quoted(tail, '\'')),
        _ => None,
    }
}

/// A character, not a lifetime or a label.
fn is_char(rest: &str) -> bool {
    let mut letters = rest.chars().skip(1);
    let first = letters.next();
    first == Some('\\') || (first.is_some() && letters.next() == Some('\''))
}

/// The length of a literal that ends at the next quote without a backslash before it.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// A whole word, so that the end of one is not taken for the start of a literal; else one character.
fn word(rest: &str) -> usize {
    let length = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
    if length > 0 { length } else { rest.chars().next().map_or(1, char::len_utf8) }
}

#[test]
fn comments_and_literals_go_and_lines_stay() {
    let text = "let a = \"}\\\"{\"; // }\nlet b: &'x str = r#\"{\"#; /* { /* */ */ let c = '{';\nr#fn(b'{')";
    let scrubbed = scrub(text);
    assert_eq!(scrubbed.len(), text.len());
    assert_eq!(scrubbed.lines().count(), 3);
    assert!(!scrubbed.contains(['{', '}']), "{scrubbed}");
    assert!(scrubbed.contains("let c") && scrubbed.contains("&'x str") && scrubbed.contains("r#fn("));
}

#[test]
fn tests_inside_a_file_go() {
    let text =
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}";
    let left = without_tests(text);
    assert_eq!(left.split_whitespace().collect::<String>(), "fna(){}fnc(){}fne(){}");
    assert_eq!(left.lines().count(), text.lines().count());
}
