//! Drivers: programs in four languages that do what a request says.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// The crate, by path.
    Rust,
    /// The wheel, in a fresh virtual environment.
    Python,
    /// The npm tarball, in an empty folder.
    Node,
    /// The Go module, through a file-system proxy.
    Go,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rust, Self::Python, Self::Node, Self::Go];

    /// Its name in paths and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Node => "node",
            Self::Go => "go",
        }
    }

    /// What starts its driver, or why there is none.
    fn command(self, root: &Path) -> Result<Command, String> {
        let installed = root.join("target/installed");
        let existing = |path: PathBuf| {
            if path.exists() {
                Ok(path)
            } else {
                Err(format!("{} is missing; `make package` makes it", path.display()))
            }
        };
        let mut command = match self {
            Self::Rust => {
                let here = std::env::current_exe().map_err(|error| error.to_string())?;
                Command::new(existing(here.with_file_name("driver"))?)
            }
            Self::Python => {
                let mut command = Command::new(existing(installed.join("python/bin/python"))?);
                command.arg(existing(root.join("tests/drivers/python/driver.py"))?);
                command
            }
            Self::Node => {
                // An import is looked for upwards from the file that has it: the driver runs where the package is.
                let folder = existing(installed.join("node"))?.join("driver");
                copy(&existing(root.join("tests/drivers/node"))?, &folder, "mjs")?;
                let mut command = Command::new("node");
                command.arg(folder.join("driver.mjs"));
                command
            }
            Self::Go => Command::new(existing(go_driver(root)?)?),
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }
}

/// Copies the files of a driver to where its language finds the package.
fn copy(source: &Path, folder: &Path, extension: &str) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    for entry in std::fs::read_dir(source).map_err(|error| error.to_string())?.filter_map(Result::ok) {
        let path = entry.path();
        if path.extension().is_some_and(|found| found == extension) {
            std::fs::copy(&path, folder.join(entry.file_name())).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// Builds the Go driver against the installed module.
fn go_driver(root: &Path) -> Result<PathBuf, String> {
    let installed = root.join("target/installed/go");
    let (source, folder) = (root.join("tests/drivers/go"), installed.join("driver"));
    if !installed.exists() || !source.exists() {
        return Err("the go module is not installed; `make package` installs it".to_owned());
    }
    copy(&source, &folder, "go")?;
    let program = installed.join("driver-program");
    let built = std::process::Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg("./driver")
        .current_dir(&installed)
        .env("GOENV", installed.join("goenv"))
        .env_remove("GOPROXY")
        .env_remove("GOFLAGS")
        .env_remove("GONOSUMDB")
        .status()
        .map_err(|error| format!("go: {error}"))?;
    if built.success() { Ok(program) } else { Err("the go driver does not build".to_owned()) }
}

/// A running driver.
#[derive(Debug)]
pub struct Driver {
    language: Language,
    child: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    number: u64,
}

impl Driver {
    /// Starts the driver of a language.
    ///
    /// # Errors
    /// Why there is none.
    pub fn start(language: Language, root: &Path) -> Result<Self, String> {
        let mut child =
            language.command(root)?.spawn().map_err(|error| format!("{}: {error}", language.name()))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a driver without pipes".to_owned());
        };
        Ok(Self { language, child, requests, answers: BufReader::new(answers).lines(), number: 0 })
    }

    /// Asks for one thing and waits for the answer: its `ok` or its `error`.
    ///
    /// # Errors
    /// If the driver dies, is silent or speaks out of turn.
    pub async fn ask(
        &mut self,
        operation: &str,
        on: Option<&str>,
        args: &Value,
        result: Option<&str>,
    ) -> Result<Result<Value, Value>, String> {
        self.number += 1;
        let args = if args.is_null() { json!({}) } else { args.clone() };
        let request = json!({"id": self.number, "do": operation, "on": on, "args": args, "as": result});
        let line = format!("{request}\n");
        let name = self.language.name();
        let fault = |what: String| format!("the {name} driver {what}");
        self.requests.write_all(line.as_bytes()).await.map_err(|error| fault(format!("is gone: {error}")))?;
        self.requests.flush().await.map_err(|error| fault(format!("is gone: {error}")))?;
        let answer = tokio::time::timeout(PATIENCE, self.answers.next_line()).await;
        let answer = answer.map_err(|_| fault(format!("does not answer {operation}")))?;
        let Ok(Some(answer)) = answer else {
            let status = self.child.wait().await.map(|status| status.to_string()).unwrap_or_default();
            return Err(fault(format!("ended at {operation}: {status}")));
        };
        let answer: Value =
            serde_json::from_str(&answer).map_err(|error| fault(format!("says {answer}: {error}")))?;
        if answer["id"] != self.number {
            return Err(fault(format!("answers out of turn: {answer}")));
        }
        match (answer.get("ok"), answer.get("error")) {
            (Some(ok), None) => Ok(Ok(ok.clone())),
            (None, Some(error)) => Ok(Err(error.clone())),
            _ => Err(fault(format!("gives neither ok nor error: {answer}"))),
        }
    }

    /// Lets it end by itself, as a program does at the end of its input.
    ///
    /// # Errors
    /// If it hangs or fails.
    pub async fn finish(mut self) -> Result<(), String> {
        drop(self.requests);
        let name = self.language.name();
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(status) => Err(format!("the {name} driver ended with {status:?}")),
            Err(_) => Err(format!("the {name} driver does not end")),
        }
    }
}
