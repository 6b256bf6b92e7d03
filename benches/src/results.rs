//! Medians, ratios and the table, from the samples of all rounds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bars::{self, Bar};
use crate::sample::Sample;
use crate::work::Work;

/// Every figure of every round, by program, measurement and figure.
#[derive(Debug)]
pub struct Results {
    work: Work,
    figures: BTreeMap<(String, String, String), Vec<f64>>,
}

/// A file of results, as far as tables are made of it.
#[derive(Deserialize)]
struct Kept {
    rounds: usize,
    figures: Vec<KeptFigure>,
}

#[derive(Deserialize)]
struct KeptFigure {
    program: String,
    bench: String,
    figure: String,
    all: Vec<f64>,
}

/// A bar with what was measured.
struct Row {
    bar: &'static Bar,
    ours: f64,
    theirs: Option<f64>,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.theirs.map(|theirs| self.ours / theirs)
    }

    fn is_reached(&self) -> bool {
        let figure = self.ratio().unwrap_or(self.ours);
        if self.bar.at_least { figure >= self.bar.wanted } else { figure <= self.bar.wanted }
    }

    fn json(&self) -> Value {
        let bar = self.bar;
        json!({"what": bar.what, "ours": self.ours, "theirs": self.theirs,
            "peer": bar.theirs.map(|theirs| theirs.0), "figure": bar.ours.2, "ratio": self.ratio(),
            "wanted": bar.wanted, "at_least": bar.at_least, "reached": self.is_reached()})
    }

    fn line(&self) -> String {
        let Bar { what, ours: (_, _, figure), beside, wanted, at_least, .. } = self.bar;
        let unit = match *figure {
            "ops_per_s" => "/s",
            "ns_per_op" => " ns",
            "ms" => " ms",
            "count" => "",
            _ => " µs",
        };
        let with_unit = |number: f64| format!("{}{unit}", thousands(number));
        let (sign, mark) =
            (if *at_least { '≥' } else { '≤' }, if self.is_reached() { "" } else { " (missed)" });
        let (beside, ratio, wanted) = match (self.theirs, self.ratio()) {
            (Some(theirs), Some(ratio)) => {
                (format!("{} ({beside})", with_unit(theirs)), format!("{ratio:.2}"), format!("{wanted:.2}"))
            }
            _ => (String::new(), String::new(), with_unit(*wanted)),
        };
        format!("| {what} | {} | {beside} | {ratio} | {sign} {wanted}{mark} |", with_unit(self.ours))
    }
}

impl Results {
    /// None yet.
    #[must_use]
    pub fn new(work: Work) -> Self {
        Self { work, figures: BTreeMap::new() }
    }

    /// Takes the samples of one program in one round.
    pub fn add(&mut self, program: &str, samples: Vec<Sample>) {
        for sample in samples {
            for (name, figure) in sample.figures() {
                // What differs from run to run does not tell measurements apart.
                let mut sample = sample.clone();
                for noisy in ["requests", "samples", "items_after", "order"] {
                    sample.params.remove(noisy);
                }
                let key = (program.to_owned(), sample.label(), name.to_owned());
                self.figures.entry(key).or_default().push(figure);
            }
        }
    }

    fn median(&self, (program, label, figure): (&str, &str, &str)) -> Option<f64> {
        let key = (program.to_owned(), label.to_owned(), figure.to_owned());
        let mut all = self.figures.get(&key)?.clone();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }

    /// What a run has left in its file, and how many rounds it had.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn read(root: &Path, work: Work) -> Result<(Self, usize), String> {
        let path = root.join(format!("benches/results/{}.json", work.file()));
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let kept: Kept =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let key = |kept: &KeptFigure| (kept.program.clone(), kept.bench.clone(), kept.figure.clone());
        let figures = kept.figures.into_iter().map(|kept| (key(&kept), kept.all)).collect();
        Ok((Self { work, figures }, kept.rounds))
    }

    /// Writes the files of results, and a shorter table into the README; returns the long one.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, root: &Path, rounds: usize) -> Result<String, String> {
        let table = self.table(rounds);
        let folder = root.join("benches/results");
        let json = serde_json::to_string_pretty(&self.json(rounds)).map_err(|error| error.to_string())?;
        let write = |path: &Path, text: &str| {
            std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
        };
        write(&folder.join(format!("{}.json", self.work.file())), &(json + "\n"))?;
        write(&folder.join(format!("{}.md", self.work.file())), &table)?;
        let readme = root.join("README.md");
        let text = std::fs::read_to_string(&readme).map_err(|error| error.to_string())?;
        let (begin, end) =
            (format!("<!-- {} -->", self.work.mark()), format!("<!-- /{} -->", self.work.mark()));
        if let (Some(from), Some(to)) = (text.find(&begin), text.find(&end)) {
            let digest = self.digest(rounds);
            write(&readme, &format!("{}{begin}\n{digest}{}", &text[..from], &text[to..]))?;
        }
        Ok(table)
    }

    fn json(&self, rounds: usize) -> Value {
        let figures = self.figures.iter().map(|((program, label, figure), all)| {
            let median = self.median((program, label, figure));
            json!({"program": program, "bench": label, "figure": figure, "median": median, "all": all})
        });
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let bars: Vec<Value> = self.rows().iter().map(Row::json).collect();
        json!({"rounds": rounds, "cores": cores, "figures": figures.collect::<Vec<_>>(), "bars": bars})
    }

    /// The bars of which everything was measured.
    fn rows(&self) -> Vec<Row> {
        let row = |bar: &'static Bar| {
            let theirs = match bar.theirs {
                Some(theirs) => Some(self.median(theirs)?),
                None => None,
            };
            Some(Row { bar, ours: self.median(bar.ours)?, theirs })
        };
        bars::of(self.work).iter().filter_map(row).collect()
    }

    fn table(&self, rounds: usize) -> String {
        let rows = self.rows();
        format!("{}\n{}\n", lines(rows.iter()), how(rounds))
    }

    /// What a reader of two minutes wants to see, and every bar that is missed.
    fn digest(&self, rounds: usize) -> String {
        let rows = self.rows();
        let reached = rows.iter().filter(|row| row.is_reached()).count();
        let shown = lines(rows.iter().filter(|row| row.bar.shown || !row.is_reached()));
        let (all, how) = (rows.len(), how(rounds));
        let file = format!("benches/results/{}.md", self.work.file());
        format!(
            "{shown}\n{how} {reached} of {all} bars are reached; the others are here too, and all are in [{file}]({file}).\n"
        )
    }
}

fn lines<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut out = String::from("\n| what | Ponos | beside it | ratio | wanted |\n|---|---|---|---|---|\n");
    // Writing to a string cannot fail.
    for row in rows {
        let _ = writeln!(out, "{}", row.line());
    }
    out
}

fn how(rounds: usize) -> String {
    format!(
        "Medians of {rounds} rounds; client and server share the cores of one machine, so read the ratios."
    )
}

fn thousands(number: f64) -> String {
    if number < 1_000.0 {
        return format!("{number:.0}");
    }
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
