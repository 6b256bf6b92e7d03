//! Each binding stays thin: what two of them need is in `bindings-core`.

use crate::expect_none;
use crate::sizes::lines_of_code;
use crate::tree;

/// The folders of each binding, and the most lines of code it may have in Rust and in its own language, with its
/// hand-written stubs; tests, benches and what only builds it not counted. The aim is 1,200 for each: a limit above
/// it only goes down.
const BINDINGS: [(&str, &[&str], usize); 3] = [
    ("python", &["bindings-python/src/", "bindings-python/python/"], 1_276),
    ("node", &["bindings-node/src/", "bindings-node/ts/"], 1_200),
    ("go", &["bindings-go/"], 1_215),
];

#[test]
fn no_binding_has_more_code_than_its_limit() {
    let mut offenders = Vec::new();
    for (name, folders, limit) in BINDINGS {
        let lines = of_binding(folders);
        assert!(lines > 0, "there is no code of the {name} binding in {folders:?}");
        if lines > limit {
            offenders.push(format!("{name}: {lines} lines, and the limit is {limit}"));
        }
    }
    expect_none("a binding stays thin; what two of them need is bindings-core's:", &offenders);
}

fn of_binding(folders: &[&str]) -> usize {
    let counts = |source: &&tree::Source| {
        let language = matches!(source.extension(), "rs" | "py" | "pyi" | "ts" | "go");
        let within = folders.iter().any(|folder| source.path.starts_with(folder));
        language && within && !source.is_test() && !source.is_generated() && !source.path.contains("/bench/")
    };
    tree::files().iter().filter(counts).map(lines_of_code).sum()
}
