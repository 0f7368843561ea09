//! The table that a run prints.

use std::{fmt, time::Duration};

/// What was measured, in one unit, as often as it was.
#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn push_ms(&mut self, time: Duration) {
        self.push(time.as_secs_f64() * 1000.0);
    }

    pub fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * q).round() as usize).copied().unwrap_or(f64::NAN)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub fn one(value: f64) -> Self {
        Self(vec![value])
    }

    /// Median, and least–greatest where there is more than one.
    fn shown(&self) -> String {
        match self.0.len() {
            0 => "–".to_owned(),
            1 => number(self.0[0]),
            _ => format!(
                "{} ({}–{})",
                number(self.median()),
                number(self.quantile(0.0)),
                number(self.quantile(1.0))
            ),
        }
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

struct Row {
    what: String,
    unit: &'static str,
    cells: [Sample; 4],
    target: String,
    met: Option<bool>,
}

/// Columns: Dash, tmux (detached), tmux attached, a bare PTY.
#[derive(Default)]
pub struct Table(Vec<Row>);

/// What Dash is held to.
pub enum Target {
    /// At most this.
    Most(f64),
    /// Nothing is promised.
    None,
    /// Said in words, and met or not.
    Words(String, bool),
}

impl Table {
    pub fn row(
        &mut self,
        what: impl Into<String>,
        unit: &'static str,
        cells: [Sample; 4],
        target: Target,
    ) {
        let (target, met) = match target {
            Target::Most(most) => (format!("≤ {}", number(most)), Some(cells[0].median() <= most)),
            Target::None => (String::new(), None),
            Target::Words(words, met) => (words, Some(met)),
        };
        self.0.push(Row { what: what.into(), unit, cells, target, met });
    }

    /// A row without a peer.
    pub fn alone(
        &mut self,
        what: impl Into<String>,
        unit: &'static str,
        dash: Sample,
        target: Target,
    ) {
        self.row(
            what,
            unit,
            [dash, Sample::default(), Sample::default(), Sample::default()],
            target,
        );
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["measure", "unit", "dash", "tmux", "tmux attached", "bare PTY", "target", ""];
        let mut lines: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
        for row in &self.0 {
            let mut line = vec![row.what.clone(), row.unit.to_owned()];
            line.extend(row.cells.iter().map(Sample::shown));
            line.push(row.target.clone());
            line.push(row.met.map_or("", |met| if met { "met" } else { "MISSED" }).to_owned());
            lines.push(line);
        }
        let width = |column: usize| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for (i, line) in lines.iter().enumerate() {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
                .collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
            if i == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                writeln!(f, "{}", rule.join("  "))?;
            }
        }
        Ok(())
    }
}
