//! Whether docs/api.toml and the built modules name the same things.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The part of docs/api.toml that is about names.
#[derive(Debug, Deserialize)]
pub struct Table {
    /// The operations, each with its name by language.
    pub operation: Vec<BTreeMap<String, toml::Value>>,
    /// By language, public names that are no operation of all four.
    pub also: BTreeMap<String, BTreeSet<String>>,
}

/// Classes that have operations of the map under the same names: a copy of it, its parts in a transaction, its types.
const LIKE_A_MAP: &[&str] = &["Snapshot", "Txn", "TxnBuilder", "TypedMap"];

/// How the names of a language and the table differ, as sentences.
#[must_use]
pub fn differences(language: &str, table: &Table, names: &BTreeSet<String>) -> Vec<String> {
    let none = BTreeSet::new();
    let also = table.also.get(language).unwrap_or(&none);
    let rows: BTreeSet<&str> =
        table.operation.iter().filter_map(|row| name(row.get(language)?.as_str()?)).collect();
    let methods: BTreeSet<&str> =
        rows.iter().filter_map(|row| member(row)).map(|(_, method)| method).collect();
    let mut found = Vec::new();
    for row in rows.iter().filter(|row| !names.contains(**row)) {
        found.push(format!("{language}: {row} is in the table, and the module has no such name"));
    }
    for stale in also.iter().filter(|name| !names.contains(*name) || rows.contains(name.as_str())) {
        found.push(format!("{language}: {stale} stands in [also], and is no such name or has a row"));
    }
    for name in names {
        let like = member(name)
            .is_some_and(|(class, method)| LIKE_A_MAP.contains(&class) && methods.contains(method));
        if !rows.contains(name.as_str()) && !also.contains(name) && !like {
            found.push(format!("{language}: {name} is public, and the table has no row for it"));
        }
    }
    found
}

/// The name in a row, which may be a phrase around it: `range Map.Watch`.
fn name(row: &str) -> Option<&str> {
    row.split(' ').next_back()
}

/// The class and the method of a name.
fn member(name: &str) -> Option<(&str, &str)> {
    name.split_once("::").or_else(|| name.split_once('.'))
}

/// The functions and methods that `go doc -all` tells of.
#[must_use]
pub fn go(doc: &str) -> BTreeSet<String> {
    let classes = [
        "Client",
        "Map",
        "TypedMap",
        "Snapshot",
        "Txn",
        "Scope",
        "Stream",
        "Reader",
        "MergedReader",
        "Sink",
        "Delivery",
        "Step",
    ];
    let named = |text: &str| text.chars().take_while(|c| c.is_alphanumeric()).collect::<String>();
    let told = doc.lines().filter_map(|line| line.strip_prefix("func "));
    let names = told.filter_map(|line| {
        let Some(receiver) = line.strip_prefix('(') else { return Some(named(line)) };
        let (receiver, method) = receiver.split_once(") ")?;
        let class = named(receiver.split(' ').next_back()?.trim_start_matches('*'));
        classes.contains(&class.as_str()).then(|| format!("{class}.{}", named(method)))
    });
    names.collect()
}

/// The public functions that wait and the methods of the crate's classes, and those of traits, from its sources.
#[must_use]
pub fn rust(source: &str) -> BTreeSet<String> {
    let classes = [
        "Ponos",
        "Map",
        "Snapshot",
        "TxnBuilder",
        "TypedMap",
        "Watcher",
        "Scope",
        "Stream",
        "Reader",
        "MergedReader",
        "Sink",
        "Delivery",
        "StepBuilder",
    ];
    let mut names = BTreeSet::new();
    let (mut class, mut public) = (None, "");
    for line in source.lines() {
        if let Some(head) = line.strip_prefix("impl").and_then(without_parameters) {
            let of_a_trait = head.split_once(" for ");
            let head = of_a_trait.map_or(head, |(_, class)| class).trim_end_matches(" {");
            let head = head.split('<').next();
            class = classes.into_iter().find(|name| head == Some(*name));
            // Of the traits only this one is how one calls an operation.
            public = match of_a_trait {
                None => "    pub ",
                Some(("Drop", _)) => "    ",
                Some(_) => "impl of a trait that has no operation",
            };
        }
        let method = line.strip_prefix(public).and_then(|line| {
            line.split_once("fn ").filter(|(before, _)| {
                before.split_whitespace().all(|word| ["async", "const"].contains(&word))
            })
        });
        let named =
            |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if let (Some(class), Some((_, method))) = (class, method) {
            names.insert(format!("{class}::{}", named(method)));
        }
        names.extend(line.strip_prefix("pub async fn ").map(named));
        if line == "}" {
            class = None;
        }
    }
    names
}

/// What follows the parameters of an `impl`, if there are any: their bounds have brackets of their own.
fn without_parameters(line: &str) -> Option<&str> {
    let mut depth = 0;
    let end = line.find(|c| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        depth == 0
    });
    line[end?..].trim_start_matches('>').strip_prefix(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"
        [[operation]]
        id = "map.set"
        go = "Map.Set"
        [[operation]]
        id = "watch.next"
        go = "range Map.Watch"
        [also]
        go = ["Map.Name", "Version"]
    "#;

    fn against(names: &[&str]) -> String {
        let table: Table = toml::from_str(TABLE).expect("a table");
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        differences("go", &table, &names).join("\n")
    }

    #[test]
    fn a_missing_a_new_and_a_stale_name_are_found() {
        let whole = ["Map.Set", "Map.Watch", "Map.Name", "Version", "Txn.Set"];
        assert_eq!(against(&whole), "");
        assert!(against(&whole[1..]).contains("Map.Set is in the table"));
        assert!(against(&[&whole[..], &["Map.Rename"]].concat()).contains("Map.Rename is public"));
        assert!(against(&[&whole[..], &["Client.Set"]].concat()).contains("Client.Set is public"));
        assert!(against(&[&whole[..3], &whole[4..]].concat()).contains("Version stands in [also]"));
    }

    #[test]
    fn names_are_read_from_go_doc_and_from_rust() {
        let doc = "func Open(ctx context.Context) error\nfunc (m *TypedMap[T]) Get(key string)\nfunc (e Entry) Items()\n";
        assert_eq!(go(doc), ["Open", "TypedMap.Get"].map(str::to_owned).into());
        let source = "impl Map {\n    pub async fn set(&self) {\n    }\n    fn own(&self) {}\n    pub(crate) fn inner() {}\n}\n\
                      impl Drop for Watcher {\n    fn drop(&mut self) {}\n}\nimpl Other {\n    pub fn no() {}\n}\n\
                      impl<V, C: Codec<V>> TypedMap<V, C> {\n    pub const fn map(&self) {}\n}\n\
                      impl<V> fmt::Debug for TypedMap<V, C> {\n    fn fmt(&self) {}\n}\n\
                      pub async fn merge() {}\nasync fn inner() {}\n";
        assert_eq!(
            rust(source),
            ["Map::set", "TypedMap::map", "Watcher::drop", "merge"].map(str::to_owned).into()
        );
    }
}
