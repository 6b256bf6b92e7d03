//! Every public operation is in docs/api.toml, in four languages, with a scenario that all of them run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::expect_none;
use crate::scrub::words;
use crate::tree;

const TABLE: &str = "docs/api.toml";
const NAMES: &[&str] = &["id", "rust", "python", "node", "go", "spec"];

/// One `[[operation]]`: its line and its keys, each with a list of strings (of one, where it is no list).
struct Row {
    line: usize,
    keys: BTreeMap<String, Vec<String>>,
}

impl Row {
    fn text(&self, key: &str) -> &str {
        self.keys.get(key).and_then(|list| list.first()).map_or("", String::as_str)
    }

    /// `docs/api.toml:12 map.set`
    fn at(&self) -> String {
        format!("{TABLE}:{} {}", self.line, self.text("id"))
    }
}

#[test]
fn every_operation_has_a_name_in_four_languages() {
    let mut offenders = Vec::new();
    let mut seen = BTreeSet::new();
    let rows = rows();
    for row in &rows {
        for key in NAMES {
            if row.text(key).is_empty() {
                offenders.push(format!("{}: has no `{key}`", row.at()));
            }
        }
        if !seen.insert(row.text("id")) {
            offenders.push(format!("{}: is there twice", row.at()));
        }
    }
    if rows.is_empty() {
        offenders.push(format!("{TABLE}: has no [[operation]]"));
    }
    expect_none("an operation has an id, a name in each language and a scenario:", &offenders);
}

#[test]
fn every_operation_names_its_errors() {
    let kinds = fs::read_to_string(tree::root().join("core/src/error.rs")).unwrap_or_default();
    let mut offenders = Vec::new();
    for row in rows() {
        match row.keys.get("errors") {
            None => offenders.push(format!("{}: has no `errors` (an empty list is an answer)", row.at())),
            Some(errors) => {
                for error in errors.iter().filter(|error| words(&kinds, error).next().is_none()) {
                    offenders.push(format!("{}: `{error}` is no kind of core/src/error.rs", row.at()));
                }
            }
        }
    }
    expect_none("an operation lists the kinds of its errors:", &offenders);
}

#[test]
fn every_operation_has_a_scenario() {
    let scenarios = scenarios();
    let mut offenders = Vec::new();
    for row in rows() {
        match scenarios.get(row.text("spec")) {
            None => offenders.push(format!("{}: there is no tests/spec/{}", row.at(), row.text("spec"))),
            Some(steps) if !steps.iter().any(|(_, step)| step == row.text("id")) => {
                offenders.push(format!("{}: no step of tests/spec/{} does it", row.at(), row.text("spec")));
            }
            Some(_) => {}
        }
    }
    expect_none("an operation has a scenario in tests/spec that does it:", &offenders);
}

#[test]
fn every_step_of_a_scenario_is_an_operation() {
    let rows = rows();
    let known: BTreeSet<&str> = rows.iter().map(|row| row.text("id")).collect();
    let mut offenders = Vec::new();
    for (file, steps) in scenarios() {
        for (line, step) in steps {
            // The parts of a transaction are operations of a map.
            let part = format!("map.{step}");
            if !known.contains(step.as_str()) && !known.contains(part.as_str()) {
                offenders.push(format!("tests/spec/{file}:{line}: `{step}` is not in {TABLE}"));
            }
        }
    }
    expect_none("what a scenario does is an operation of the table:", &offenders);
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(tree::root().join(TABLE));
    parse(
        &text.unwrap_or_else(|error| {
            panic!("{TABLE}, the table of public operations, cannot be read: {error}")
        }),
    )
}

/// Reads the part of TOML that the table uses: `[[operation]]`, strings in double quotes, lists of them.
fn parse(text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut in_operation = false;
    let mut key = String::new();
    let mut in_list = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        if !in_list && line.starts_with('[') {
            in_operation = line.starts_with("[[operation]]");
            if in_operation {
                rows.push(Row { line: at + 1, keys: BTreeMap::new() });
            }
            continue;
        }
        let Some(row) = rows.last_mut().filter(|_| in_operation) else { continue };
        let mut value = line;
        if !in_list {
            let Some((name, rest)) = line.split_once('=') else { continue };
            name.trim().clone_into(&mut key);
            value = rest.trim();
            in_list = value.starts_with('[');
        }
        row.keys.entry(key.clone()).or_default().extend(strings(value));
        in_list = in_list && !value.ends_with(']');
    }
    rows
}

/// What is between double quotes; the table needs no escapes.
fn strings(value: &str) -> impl Iterator<Item = String> {
    value.split('"').skip(1).step_by(2).map(str::to_owned)
}

/// The operations that each file of tests/spec does, with their lines.
fn scenarios() -> BTreeMap<String, Vec<(usize, String)>> {
    tree::files()
        .iter()
        .filter(|source| source.path.starts_with("tests/spec/") && source.extension() == "json")
        .map(|source| {
            let file = source.path.trim_start_matches("tests/spec/").to_owned();
            (file, steps(&source.text))
        })
        .collect()
}

/// The values of the keys `do` of a JSON text.
fn steps(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for after in line.split("\"do\"").skip(1) {
            let value = after.trim_start().strip_prefix(':').and_then(|value| strings(value).next());
            found.push((at + 1, value.unwrap_or_default()));
        }
    }
    found
}

#[test]
fn the_table_is_read() {
    let rows = parse(
        "# operations\n[settings]\nid = \"no\"\n\n[[operation]]\nid = \"map.set\" # comment\nerrors = [\n  \"Invalid\",\n  \
         \"Conflict\",\n]\nspec = \"map_set.json\"\n[[operation]]\nid = \"map.get\"\nerrors = []\n",
    );
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].at(), "docs/api.toml:5 map.set");
    assert_eq!(rows[0].keys["errors"], ["Invalid", "Conflict"]);
    assert_eq!(rows[0].text("spec"), "map_set.json");
    assert_eq!((rows[1].text("id"), rows[1].keys["errors"].len(), rows[1].text("go")), ("map.get", 0, ""));
}

#[test]
fn the_steps_of_a_scenario_are_found() {
    let text = "{\"steps\": [\n  {\"on\": \"a\", \"do\": \"map.set\"}, {\"do\" : \"map.get\"}\n]}";
    assert_eq!(steps(text), [(2, "map.set".to_owned()), (2, "map.get".to_owned())]);
}
