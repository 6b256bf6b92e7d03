//! Dependencies inside the core point down, and its model is pure.

use crate::expect_none;
use crate::scrub::{is_word, line_at, scrub, without_tests, words};
use crate::tree::{self, Source};

/// The modules of the core, lowest row first. A module uses its own row and those below it.
const LAYERS: &[&[&str]] = &[
    &["error", "url"],
    &["model"],
    &["time", "rt", "retry", "metrics"],
    &["engine", "wire", "discovery"],
    &["map", "stream"],
    &["pool", "ring"],
    &["client"],
];

/// What a pure module cannot do: wait, read a clock, draw a random number, or touch the world.
const IMPURE: &[&str] =
    &["async", "await", "tokio", "futures", "Instant", "SystemTime", "rand", "getrandom", "thread_local"];
const IMPURE_STD: &[&str] = &["env", "fs", "io", "net", "process", "thread"];

const CORE: &str = "core/src/";

#[test]
fn a_module_uses_its_own_layer_and_those_below_it() {
    let offenders: Vec<String> = core().flat_map(upward).collect();
    expect_none(
        "dependencies of core/src point down (the rows are in core/tests/tidy/layers.rs):",
        &offenders,
    );
}

#[test]
fn the_model_is_pure() {
    let mut offenders = Vec::new();
    for source in core().filter(|source| source.path.starts_with("core/src/model/")) {
        let code = without_tests(&scrub(&source.text));
        for word in IMPURE {
            for at in words(&code, word) {
                offenders.push(format!("{}: {word}", source.at(line_at(&code, at))));
            }
        }
        for (at, name) in paths(&code, "std") {
            if IMPURE_STD.contains(&name) {
                offenders.push(format!("{}: std::{name}", source.at(line_at(&code, at))));
            }
        }
    }
    expect_none("core/src/model has no I/O and no tasks; time and chance come in as arguments:", &offenders);
}

/// The files that the rules are about: all but the re-exports and the tests.
fn core() -> impl Iterator<Item = &'static Source> {
    tree::rust().filter(|source| {
        source.path.starts_with(CORE) && source.path != "core/src/lib.rs" && !source.is_test()
    })
}

fn row(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// The uses of higher rows in this file.
fn upward(source: &Source) -> Vec<String> {
    let modules = modules(&source.path);
    let Some(own) = row(modules[0]) else {
        return vec![format!("{}: `{}` is in no row: give it one", source.path, modules[0])];
    };
    let code = without_tests(&scrub(&source.text));
    let mut offenders = Vec::new();
    for (at, used) in paths(&code, "crate") {
        let why = match row(used) {
            Some(row) if row <= own => continue,
            Some(_) => format!("`{}` is below `{used}`", modules[0]),
            None => format!("`crate::{used}`: name the module it is in, and give that a row"),
        };
        offenders.push(format!("{}: {why}", source.at(line_at(&code, at))));
    }
    // As many `super` as the file is deep is the crate. Names that are no module are a nested module's.
    for (at, used) in paths(&code, &vec!["super"; modules.len()].join("::")) {
        if row(used).is_some_and(|row| row > own) {
            offenders.push(format!("{}: `{}` is below `{used}`", source.at(line_at(&code, at)), modules[0]));
        }
    }
    offenders
}

/// The module path of a file of the core, without the crate.
fn modules(path: &str) -> Vec<&str> {
    path.trim_start_matches(CORE).trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect()
}

/// What follows `start::`, as one name or as each name of a group, with its offset.
fn paths<'a>(code: &'a str, start: &'a str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for at in words(code, start) {
        let Some(tail) = code[at + start.len()..].strip_prefix("::") else { continue };
        if code[..at].ends_with("::") {
            continue; // the middle of a longer path
        }
        let from = code.len() - tail.len();
        if !tail.starts_with('{') {
            found.push((from, name(tail)));
            continue;
        }
        let mut depth = 0;
        let mut expected = false;
        for (offset, letter) in tail.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 && expected && is_word(letter) {
                found.push((from + offset, name(&tail[offset..])));
            }
            expected = depth == 1 && (matches!(letter, '{' | ',') || (expected && letter.is_whitespace()));
        }
    }
    found
}

fn name(text: &str) -> &str {
    text.split(|letter| !is_word(letter)).next().unwrap_or_default()
}

#[test]
fn a_use_of_a_higher_layer_is_found() {
    let text = "use crate::{error::Error, model::op, pool};\nuse super::super::client::Ponos;\n\
                use crate::Thing;\n#[cfg(test)]\nuse crate::ring;\n// crate::ring\nfn f(_: crate::map::Map) {}";
    let source = Source { path: "core/src/map/task.rs".into(), text: text.into() };
    let found = upward(&source);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("core/src/map/task.rs:1: `map` is below `pool`"), "{found:?}");
    assert!(found[1].contains(":3: `crate::Thing`"), "{found:?}");
    assert!(found[2].contains(":2: `map` is below `client`"), "{found:?}");
}
