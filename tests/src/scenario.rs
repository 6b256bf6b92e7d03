//! What a scenario file says.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// One file: scenarios about one subject.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// What the file is about.
    pub name: String,
    /// The scenarios, each independent of the others.
    pub scenarios: Vec<Scenario>,
}

/// One story.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// A sentence of behaviour.
    pub name: String,
    /// The engines it makes sense on; all by default.
    #[serde(default)]
    pub engines: Vec<String>,
    /// The arguments of a redis-server of its own, for a story about the server; without it all share one.
    #[serde(default)]
    pub server: Option<Vec<String>>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One call and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Who calls: actors are processes of their own, except on the memory engine.
    #[serde(default = "first_actor")]
    pub by: String,
    /// The operation, as in docs/api.toml; empty if `server` says what happens.
    #[serde(default, rename = "do")]
    pub operation: String,
    /// What happens to the scenario's own server.
    #[serde(default)]
    pub server: Option<Blow>,
    /// The object it is called on.
    #[serde(default)]
    pub on: Option<String>,
    /// The arguments.
    #[serde(default)]
    pub args: Value,
    /// The name of what it returns.
    #[serde(default, rename = "as")]
    pub result: Option<String>,
    /// What the answer must hold; fields that are not named here may be anything.
    #[serde(default)]
    pub expect: Option<Value>,
    /// Whether the answer may become so: then the step is repeated until it is, with a limit.
    #[serde(default)]
    pub eventually: bool,
    /// The kind of error it must fail with.
    #[serde(default)]
    pub error: Option<String>,
    /// What that error's message must hold.
    #[serde(default)]
    pub says: Option<String>,
    /// Whether that error must say that the write may have been applied.
    #[serde(default)]
    pub maybe_applied: Option<bool>,
    /// Keeps a field of the answer: `{"r": "revision"}` makes `"$r"` usable in later steps.
    #[serde(default)]
    pub save: std::collections::BTreeMap<String, String>,
}

/// What can happen to a server.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blow {
    /// It is killed.
    Kill,
    /// It starts again on the same port, with nothing in it.
    Restart,
    /// It stops where it is: connections stay open, and nothing answers.
    Pause,
    /// It goes on.
    Resume,
}

fn first_actor() -> String {
    "a".to_owned()
}

/// Reads every file of a folder, by name.
///
/// # Panics
/// If a file cannot be read or is not of this form: then there is nothing to test.
#[must_use]
pub fn read(folder: &Path) -> Vec<File> {
    let listing = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = listing.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let parse = |path: &std::path::PathBuf| {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().map(parse).collect()
}
