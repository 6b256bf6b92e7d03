//! Names that say nothing, words that promise and never keep, and hosts and paths that are nobody's business.

use crate::expect_none;
use crate::scrub::words;
use crate::tree::{self, Source};

/// A file is called after the one concept it has. These are drawers.
const DRAWERS: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "stuff"];

/// Written in pieces, or this file would offend itself.
const PROMISES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Where packages come from is the business of each machine's settings; where the tree lies, of nobody.
const FOREIGN: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("../sha", "red"),
    concat!("crates", ".io/"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("registry.", "npmjs"),
    concat!("npm", "js.com"),
    concat!("proxy.", "golang.org"),
    concat!("sum.", "golang.org"),
    concat!("maven.", "apache.org"),
    concat!("deb.", "debian.org"),
];

#[test]
fn files_and_folders_are_named_after_what_they_have() {
    let offenders: Vec<String> = tree::files()
        .iter()
        .filter(|source| source.path.split(['/', '_', '-', '.']).any(|part| DRAWERS.contains(&part)))
        .map(|source| source.path.clone())
        .collect();
    expect_none("a file is named after the one concept it has, not after a drawer:", &offenders);
}

#[test]
fn every_rust_file_says_what_it_is() {
    let offenders: Vec<String> = tree::rust()
        .filter(|source| !source.text.trim_start().starts_with("//!"))
        .map(|source| source.at(1))
        .collect();
    expect_none("a Rust file starts with a `//!` doc:", &offenders);
}

#[test]
fn what_is_left_to_do_has_an_issue() {
    let offenders = lines(|source, line| {
        !is_lock(source) && PROMISES.iter().any(|word| words(line, word).next().is_some()) && !has_issue(line)
    });
    expect_none("what is left to do names its issue, as `#123`, on the same line:", &offenders);
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    let offenders = lines(|_, line| FOREIGN.iter().any(|host| line.contains(host)));
    expect_none("no file names a package registry's host or a path outside the tree:", &offenders);
}

/// The lines of all files of which this is true, as `path:line: text`.
fn lines(is_bad: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in tree::files() {
        for (at, line) in source.text.lines().enumerate() {
            if is_bad(source, line) {
                let text: String = line.trim().chars().take(100).collect();
                found.push(format!("{}: {text}", source.at(at + 1)));
            }
        }
    }
    found
}

/// Lock files are full of checksums, which spell any word sooner or later.
fn is_lock(source: &Source) -> bool {
    ["Cargo.lock", "package-lock.json", "go.sum"].contains(&source.name())
}

fn has_issue(line: &str) -> bool {
    line.split('#').skip(1).any(|after| after.starts_with(|first: char| first.is_ascii_digit()))
}
