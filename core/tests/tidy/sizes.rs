//! Files and functions stay small enough to be read in one go.

use crate::expect_none;
use crate::functions::functions;
use crate::scrub::{scrub, without_tests};
use crate::tree::{self, Source};

const CODE: &[&str] = &["rs", "py", "go", "js", "mjs", "cjs", "ts", "lua", "sh"];

const FILE: usize = 600;
const MEDIAN: usize = 200;
const NINE_OF_TEN: usize = 400;
const FUNCTION: usize = 70;

#[test]
fn no_file_has_more_than_600_lines_of_code() {
    let offenders: Vec<String> = sizes()
        .into_iter()
        .filter(|(lines, _)| *lines > FILE)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    expect_none("a file has at most 600 lines of code, comments, blanks and tests not counted:", &offenders);
}

#[test]
fn most_files_are_small() {
    let sizes = sizes();
    let median = sizes[sizes.len() / 2].0;
    let nine_of_ten = sizes[(sizes.len() * 9).div_ceil(10) - 1].0;
    let largest: Vec<String> =
        sizes.iter().rev().take(20).map(|(lines, path)| format!("{path}: {lines} lines")).collect();
    if median > MEDIAN || nine_of_ten > NINE_OF_TEN {
        expect_none(
            &format!(
                "half of the files have at most {MEDIAN} lines of code (now {median}), nine of ten at most \
                 {NINE_OF_TEN} (now {nine_of_ten}); the largest:"
            ),
            &largest,
        );
    }
}

#[test]
fn no_function_has_more_than_70_lines() {
    let mut offenders = Vec::new();
    for source in code() {
        for function in functions(source) {
            if function.lines > FUNCTION {
                let at = source.at(function.line);
                offenders.push(format!("{at}: `{}` has {} lines", function.name, function.lines));
            }
        }
    }
    expect_none("a function has at most 70 lines, from its name to its last brace:", &offenders);
}

fn code() -> impl Iterator<Item = &'static Source> {
    tree::files().iter().filter(|source| CODE.contains(&source.extension()) && !source.is_generated())
}

/// Lines of code and path of every file that is not a test, smallest first.
fn sizes() -> Vec<(usize, &'static str)> {
    let mut sizes: Vec<_> = code()
        .filter(|source| !source.is_test())
        .map(|source| (lines_of_code(source), source.path.as_str()))
        .collect();
    sizes.sort_unstable();
    sizes
}

pub(crate) fn lines_of_code(source: &Source) -> usize {
    let comment = match source.extension() {
        "rs" => {
            let code = without_tests(&scrub(&source.text));
            return code.lines().filter(|line| !line.trim().is_empty()).count();
        }
        "py" | "pyi" => return lines_of_python(&source.text),
        "sh" => "#",
        "lua" => "--",
        _ => return lines_with_blocks(&source.text),
    };
    let lines = source.text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with(comment)).count()
}

/// Of a language with `//` and `/* */`.
fn lines_with_blocks(text: &str) -> usize {
    let mut inside = false;
    let code = |line: &&str| {
        let begins = line.starts_with("/*");
        let counts = !inside && !begins && !line.is_empty() && !line.starts_with("//");
        inside = (inside || begins) && !line.contains("*/");
        counts
    };
    text.lines().map(str::trim).filter(code).count()
}

/// Without docs: strings that stand alone on their lines, in triple quotes.
fn lines_of_python(text: &str) -> usize {
    let mut inside = false;
    let code = |line: &&str| {
        let quotes = line.matches("\"\"\"").count();
        let begins = line.starts_with("\"\"\"") || line.starts_with("r\"\"\"");
        let counts = !inside && !begins && !line.is_empty() && !line.starts_with('#');
        if inside || begins {
            inside ^= quotes % 2 == 1;
        }
        counts
    };
    text.lines().map(str::trim).filter(code).count()
}
