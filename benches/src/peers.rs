//! The other programs of the comparison: each prints its samples as JSON lines.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sample::Sample;
use crate::server::{Kind, Server};
use crate::work::Work;

/// A program to run.
#[derive(Debug)]
pub struct Peer {
    /// Its name in the results.
    pub name: &'static str,
    program: PathBuf,
    /// With `{port}` for the server's.
    arguments: Vec<String>,
    folder: PathBuf,
    server: Kind,
    /// What must be there for it to run, and what brings it.
    needs: (PathBuf, &'static str),
    environment: Vec<(String, String)>,
}

/// The peers, the raw limits, and the bindings of Ponos as installed under target/installed.
#[must_use]
pub fn all(root: &Path, work: Work) -> Vec<Peer> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut peers = vec![raw_redis(&root, work), pulse(&root, work)];
    if work == Work::Streams {
        peers.push(nats(&root));
    }
    peers.extend(bindings(&root, work));
    peers
}

fn raw_redis(root: &Path, work: Work) -> Peer {
    let program = root.join("benches/peers/redis_raw.sh");
    let peer = Peer::new("raw redis", &program, root, &[work.word(), "{port}"]);
    if work == Work::Streams {
        return peer;
    }
    let script = write_script(root);
    let script_arguments = std::iter::once(script.display().to_string()).chain(one_set());
    let arguments = peer.arguments.iter().cloned().chain(script_arguments).collect();
    Peer { arguments, needs: (script, "the scripts of the core"), ..peer }
}

fn pulse(root: &Path, work: Work) -> Peer {
    let folder = root.join("benches/peers/pulse");
    let arguments = ["run", ".", "-redis", "127.0.0.1:{port}", "-bench", work.word()];
    Peer::new("pulse", Path::new("go"), &folder, &arguments)
}

fn nats(root: &Path) -> Peer {
    let folder = root.join("benches/peers/nats");
    let peer = Peer::new("nats", Path::new("go"), &folder, &["run", ".", "-nats", "127.0.0.1:{port}"]);
    Peer { server: Kind::Nats, ..peer }
}

/// The bindings that have a program for this work.
fn bindings(root: &Path, work: Work) -> Vec<Peer> {
    let installed = root.join("target/installed");
    let (go, node) = (installed.join("go"), installed.join("node"));
    let python = installed.join("python/bin/python");
    let programs = root.join("benches/bindings");
    let (package, url, file) = ("make package", "redis://127.0.0.1:{port}", work.file());

    let source = |name: String| Some(programs.join(name)).filter(|source| source.exists());
    let mut peers = Vec::new();
    if let Some(source) = source(format!("{file}.py")) {
        let peer = Peer::new("ponos python", &python, &installed, &[&source.display().to_string(), url]);
        peers.push(Peer { needs: (python, package), ..peer });
    }
    if let Some(source) = source(format!("{file}.mjs")) {
        let script = format!("bench-{file}.mjs");
        copy(&source, &node.join(&script));
        let peer = Peer::new("ponos node", Path::new("node"), &node, &[&script, url]);
        peers.push(Peer { needs: (node.join(script), package), ..peer });
    }
    if let Some(source) = source(format!("go/{file}/main.go")) {
        let folder = format!("bench-{file}");
        copy(&source, &go.join(&folder).join("main.go"));
        let peer = Peer::new("ponos go", Path::new("go"), &go, &["run", &format!("./{folder}"), url]);
        let environment = vec![("GOENV".to_owned(), go.join("goenv").display().to_string())];
        peers.push(Peer { needs: (go.join(folder), package), environment, ..peer });
    }
    peers
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
    /// A program that needs nothing but the tree, and a redis-server.
    fn new(name: &'static str, program: &Path, folder: &Path, arguments: &[&str]) -> Self {
        Self {
            name,
            program: program.to_owned(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            folder: folder.to_owned(),
            server: Kind::Redis,
            needs: (folder.to_owned(), "the tree"),
            environment: Vec::new(),
        }
    }

    /// Runs it on a server that has seen nothing else, and reads its samples.
    ///
    /// # Errors
    /// Why it was not run, or what it said when it failed.
    pub fn run(&self, root: &Path) -> Result<Vec<Sample>, String> {
        let (path, source) = &self.needs;
        if !path.exists() {
            return Err(format!("{} is missing; {source} brings it", path.display()));
        }
        let server = Server::start(self.server, root)?;
        let port = server.port().to_string();
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder);
        command.args(self.arguments.iter().map(|argument| argument.replace("{port}", &port)));
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
