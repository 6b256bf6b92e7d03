//! Where functions start and end, in each language.
//!
//! Rust is read by its braces. The others are read by their indentation, which their formatters make
//! reliable: gofmt, ruff and biome are part of `make verify`.

use crate::scrub::{is_word, item_end, line_at, scrub, words};
use crate::tree::Source;

/// A function, with the number of lines from its name to its end.
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// The functions of a file, nested ones too.
pub(crate) fn functions(source: &Source) -> Vec<Function<'_>> {
    match source.extension() {
        "rs" => rust(&source.text),
        "py" => indented(&source.text, python_name, python_end),
        "go" => indented(&source.text, go_name, brace_end),
        "js" | "mjs" | "cjs" | "ts" => indented(&source.text, script_name, brace_end),
        _ => Vec::new(),
    }
}

fn rust(text: &str) -> Vec<Function<'_>> {
    let code = scrub(text);
    let mut found = Vec::new();
    for at in words(&code, "fn") {
        let name = word(text[at + 2..].trim_start());
        if name.is_empty() {
            continue; // a function's type
        }
        let (line, end) = (line_at(&code, at), item_end(&code, at));
        found.push(Function { name, line, lines: line_at(&code, end) - line + 1 });
    }
    found
}

/// The functions whose first line `name` knows and of which `end` finds the last line.
fn indented<'a>(
    text: &'a str,
    name: fn(&'a str) -> Option<&'a str>,
    end: fn(&[&str], usize) -> usize,
) -> Vec<Function<'a>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(name) = name(line) {
            found.push(Function { name, line: at + 1, lines: end(&lines, at) - at + 1 });
        }
    }
    found
}

fn python_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("async ").unwrap_or(line).strip_prefix("def ").map(word)
}

/// The last line that is deeper than the first; a parenthesis back at its depth ends a long signature.
fn python_end(lines: &[&str], start: usize) -> usize {
    let depth = indent(lines[start]);
    let mut last = start;
    for (at, line) in lines.iter().enumerate().skip(start + 1) {
        if line.trim().is_empty() {
            continue;
        }
        if indent(line) <= depth && !line.trim_start().starts_with(')') {
            break;
        }
        last = at;
    }
    last
}

fn go_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("func ")?;
    let rest = if rest.starts_with('(') { rest.split_once(") ")?.1 } else { rest };
    Some(word(rest))
}

/// A function declaration, a method, a named arrow function, or a test: what a reader would call a function.
fn script_name(line: &str) -> Option<&str> {
    let opens = line.ends_with('{') || line.ends_with('(');
    let code = line.trim_start();
    if !opens || ["if", "for", "while", "switch", "catch", "}"].contains(&word_or_brace(code)) {
        return None;
    }
    let before = code.split('(').next()?.trim_end();
    let head = before.split('<').next()?;
    if let Some(at) = words(head, "function").last() {
        return Some(word(head[at + "function".len()..].trim_start_matches(['*', ' '])));
    }
    if let Some(rest) = ["const ", "let ", "export const "].iter().find_map(|start| head.strip_prefix(start))
    {
        return (code.contains("=>") || code.ends_with('(') && head.ends_with('=')).then(|| word(rest));
    }
    let name = head.rsplit(' ').next()?;
    let is_test = ["test", "it"].contains(&name) && code.contains("=>");
    let is_method = code.contains('(') && !code.contains("=>") && code.ends_with('{') && !name.contains('.');
    (is_test || is_method).then(|| word(name.trim_start_matches(['#', '*'])))
}

fn word_or_brace(code: &str) -> &str {
    if code.starts_with('}') { "}" } else { word(code) }
}

/// The first line at the depth of the first that starts with a closing brace; or the first itself.
fn brace_end(lines: &[&str], start: usize) -> usize {
    if lines[start].ends_with('}') {
        return start;
    }
    let depth = indent(lines[start]);
    let closes = |line: &&str| indent(line) == depth && line.trim_start().starts_with('}');
    lines[start + 1..].iter().position(closes).map_or(start, |after| start + 1 + after)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn word(text: &str) -> &str {
    text.split(|letter| !is_word(letter)).next().unwrap_or_default()
}

/// `name line lines` of each function of a file.
#[cfg(test)]
fn listed(path: &str, text: &str) -> Vec<String> {
    let source = Source { path: path.into(), text: text.into() };
    functions(&source).iter().map(|each| format!("{} {} {}", each.name, each.line, each.lines)).collect()
}

#[test]
fn functions_of_rust_are_found() {
    let text = "trait T {\n    fn a(x: [u8; 4]);\n}\nfn b<'a>(f: fn(u8)) -> u8\nwhere\n    u8: Copy,\n{\n    1 // }\n}\n";
    assert_eq!(listed("a.rs", text), ["a 2 1", "b 4 6"]);
}

#[test]
fn functions_of_other_languages_are_found() {
    let python = "class A:\n    async def a(\n        self,\n    ) -> int:\n        return 1\n\n    x = 1\n\ndef b():\n    pass\n";
    assert_eq!(listed("a.py", python), ["a 2 4", "b 9 2"]);
    let go = "func a() int { return 1 }\n\nfunc (m *Map) B(\n\tx int,\n) {\n\tif true {\n\t}\n}\n";
    assert_eq!(listed("a.go", go), ["a 1 1", "B 3 6"]);
    let script = "export class A {\n  async set(key) {\n    if (key) {\n    }\n  }\n}\nconst f = async (x) => {\n};\n\
                  test(\"name\", async () => {\n  1;\n});\nexport async function* g(\n) {\n}\n";
    assert_eq!(listed("a.mjs", script), ["set 2 4", "f 7 2", "test 9 3", "g 12 3"]);
}
