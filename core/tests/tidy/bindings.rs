//! Each binding stays thin: what two of them need is in `bindings-core`.

use crate::expect_none;
use crate::sizes::lines_of_code;
use crate::tree;

/// The most lines of code that a binding may have in Rust and in its own language, with its hand-written stubs; tests,
/// benches and what only builds it not counted. It has a method, and types for it, for each of the rows of
/// `docs/api.toml`, of which there are more than sixty: about twenty lines for each, and the border itself.
const MOST: usize = 1_700;

/// The folders of each binding.
const BINDINGS: [(&str, &[&str]); 3] = [
    ("python", &["bindings-python/src/", "bindings-python/python/"]),
    ("node", &["bindings-node/src/", "bindings-node/ts/"]),
    ("go", &["bindings-go/"]),
];

#[test]
fn no_binding_has_more_than_1700_lines_of_code() {
    let mut offenders = Vec::new();
    for (name, folders) in BINDINGS {
        let lines = of_binding(folders);
        assert!(lines > 0, "there is no code of the {name} binding in {folders:?}");
        println!("{name}: {lines} lines");
        if lines > MOST {
            offenders.push(format!("{name}: {lines} lines"));
        }
    }
    expect_none(
        &format!("a binding has at most {MOST} lines; what two of them need is bindings-core's:"),
        &offenders,
    );
}

fn of_binding(folders: &[&str]) -> usize {
    let counts = |source: &&tree::Source| {
        let language = matches!(source.extension(), "rs" | "py" | "pyi" | "ts" | "go");
        let within = folders.iter().any(|folder| source.path.starts_with(folder));
        language && within && !source.is_test() && !source.is_generated() && !source.path.contains("/bench/")
    };
    tree::files().iter().filter(counts).map(lines_of_code).sum()
}
