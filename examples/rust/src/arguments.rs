//! What the program is asked to do.

use std::path::PathBuf;

/// What this process is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Feed,
    Count,
    Board,
    All,
}

/// The command line.
pub(crate) struct Arguments {
    pub(crate) url: String,
    pub(crate) role: Role,
    pub(crate) data: PathBuf,
    /// Flights a second.
    pub(crate) pace: f64,
    /// How many consumers are killed on the way and replaced, with all in one process.
    pub(crate) kills: u64,
}

impl Arguments {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self {
            url: "memory://".to_owned(),
            role: Role::All,
            data: PathBuf::from("examples/data"),
            pace: 4_000.0,
            kills: 8,
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} wants a value"))?;
            let bad = || format!("{name} cannot be {value:?}");
            match name.as_str() {
                "--url" => arguments.url = value,
                "--data" => arguments.data = PathBuf::from(value),
                "--role" => {
                    arguments.role = match value.as_str() {
                        "feed" => Role::Feed,
                        "count" => Role::Count,
                        "board" => Role::Board,
                        "all" => Role::All,
                        _ => return Err(bad()),
                    }
                }
                "--pace" => {
                    let pace = value.parse().ok().filter(|pace| *pace > 0.0);
                    arguments.pace = pace.ok_or_else(bad)?;
                }
                "--kills" => arguments.kills = value.parse().map_err(|_| bad())?,
                _ => {
                    return Err(format!("{name} is unknown; known are --url --role --data --pace --kills"));
                }
            }
        }
        Ok(arguments)
    }
}
