//! What was measured, as a table for people and as JSON for whoever compares runs. It measures nothing.

use serde_json::{Value, json};
use std::fmt::Write as _;

/// Rounds of one measurement.
#[derive(Clone, Debug)]
pub struct Figure {
    rounds: Vec<f64>,
    unit: Unit,
}

/// What the rounds are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Durations: the least is the best.
    Seconds,
    /// So many in a second: the most is the best.
    PerSecond,
}

impl Figure {
    /// From rounds, in their order.
    pub fn new(unit: Unit, rounds: Vec<f64>) -> Self {
        Self { rounds, unit }
    }

    /// The best round.
    pub fn best(&self) -> f64 {
        let better = if self.unit == Unit::Seconds { f64::min } else { f64::max };
        self.rounds.iter().copied().reduce(better).unwrap_or(f64::NAN)
    }

    fn others(&self) -> Vec<f64> {
        let best = self.rounds.iter().position(|r| *r == self.best());
        self.rounds.iter().enumerate().filter(|(i, _)| Some(*i) != best).map(|(_, r)| *r).collect()
    }

    fn shown(&self, value: f64) -> String {
        match self.unit {
            Unit::Seconds => format!("{value:.3} s"),
            Unit::PerSecond if value < 100.0 => format!("{value:.1} /s"),
            Unit::PerSecond => format!("{value:.0} /s"),
        }
    }

    fn cells(&self) -> [String; 2] {
        let others: Vec<_> = self.others().iter().map(|o| self.shown(*o)).collect();
        [self.shown(self.best()), format!("({})", others.join(", "))]
    }

    fn json(&self) -> Value {
        let unit = if self.unit == Unit::Seconds { "seconds" } else { "per second" };
        json!({ "unit": unit, "best": self.best(), "rounds": self.rounds })
    }
}

/// A measurement beside another one of the same run.
pub struct Row {
    /// What was done.
    pub what: String,
    /// How long it took, or how often it was done.
    pub figure: Figure,
    /// What it stands beside.
    pub beside: String,
    /// That one's figure.
    pub measure: Figure,
    /// The most that the ratio may be, where the design says so.
    pub bound: Option<f64>,
}

impl Row {
    /// The best of the one to the best of the other. Of durations, below 1 is faster than what it stands beside; of rates, above 1.
    pub fn ratio(&self) -> f64 {
        self.figure.best() / self.measure.best()
    }

    fn verdict(&self) -> String {
        match self.bound {
            Some(bound) if self.ratio() <= bound => format!("within {bound}"),
            Some(bound) => format!("OVER {bound}"),
            None => String::new(),
        }
    }
}

/// A count that has to be exact.
pub struct Exact {
    /// What was counted.
    pub what: String,
    /// How many there were, round by round.
    pub found: Vec<u64>,
    /// How many there must be.
    pub expected: u64,
}

impl Exact {
    /// Whether every round had as many.
    pub fn holds(&self) -> bool {
        self.found.iter().all(|f| *f == self.expected)
    }
}

/// Everything of one run.
#[derive(Default)]
pub struct Report {
    /// The machine, the program and the fleet.
    pub facts: Vec<(String, String)>,
    /// Ratios.
    pub rows: Vec<Row>,
    /// Counts that must hold.
    pub exact: Vec<Exact>,
    /// What else was seen.
    pub notes: Vec<(String, String)>,
}

impl Report {
    /// Adds what is known of the machine, the program or the fleet.
    pub fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.facts.push((name.to_owned(), value.into()));
    }

    /// Adds what else was seen.
    pub fn note(&mut self, name: &str, value: impl Into<String>) {
        self.notes.push((name.to_owned(), value.into()));
    }

    /// Whether every count holds.
    pub fn holds(&self) -> bool {
        self.exact.iter().all(Exact::holds)
    }

    /// As plain text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |text: &str| writeln!(out, "{}", text.trim_end()).expect("a string takes it");
        let pairs = |pairs: &[(String, String)]| -> Vec<Vec<String>> {
            pairs.iter().map(|(n, v)| vec![n.clone(), v.clone()]).collect()
        };
        table(&pairs(&self.facts)).iter().for_each(|l| line(l));
        line("");
        let mut rows =
            vec![["", "best", "others", "beside", "best", "others", "ratio", "bound"].map(str::to_owned).to_vec()];
        for row in &self.rows {
            let ([best, others], [their_best, their_others]) = (row.figure.cells(), row.measure.cells());
            let ratio = format!("{:.2}", row.ratio());
            rows.push(vec![
                row.what.clone(),
                best,
                others,
                row.beside.clone(),
                their_best,
                their_others,
                ratio,
                row.verdict(),
            ]);
        }
        table(&rows).iter().for_each(|l| line(l));
        line("");
        let mut rows = vec![["counted", "rounds", "must be", ""].map(str::to_owned).to_vec()];
        for exact in &self.exact {
            let found: Vec<_> = exact.found.iter().map(u64::to_string).collect();
            let holds = if exact.holds() { "holds" } else { "WRONG" };
            rows.push(vec![exact.what.clone(), found.join(" "), exact.expected.to_string(), holds.to_owned()]);
        }
        table(&rows).iter().for_each(|l| line(l));
        line("");
        table(&pairs(&self.notes)).iter().for_each(|l| line(l));
        out
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let pairs =
            |pairs: &[(String, String)]| Value::Object(pairs.iter().map(|(n, v)| (n.clone(), json!(v))).collect());
        let row = |r: &Row| {
            json!({
                "what": r.what, "figure": r.figure.json(), "beside": r.beside, "measure": r.measure.json(),
                "ratio": r.ratio(), "bound": r.bound,
            })
        };
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        let count =
            |e: &Exact| json!({ "what": e.what, "rounds": e.found, "expected": e.expected, "holds": e.holds() });
        let exact: Vec<_> = self.exact.iter().map(count).collect();
        json!({ "facts": pairs(&self.facts), "ratios": rows, "counts": exact, "notes": pairs(&self.notes) })
    }
}

/// Columns as wide as their widest cell.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| rows.iter().filter_map(|r| r.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let cells = |row: &Vec<String>| row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
    rows.iter().map(cells).collect()
}
