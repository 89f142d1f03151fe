//! The one table, and the plot.

use crate::{
    Case, Direction, millis,
    subject::{Cost, HAPROXY, OURS},
};
use std::{fmt::Write as _, fs, io, time::Duration};

/// What one round found: a cost for each subject, and the bare operations.
pub(crate) struct Figures {
    pub(crate) costs: Vec<Cost>,
    pub(crate) operation: Duration,
    pub(crate) hash: Duration,
}

/// A case and all its rounds.
pub(crate) struct Row {
    case: Case,
    names: Vec<&'static str>,
    rounds: Vec<Figures>,
}

impl Case {
    /// At most so many times (HAProxy + operation + hash).
    fn goal(&self) -> f64 {
        match (self.size, self.direction) {
            (1_000_000.., _) => 1.15,
            (_, Direction::Out) => 1.05,
            (_, Direction::In) => 1.10,
        }
    }

    pub(crate) fn name(&self) -> String {
        let what = match self.direction {
            Direction::Out => "sign",
            Direction::In => "verify",
        };
        let size =
            if self.size >= 1 << 20 { format!("{} MB", self.size >> 20) } else { format!("{} KB", self.size >> 10) };
        format!("{what} {size}, {} sessions", self.sessions)
    }
}

impl Row {
    pub(crate) fn new(case: Case, names: Vec<&'static str>) -> Self {
        Self { case, names, rounds: Vec::new() }
    }

    pub(crate) fn add(&mut self, figures: Figures) {
        self.rounds.push(figures);
    }

    /// Ours to the floor, of each round its own; the median of those.
    fn ratio(&self) -> Option<f64> {
        let (ours, haproxy) = (self.index(OURS)?, self.index(HAPROXY)?);
        let ratio = |round: &Figures| {
            let floor = round.costs[haproxy].cpu + round.operation + round.hash;
            round.costs[ours].cpu.as_secs_f64() / floor.as_secs_f64()
        };
        Some(median(self.rounds.iter().map(ratio)))
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|&found| found == name)
    }

    /// Median of a subject's CPU time per message, in milliseconds.
    fn cpu(&self, name: &str) -> Option<f64> {
        let index = self.index(name)?;
        Some(median(self.rounds.iter().map(|round| millis(round.costs[index].cpu))))
    }

    /// The largest of a subject's peaks, in MiB.
    fn memory(&self, name: &str) -> Option<f64> {
        let index = self.index(name)?;
        let peaks = self.rounds.iter().map(|round| round.costs[index].memory);
        Some(peaks.max()? as f64 / 1_048_576.0)
    }

    fn floor(&self) -> [f64; 2] {
        [
            median(self.rounds.iter().map(|round| millis(round.operation))),
            median(self.rounds.iter().map(|round| millis(round.hash))),
        ]
    }

    pub(crate) fn one_line(&self) -> String {
        let costs: Vec<String> =
            self.names.iter().map(|name| format!("{name} {:.3}", self.cpu(name).unwrap_or(f64::NAN))).collect();
        let [operation, hash] = self.floor();
        let ratio = self.ratio().unwrap_or(f64::NAN);
        format!(
            "{}: ratio {ratio:.2}; ms: {}, RSA {operation:.3}, SHA-256 {hash:.4}",
            self.case.name(),
            costs.join(", ")
        )
    }

    fn cells(&self, others: &[&'static str]) -> Vec<String> {
        let number = |value: Option<f64>, digits: usize| value.map_or("-".into(), |value| format!("{value:.digits$}"));
        let [operation, hash] = self.floor();
        let mut cells =
            vec![self.case.name(), number(self.cpu(HAPROXY), 3), number(Some(operation), 3), number(Some(hash), 4)];
        cells.push(number(self.cpu(OURS), 3));
        cells.push(format!("**{}**", number(self.ratio(), 2)));
        cells.push(number(Some(self.case.goal()), 2));
        cells.push(number(self.memory(OURS), 1));
        for other in others {
            let times =
                self.cpu(other).zip(self.cpu(OURS)).map(|(other, ours)| format!(" ({:.1} x ours)", other / ours));
            cells.push(number(self.cpu(other), 2) + &times.unwrap_or_default());
        }
        cells
    }
}

/// Prints the table; writes it, and the plot, to `bench-report` in the target folder.
pub(crate) fn write(rows: &[Row], memory: &str, rounds: usize) -> io::Result<()> {
    let table = format!("{}\n{memory}\n", table(rows, rounds));
    print!("{table}");
    let this = std::env::current_exe()?;
    let target = this.parent().and_then(|profile| profile.parent()).ok_or(io::ErrorKind::NotFound)?;
    let folder = target.join("bench-report");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("report.md"), table)?;
    fs::write(folder.join("plot.svg"), plot(rows))?;
    eprintln!("written to {}", folder.display());
    Ok(())
}

fn table(rows: &[Row], rounds: usize) -> String {
    let mut others: Vec<&'static str> = rows.iter().flat_map(|row| row.names.iter().copied()).collect();
    others.retain(|&name| name != HAPROXY && name != OURS);
    others.sort_unstable();
    others.dedup();
    let mut head = vec!["ms of CPU per message", HAPROXY, "RSA-2048", "SHA-256", OURS, "ratio", "goal", "ours, MiB"];
    head.extend(&others);
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>());
    text += &line(&vec!["---".to_owned(); head.len()]);
    rows.iter().for_each(|row| text += &line(&row.cells(&others)));
    let _ = write!(text, "\nratio = ours / (HAProxy + RSA-2048 + SHA-256), the median of {rounds} rounds.\n");
    text
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

/// A bar for each case: the ratio, with its goal as a mark.
fn plot(rows: &[Row]) -> String {
    const LEFT: f64 = 220.0;
    const SCALE: f64 = 300.0;
    const STEP: f64 = 26.0;
    let height = STEP * (rows.len() + 2) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <text x=\"10\" y=\"18\">CPU time per message, as a multiple of HAProxy + RSA-2048 + SHA-256 (red: the goal)</text>\n"
    );
    for (index, row) in rows.iter().enumerate() {
        let top = STEP * (index + 1) as f64;
        let (ratio, goal) = (row.ratio().unwrap_or(0.0), LEFT + SCALE * row.case.goal());
        let (width, base) = (SCALE * ratio, top + 14.0);
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"{base}\">{}</text><rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"18\" fill=\"#4a7\"/>\
             <text x=\"{LEFT}\" y=\"{base}\" dx=\"4\">{ratio:.2}</text>\
             <line x1=\"{goal:.1}\" x2=\"{goal:.1}\" y1=\"{top}\" y2=\"{}\" stroke=\"#c22\" stroke-width=\"2\"/>",
            row.case.name(),
            top + 18.0
        );
    }
    svg + "</svg>\n"
}
