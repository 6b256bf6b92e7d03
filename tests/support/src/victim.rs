//! A process that can be killed: one test of the same file, run by itself.

use std::process::{Child, Command, Stdio};

/// The variable with the url that the process is to open.
const URL: &str = "PONOS_TEST_URL";

/// An ignored test in a process of its own; dropped, it is killed.
#[derive(Debug)]
pub struct Victim(Child);

impl Victim {
    /// Runs the ignored test of this name of the same file.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(test: &str, url: &str) -> Self {
        let program = std::env::current_exe().expect("a test knows its program");
        let mut command = Command::new(program);
        command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads", "1"]);
        command.env(URL, url).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("a test can be run again"))
    }

    /// The url that it was given, for the process itself.
    #[must_use]
    pub fn url() -> String {
        // Whoever runs all ignored tests gets one that nobody else has.
        std::env::var(URL).unwrap_or_else(|_| "memory://nobody".into())
    }

    /// Kills it, at once, and waits until it is gone.
    pub fn kill(self) {}
}

impl Drop for Victim {
    fn drop(&mut self) {
        let killed = self.0.kill().and_then(|()| self.0.wait());
        assert!(killed.is_ok() || std::thread::panicking(), "a process of ours can be killed: {killed:?}");
    }
}
