//! The other programs of the comparison: each prints its samples as JSON lines.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sample::Sample;

/// A program to run.
#[derive(Debug)]
pub struct Peer {
    /// Its name in the results.
    pub name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    /// What must be there for it to run, and what brings it.
    needs: (PathBuf, &'static str),
    environment: Vec<(String, String)>,
}

/// The peers, the raw limits, and the bindings of Ponos as installed under target/installed.
#[must_use]
pub fn all(root: &Path) -> Vec<Peer> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let installed = root.join("target/installed");
    let script = write_script(&root);
    let (go, node) = (installed.join("go"), installed.join("node"));
    let package = "make package";
    let programs = root.join("benches/bindings");
    copy(&programs.join("map.mjs"), &node.join("bench-map.mjs"));
    copy(&programs.join("go/main.go"), &go.join("bench-map/main.go"));
    let program = |name: &str| programs.join(name).display().to_string();
    vec![
        Peer {
            name: "raw redis",
            program: root.join("benches/peers/redis_raw.sh"),
            arguments: ["{port}".to_owned(), script.display().to_string()]
                .into_iter()
                .chain(one_set())
                .collect(),
            folder: root.clone(),
            needs: (script, "the scripts of the core"),
            environment: Vec::new(),
        },
        Peer {
            name: "pulse",
            program: "go".into(),
            arguments: ["run", ".", "-redis", "127.0.0.1:{port}"].map(str::to_owned).to_vec(),
            folder: root.join("benches/peers/pulse"),
            needs: (root.join("benches/peers/pulse/main.go"), "the tree"),
            environment: Vec::new(),
        },
        Peer {
            name: "ponos python",
            program: installed.join("python/bin/python"),
            arguments: vec![program("map.py"), "redis://127.0.0.1:{port}".to_owned()],
            folder: installed.clone(),
            needs: (installed.join("python/bin/python"), package),
            environment: Vec::new(),
        },
        Peer {
            name: "ponos node",
            program: "node".into(),
            arguments: vec!["bench-map.mjs".to_owned(), "redis://127.0.0.1:{port}".to_owned()],
            needs: (node.join("bench-map.mjs"), package),
            folder: node,
            environment: Vec::new(),
        },
        Peer {
            name: "ponos go",
            program: "go".into(),
            arguments: ["run", "./bench-map", "redis://127.0.0.1:{port}"].map(str::to_owned).to_vec(),
            environment: vec![("GOENV".to_owned(), go.join("goenv").display().to_string())],
            needs: (go.join("bench-map"), package),
            folder: go,
        },
    ]
}

/// Puts a program where its package is found: an import is looked for upwards from the file that has it.
fn copy(from: &Path, to: &Path) {
    if let Some(folder) = to.parent().filter(|folder| folder.parent().is_some_and(Path::exists)) {
        // What is missing shows when the program is run.
        drop(std::fs::create_dir_all(folder).and_then(|()| std::fs::copy(from, to)));
    }
}

/// The arguments of `set.lua` for one set, after the number of its keys.
fn one_set() -> impl Iterator<Item = String> {
    let head =
        ["2", "ponos:{raw}:h", "ponos:{raw}:log", "ponos:{raw}:c", "bytes", "10000", "67108864", "1048576"];
    // The key, its change up to the value, and the rest: as long as the engine's own, whatever their bytes.
    let (front, rest) = ("f".repeat(48), "v".repeat(109));
    head.into_iter().map(str::to_owned).chain(["key-__rand_int__".to_owned(), front, rest])
}

/// Puts the parts of the script for sets together as the engine does.
fn write_script(root: &Path) -> PathBuf {
    let lua = root.join("core/src/engine/redis/lua");
    let part = |name: &str| std::fs::read_to_string(lua.join(name)).unwrap_or_default();
    let script = part("set.lua")
        .replace("--BEGIN", &part("begin.lua"))
        .replace("--LOG", &part("log.lua"))
        .replace("--GENERATION", &part("generation.lua"));
    let path = root.join("target/bench-set.lua");
    // A script that is missing shows when the peer is run.
    drop(std::fs::write(&path, script));
    path
}

impl Peer {
    /// Runs it against a server and reads its samples.
    ///
    /// # Errors
    /// Why it was not run, or what it said when it failed.
    pub fn run(&self, port: u16) -> Result<Vec<Sample>, String> {
        let (path, source) = &self.needs;
        if !path.exists() {
            return Err(format!("{} is missing; {source} brings it", path.display()));
        }
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder);
        command.args(self.arguments.iter().map(|argument| argument.replace("{port}", &port.to_string())));
        for (name, value) in &self.environment {
            command.env(name, value).env_remove("GOPROXY").env_remove("GOFLAGS").env_remove("GONOSUMDB");
        }
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
        }
        let lines = String::from_utf8_lossy(&output.stdout);
        let samples = lines.lines().filter(|line| line.starts_with('{'));
        samples.map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))).collect()
    }
}
