//! What is to be measured, as the command line says it.

/// Half of the comparison: each has results of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Maps, with what reads and writes them.
    Maps,
    /// Streams, with their readers and sinks.
    Streams,
}

impl Work {
    /// What its files of results are called.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Maps => "map",
            Self::Streams => "stream",
        }
    }

    /// What the programs of the peers call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Maps => "maps",
            Self::Streams => "streams",
        }
    }

    /// What the marks around its table in the README say.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Self::Maps => "bench",
            Self::Streams => "bench streams",
        }
    }
}

/// What a run does.
#[derive(Debug)]
pub struct Plan {
    /// The halves, in their order.
    pub works: Vec<Work>,
    /// How often each program runs.
    pub rounds: usize,
    /// Whether nothing runs, and only the tables are made anew from what was measured before.
    pub tables: bool,
}

impl Plan {
    /// Reads `maps`, `streams` (default: both), `tables` and the number of rounds (default 5), in any order.
    ///
    /// # Errors
    /// What it does not understand.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut plan = Self { works: Vec::new(), rounds: 5, tables: false };
        for argument in arguments {
            let named = [Work::Maps, Work::Streams].into_iter().find(|work| work.word() == argument);
            match (named, argument.parse()) {
                (Some(work), _) => plan.works.push(work),
                _ if argument == "tables" => plan.tables = true,
                (None, Ok(rounds @ 1..)) => plan.rounds = rounds,
                _ => {
                    return Err(format!(
                        "{argument:?} is not `maps`, `streams`, `tables` or a number of rounds"
                    ));
                }
            }
        }
        if plan.works.is_empty() {
            plan.works = vec![Work::Maps, Work::Streams];
        }
        Ok(plan)
    }
}
