//! Compares the names of docs/api.toml with those of the installed packages: `parity [language…]`.
#![allow(clippy::print_stdout, reason = "a program prints")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};

use ponos_tests::driver::Language;
use ponos_tests::parity::{self, Table};
use ponos_tests::report::Report;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let root = std::env::var("PONOS_ROOT").unwrap_or_else(|_| ".".to_owned());
    let root = std::fs::canonicalize(root).expect("PONOS_ROOT is a folder");
    let table = std::fs::read_to_string(root.join("docs/api.toml")).expect("the table is there");
    let table: Table = toml::from_str(&table).expect("the table is toml");
    let mut report = Report::default();
    for language in Language::ALL {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == language.name()) {
            continue;
        }
        let compared = names(language, &root).and_then(|names| {
            println!("{}: {} public names", language.name(), names.len());
            let found = parity::differences(language.name(), &table, &names);
            if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
        });
        report.add(language.name(), compared);
    }
    report.end()
}

/// The public names of a language's package.
fn names(language: Language, root: &Path) -> Result<BTreeSet<String>, String> {
    let installed = root.join("target/installed");
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    match language {
        Language::Rust => {
            let files = [
                "client",
                "map/read",
                "map/snapshot",
                "map/typed",
                "map/watch",
                "map/write",
                "stream/info",
                "stream/merge",
                "stream/mod",
                "stream/publish",
                "stream/reader",
                "stream/reply",
                "stream/sink",
                "stream/step",
            ];
            let texts =
                files.map(|file| std::fs::read_to_string(root.join("core/src").join(format!("{file}.rs"))));
            let texts =
                texts.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
            Ok(parity::rust(&texts.concat()))
        }
        Language::Python => {
            let program = installed.join("python/bin/python");
            said(Command::new(program).arg(root.join("tests/parity/names.py"))).map(lines)
        }
        Language::Node => {
            // An import is looked for upwards from the file that has it.
            let copy = installed.join("node/names.mjs");
            std::fs::copy(root.join("tests/parity/names.mjs"), &copy).map_err(|error| error.to_string())?;
            said(Command::new("node").arg(copy)).map(lines)
        }
        Language::Go => {
            let mut doc = Command::new("go");
            doc.args(["doc", "-all", "github.com/ponos-dev/ponos-go"]);
            doc.current_dir(installed.join("go")).env("GOENV", installed.join("go/goenv"));
            said(&mut doc).map(|text| parity::go(&text))
        }
    }
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
