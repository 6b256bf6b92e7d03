//! Counts what was run, and prints it.
#![allow(clippy::print_stdout, reason = "printing is its work")]

use std::time::Instant;

/// What has been run so far.
#[derive(Debug)]
pub struct Report {
    passed: usize,
    failed: Vec<String>,
    skipped: usize,
    start: Instant,
}

impl Default for Report {
    fn default() -> Self {
        Self { passed: 0, failed: Vec::new(), skipped: 0, start: Instant::now() }
    }
}

impl Report {
    /// Takes the result of one run.
    pub fn add(&mut self, what: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(why) => {
                println!("FAILED {what}\n       {why}");
                self.failed.push(what.to_owned());
            }
        }
    }

    /// Says what is not run, and why.
    pub fn skip(&mut self, what: &str, why: &str) {
        println!("skipped {what}: {why}");
        self.skipped += 1;
    }

    /// Prints the count; the exit code of the program.
    #[must_use]
    pub fn end(&self) -> std::process::ExitCode {
        println!("in {:.1} s", self.start.elapsed().as_secs_f64());
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed.len(), self.skipped);
        let good = self.failed.is_empty() && self.passed > 0;
        if good { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
    }
}
