//! The rules of this tree that no compiler knows, each a test that lists all its offenders.
//!
//! Layers and purity of the core, sizes of files and functions, names and words, and the table of public
//! operations. CONTRIBUTING.md says why; a rule that is wrong is changed here, in the open, not worked around.

mod api;
mod bindings;
mod functions;
mod layers;
mod scrub;
mod sizes;
mod tree;
mod words;

/// Fails with every offender on a line of its own, under one sentence that says what is asked for.
fn expect_none(rule: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "\n{rule}\n  {}\n", offenders.join("\n  "));
}
