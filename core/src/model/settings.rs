//! What a consumer group is set to, fixed by who creates it: kept as text, so that everyone who joins can be told what
//! differs.

use super::group::LaneId;
use super::record::EventId;
use super::topic::Topics;

/// The order in which a group gets its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub enum Order {
    /// Whoever is free takes the next event: the most parallel.
    #[default]
    None,
    /// Events with one key come one after the other: the next only once the one before it is settled. Keys are spread
    /// over this many partitions, each worked on by one consumer.
    ByKey(LaneId),
    /// All events come one after the other, to one consumer at a time.
    Total,
}

/// Where a group, or a reader, begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub enum Start {
    /// With the first event that is still there.
    First,
    /// With the first event that is published from now on.
    #[default]
    End,
    /// Behind this event.
    Behind(EventId),
    /// With the first event that was appended at this moment (milliseconds since 1970) or later.
    Time(u64),
    /// With the last so many events.
    Last(u64),
}

/// What all consumers of a group agree on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Which events it wants.
    pub topics: Topics,
    /// In which order.
    pub order: Order,
    /// How long an event may stay unanswered, in milliseconds.
    pub ack_wait: u64,
    /// The pauses before an event is delivered for the second, third … time, in milliseconds.
    pub backoff: Vec<u64>,
    /// How often an event is delivered at most; 0 for any number of times.
    pub max_deliver: u32,
    /// The stream of the same scope that gets the events that are given up; empty for none.
    pub dead_letter: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            topics: Topics::default(),
            order: Order::None,
            ack_wait: 30_000,
            backoff: Vec::new(),
            max_deliver: 0,
            dead_letter: String::new(),
        }
    }
}

impl Settings {
    /// How many lanes with an owner each the group has; `None` for one that all take from.
    #[must_use]
    pub const fn lanes(&self) -> Option<LaneId> {
        match self.order {
            Order::None => None,
            Order::ByKey(partitions) => Some(partitions),
            Order::Total => Some(1),
        }
    }

    /// The settings as text: a line each, the name and the values behind it. No topic or stream has white space at
    /// an end, and a stream's name stands alone.
    #[must_use]
    pub fn write(&self) -> String {
        self.lines().iter().map(|(name, value)| format!("{name} {value}\n")).collect()
    }

    fn lines(&self) -> [(&'static str, String); 6] {
        let numbers = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        let order = match self.order {
            Order::None => "none".to_owned(),
            Order::ByKey(partitions) => format!("key {partitions}"),
            Order::Total => "total".to_owned(),
        };
        [
            ("topics", self.topics.patterns().collect::<Vec<_>>().join(" ")),
            ("order", order),
            ("ack_wait", self.ack_wait.to_string()),
            ("backoff", numbers(&self.backoff)),
            ("max_deliver", self.max_deliver.to_string()),
            ("dead_letter", self.dead_letter.clone()),
        ]
    }

    /// Reads what [`Settings::write`] wrote; `None` for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let topics: Vec<String> = words(value("topics")?);
        let order = match value("order")? {
            "none" => Order::None,
            "total" => Order::Total,
            other => Order::ByKey(other.strip_prefix("key ")?.parse().ok()?),
        };
        Some(Self {
            topics: Topics::new(topics).ok()?,
            order,
            ack_wait: value("ack_wait")?.parse().ok()?,
            backoff: words(value("backoff")?).iter().map(|word| word.parse().ok()).collect::<Option<_>>()?,
            max_deliver: value("max_deliver")?.parse().ok()?,
            dead_letter: value("dead_letter")?.to_owned(),
        })
    }

    /// What `wanted` has otherwise, in words; `None` if nothing.
    #[must_use]
    pub fn difference(&self, wanted: &Self) -> Option<String> {
        let pairs = self.lines().into_iter().zip(wanted.lines());
        let differ = pairs.filter(|((_, has), (_, wants))| has != wants);
        let differ: Vec<String> =
            differ.map(|((name, has), (_, wants))| format!("{name}={has:?}, not {wants:?}")).collect();
        (!differ.is_empty()).then(|| differ.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            topics: Topics::new(["orders.*", "bills.>"]).expect("patterns"),
            order: Order::ByKey(64),
            backoff: vec![100, 5_000],
            max_deliver: 5,
            dead_letter: "orders dead".into(),
            ..Settings::default()
        }
    }

    #[test]
    fn settings_are_read_as_they_were_written() {
        let total = Settings { order: Order::Total, ..Settings::default() };
        for settings in [settings(), total, Settings::default()] {
            assert_eq!(Settings::read(&settings.write()), Some(settings));
        }
        for text in [
            "",
            "topics \norder some",
            "topics a*\norder none\nack_wait 1\nbackoff \nmax_deliver 0\ndead_letter ",
        ] {
            assert_eq!(Settings::read(text), None);
        }
    }

    #[test]
    fn what_differs_is_named() {
        let other = Settings { ack_wait: 7, max_deliver: 5, ..Settings::default() };
        let told = Settings { max_deliver: 5, ..Settings::default() }.difference(&other);
        assert_eq!(told.as_deref(), Some("ack_wait=\"30000\", not \"7\""));
        assert_eq!(other.difference(&other.clone()), None);
    }
}
