//! What a process uses, and whether it grows.

use std::fmt;

/// What the process uses at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// Resident memory in KiB.
    pub memory: u64,
    /// Open file descriptors.
    pub files: usize,
    /// Tasks of the runtime.
    pub tasks: usize,
}

impl Vitals {
    /// Measures; on a runtime.
    ///
    /// # Panics
    /// Where there is no `/proc`: a check that measures nothing would look like success.
    #[must_use]
    pub fn now() -> Self {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("memory can be measured");
        let pages: u64 =
            statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
        let files = std::fs::read_dir("/proc/self/fd").expect("descriptors can be counted").count();
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        Self { memory: pages * 4, files, tasks }
    }
}

impl fmt::Display for Vitals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} MiB, {} descriptors, {} tasks", self.memory / 1024, self.files, self.tasks)
    }
}

/// How many samples memory has for warming up.
pub const WARM_UP: usize = 6;
/// By how much memory may exceed the most of the warm-up: a quarter of it, and this many KiB.
pub const SLACK: u64 = 16 * 1024;

/// What grew, of samples that were taken when the same things were open; empty if nothing did.
#[must_use]
pub fn growth(samples: &[Vitals]) -> Vec<String> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Vec::new() };
    let mut found = Vec::new();
    if last.files > first.files {
        found.push(format!("open descriptors grew from {} to {}", first.files, last.files));
    }
    if last.tasks > first.tasks {
        found.push(format!("tasks grew from {} to {}", first.tasks, last.tasks));
    }
    let warm = samples.iter().take(WARM_UP).map(|vitals| vitals.memory).max().unwrap_or_default();
    if samples.len() > WARM_UP && last.memory > warm + warm / 4 + SLACK {
        found.push(format!("memory grew from {warm} to {} KiB", last.memory));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_after_the_warm_up_is_found() {
        let flat = vec![Vitals { memory: 100 * 1024, files: 20, tasks: 5 }; WARM_UP + 3];
        assert_eq!(growth(&flat), Vec::<String>::new());
        let grown = |last: Vitals| growth(&[&flat[..], &[last]].concat()).join("\n");
        assert!(grown(Vitals { memory: 142 * 1024, ..flat[0] }).contains("memory grew"));
        assert!(grown(Vitals { files: 21, ..flat[0] }).contains("descriptors grew from 20 to 21"));
        assert!(grown(Vitals { tasks: 6, ..flat[0] }).contains("tasks grew"));
        assert_eq!(grown(Vitals { memory: 110 * 1024, ..flat[0] }), "");
        let young = [flat[0], Vitals { memory: 900 * 1024, ..flat[0] }];
        assert_eq!(growth(&young), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_process_can_measure_itself() {
        let vitals = Vitals::now();
        assert!(vitals.memory > 100 && vitals.files >= 3, "{vitals}");
    }
}
