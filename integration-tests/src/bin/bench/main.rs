//! What a message costs, in CPU time of the filter, over real sockets: ours beside others, all in one run.
//!
//! Postfix's smtp-source sends, smtp-sink receives, and what stands between them is measured in turns, round after round,
//! so that whatever else the machine does falls on all alike. The floor is what nobody can avoid: moving the octets
//! (HAProxy in TCP mode), one RSA operation, one SHA-256 pass. Medians and ratios go to standard output and into
//! `target/bench-report/`; BENCHMARKS.md says more.
//!
//! Environment: `DKIMPROXY_PERL`, a folder with DKIMproxy 1.4.1 (`lib/`, `scripts/`), takes the original in, too.

mod cpu;
mod floor;
mod load;
mod milter;
mod report;
mod subject;

use crate::{
    floor::Floor,
    load::{Load, Mail},
    report::{Figures, Row},
    subject::{Site, Subject},
};
use integration_tests::programs;
use std::{process::ExitCode, time::Duration};

/// How much is sent.
struct Effort {
    rounds: usize,
    /// Only cases whose name begins so.
    only: String,
    /// Multiplies the messages per turn.
    scale: f64,
}

/// What a message is sent through, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) direction: Direction,
    /// Octets of a message, about.
    pub(crate) size: usize,
    /// Connections at a time.
    pub(crate) sessions: usize,
}

/// Signing or verifying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Out,
    In,
}

fn main() -> ExitCode {
    let Some(effort) = Effort::from_arguments(std::env::args().skip(1)) else {
        eprintln!("usage: bench [--rounds NUMBER] [--scale FACTOR] [--only \"sign 4 KB\"]");
        return ExitCode::from(2);
    };
    if ["smtp-source", "smtp-sink"].iter().any(|name| programs::skipped(name, programs::foreign(name).is_some())) {
        return ExitCode::SUCCESS;
    }
    if programs::ours("dkimproxy-out").iter().any(|part| part == "debug") {
        eprintln!("note: these are debug builds, whose figures mean nothing; DKIMPROXY_BIN_DIR says where others are");
    }
    let site = Site::new();
    let cases = cases().into_iter().filter(|case| case.name().starts_with(&effort.only));
    let rows: Vec<Row> = cases.map(|case| measure(&site, case, &effort)).collect();
    let memory = subject::memory_of_many_sessions(&site);
    report::write(&rows, &memory, effort.rounds).expect("the report can be written");
    ExitCode::SUCCESS
}

impl Effort {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut effort = Self { rounds: 7, only: String::new(), scale: 1.0 };
        while let Some(name) = arguments.next() {
            let value = arguments.next()?;
            match name.as_str() {
                "--only" => effort.only = value,
                "--rounds" => effort.rounds = value.parse().ok().filter(|&rounds| rounds > 0)?,
                "--scale" => effort.scale = value.parse().ok().filter(|&scale| scale > 0.0)?,
                _ => return None,
            }
        }
        Some(effort)
    }

    /// Messages per turn: some tenths of a second of work for the fast, and for the slow no more than is bearable.
    fn messages(&self, case: &Case, subject: &Subject) -> usize {
        let fast = match case.size {
            ..10_000 => 1600.0,
            10_000..100_000 => 1200.0,
            _ => 160.0,
        };
        ((fast / subject.patience() * self.scale) as usize).max(case.sessions)
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for direction in [Direction::Out, Direction::In] {
        for (size, sessions) in
            [(4 << 10, 8), (4 << 10, 16), (50 << 10, 8), (50 << 10, 16), (1 << 20, 8), (1 << 20, 16)]
        {
            cases.push(Case { direction, size, sessions });
        }
    }
    cases
}

/// All rounds of one case.
fn measure(site: &Site, case: Case, effort: &Effort) -> Row {
    let mail = Mail::new(site, &case);
    let floor = Floor::new(&mail.message, case.direction);
    let mut subjects = Subject::all(site, case.direction);
    let mut row = Row::new(case, subjects.iter().map(Subject::name).collect());
    for subject in &mut subjects {
        let _warm = subject.cost(&Load { mail: &mail, sessions: case.sessions, messages: case.sessions * 2 });
    }
    for _ in 0..effort.rounds {
        let mut costs = Vec::new();
        for subject in &mut subjects {
            let messages = effort.messages(&case, subject);
            costs.push(subject.cost(&Load { mail: &mail, sessions: case.sessions, messages }));
        }
        row.add(Figures { costs, operation: floor.operation(), hash: floor.hash() });
    }
    eprintln!("{}", row.one_line());
    row
}

/// Milliseconds, as the report shows them.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
