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
    /// Which part of the flights, counted from 0, of how many.
    pub(crate) part: (usize, usize),
    pub(crate) data: PathBuf,
    /// Flights a second, over all feeds.
    pub(crate) pace: f64,
    /// How often a consumer is killed in the middle of its work, and another begins.
    pub(crate) kills: u32,
}

impl Arguments {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self {
            url: "memory://".to_owned(),
            role: Role::All,
            part: (0, 1),
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
                "--part" => arguments.part = part(&value).ok_or_else(bad)?,
                "--pace" => {
                    let pace = value.parse().ok().filter(|pace| *pace > 0.0);
                    arguments.pace = pace.ok_or_else(bad)?;
                }
                "--kills" => arguments.kills = value.parse().map_err(|_| bad())?,
                _ => {
                    return Err(format!(
                        "{name} is unknown; known are --url --role --part --data --pace --kills"
                    ));
                }
            }
        }
        Ok(arguments)
    }
}

/// `1/4` is the first of four.
fn part(text: &str) -> Option<(usize, usize)> {
    let (number, of) = text.split_once('/')?;
    let (number, of): (usize, usize) = (number.parse().ok()?, of.parse().ok()?);
    (1..=of).contains(&number).then_some((number.wrapping_sub(1), of))
}
