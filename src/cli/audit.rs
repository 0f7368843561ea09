//! `dash audit`: who did what, by whose leave, when. `--json` is an export, line by line as
//! the core has it; `--verify` checks the core's own rows, or those of an export, which
//! needs no core.

use super::{
    args::Json,
    context::Context,
    duration,
    failure::{Code, Done, Failure},
    format::{DIM, Table, cell, fg, one_line, short_line},
};
use crate::{
    client::Body,
    model::{AuditReport, AuditRow, BreakKind, Chain, ChainEnd, Stamp},
};
use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Only what an agent did and what was done to it (id or name)
    #[arg(long, value_name = "A")]
    agent: Option<String>,
    /// Only what concerns a swarm (id or name)
    #[arg(long, value_name = "S")]
    swarm: Option<String>,
    /// Only rows after a number (42), or from a time on (1h ago, 2026-01-31T09:30:00Z)
    #[arg(long, value_name = "N|AGE|TIME", value_parser = since)]
    since: Option<Since>,
    /// Check that no row was changed, removed or reordered, and hold the rows against
    /// audit.head and the journal's events; exit code 1 if something does not fit. Whether all
    /// of it was made up, or its end cut off everywhere, only --head tells. With a FILE (- for
    /// standard input) an export is checked
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        conflicts_with_all = ["agent", "swarm", "since"],
    )]
    verify: Option<Option<PathBuf>>,
    /// With --verify: the hash of a row that was noted elsewhere (an export prints that of its
    /// last row on standard error) and has to be there; exit code 1 if it is not
    #[arg(long, value_name = "HASH", requires = "verify", value_parser = hash)]
    head: Option<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Since {
    Row(u64),
    Age { ms: u64 },
    Time(Stamp),
}

/// For clap.
fn since(text: &str) -> Result<Since, String> {
    if let Ok(n) = text.parse() {
        return Ok(Since::Row(n));
    }
    if let Ok(ms) = duration::parse(text.strip_suffix(" ago").unwrap_or(text)) {
        return Ok(Since::Age { ms });
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(Since::Time(Stamp(time.as_microsecond()))),
        Err(_) => Err("say a row's number (42), an age (90s, 10m, 1h30m) or a time \
                       (2026-01-31T09:30:00Z)"
            .to_owned()),
    }
}

/// For clap.
fn hash(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a row's hash has 64 hexadecimal digits".to_owned())
}

impl Since {
    /// As the API takes it.
    fn wire(&self) -> String {
        match self {
            Self::Row(n) => n.to_string(),
            Self::Age { ms } => {
                let now = jiff::Timestamp::now().as_microsecond();
                let age = i64::try_from(*ms).unwrap_or(i64::MAX).saturating_mul(1000);
                // Nothing is older than the epoch.
                Stamp(now.saturating_sub(age).max(0)).to_string()
            }
            Self::Time(time) => time.to_string(),
        }
    }
}

impl AuditArgs {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        match &self.verify {
            Some(file) => self.verified(file.as_deref(), context).await,
            None => self.listed(context).await,
        }
    }

    async fn listed(&self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let since = self.since.as_ref().map(Since::wire);
        let (agent, swarm) = (self.agent.as_deref(), self.swarm.as_deref());
        let mut body = client.audit(since.as_deref(), agent, swarm).await?;
        if self.json.json {
            let mut last = LastLine::default();
            while let Some(piece) = body.next().await? {
                context.out.write_all(&piece)?;
                last.take(&piece);
            }
            context.out.flush()?;
            if let Some(row) = last.row() {
                context.note(format!(
                    "the last row is {}, with the hash {}: note it elsewhere, for `dash audit \
                     --verify FILE --head HASH`",
                    row.n,
                    one_line(&row.hash)
                ));
            }
            return Ok(Code::Ok);
        }
        let rows = rows(&mut body).await?;
        if rows.is_empty() {
            context.note("nothing is on record for this");
            return Ok(Code::Ok);
        }
        let table = table(&rows).render(context.term.color, context.term.width);
        context.out.write_all(table.as_bytes())?;
        context.out.flush()?;
        Ok(Code::Ok)
    }

    async fn verified(&self, file: Option<&Path>, context: &mut Context<'_>) -> Done {
        let mut report = match (file, &self.head) {
            (Some(file), head) => verify_file(file, head.as_deref())?,
            (None, None) => context.client().await?.verify_audit().await?,
            // The core holds its rows against its own anchor; whether one is among them is
            // seen in the rows.
            (None, Some(head)) => {
                let client = context.client().await?;
                let mut report = client.verify_audit().await?;
                let mut chain = Chain::piece().with_noted(Some(head));
                let all = rows(&mut client.audit(None, None, None).await?).await?;
                all.into_iter().for_each(|row| chain.row(row));
                let seen = chain.finish(None);
                match seen.end {
                    ChainEnd::Noted(n) => report.end = ChainEnd::Noted(n),
                    ChainEnd::Unknown | ChainEnd::Anchored => {
                        report.broken += 1;
                        report.sound = false;
                        report.breaks.extend(seen.breaks.into_iter().last());
                    }
                }
                report
            }
        };
        let nothing = report.rows == 0;
        report.sound &= !nothing;
        if self.json.json {
            context.json(&report)?;
        } else if nothing && report.broken == 0 {
            context.line("no rows: nothing to verify")?;
        } else {
            show(&report, file.is_none(), context)?;
            if file.is_some() && report.rows > 0 {
                let here = at_hand(&report, context).await;
                context.line(here)?;
            }
        }
        Ok(if report.sound { Code::Ok } else { Code::Error })
    }
}

/// What the core's own journal says of the last row of an export, where a core runs.
async fn at_hand(report: &AuditReport, context: &Context<'_>) -> String {
    let Ok(client) = context.running().await else {
        return "no core runs here to compare it with".to_owned();
    };
    let since = report.to.saturating_sub(1).to_string();
    let Ok(mut body) = client.audit(Some(&since), None, None).await else {
        return "the core here does not show its rows, so nothing was compared".to_owned();
    };
    let Ok(rows) = rows(&mut body).await else {
        return "the rows of the core here cannot be read, so nothing was compared".to_owned();
    };
    match (rows.first(), rows.last()) {
        (Some(first), Some(last)) if first.n == report.to && first.hash == report.head.hash => {
            if last.n == first.n {
                format!("the journal here ends with that very row, {}", first.n)
            } else {
                format!("the journal here has that row, {}, and goes on to {}", first.n, last.n)
            }
        }
        (Some(_) | None, _) => format!(
            "the journal here has no such row {}: it is another's, or one of the two was changed",
            report.to
        ),
    }
}

/// The end of what is streamed.
#[derive(Default)]
struct LastLine(Vec<u8>);

impl LastLine {
    fn take(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
        let text = self.0.strip_suffix(b"\n").unwrap_or(&self.0);
        if let Some(end) = text.iter().rposition(|byte| *byte == b'\n') {
            self.0.drain(..=end);
        }
    }

    fn row(&self) -> Option<AuditRow> {
        serde_json::from_slice(&self.0).ok()
    }
}

async fn rows(body: &mut Body) -> Result<Vec<AuditRow>, Failure> {
    let mut text = Vec::new();
    while let Some(piece) = body.next().await? {
        text.extend_from_slice(&piece);
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(Failure::from)).collect()
}

fn table(rows: &[AuditRow]) -> Table {
    let heads = [">N", ">TIME (UTC)", "WHO", "?BY LEAVE OF", "ACTION", "?ABOUT", "?DETAIL"];
    let mut table = Table::new(&heads);
    for row in rows {
        let about = row.attempt.as_ref().or(row.agent.as_ref()).or(row.swarm.as_ref());
        let refused = row.outcome != "ok";
        let style = if refused { fg(AnsiColor::Red) } else { Style::new() };
        let detail = if refused { row.outcome.clone() } else { gist(&row.detail) };
        table.row([
            cell(row.n),
            (time(&row.at), DIM),
            cell(short_line(&row.who)),
            (short_line(&row.leave), DIM),
            (short_line(&row.action), style),
            cell(short_line(about.map_or("", String::as_str))),
            (one_line(&detail), style),
        ]);
    }
    table
}

/// To the second; whatever does not look like a time is shown as it is.
fn time(at: &str) -> String {
    match at.parse::<jiff::Timestamp>() {
        Ok(time) => format!("{time:.0}").replace('T', " ").trim_end_matches('Z').to_owned(),
        Err(_) => short_line(at),
    }
}

/// `key=value key=value`.
fn gist(detail: &str) -> String {
    let Ok(map) = serde_json::from_str::<Map<String, Value>>(detail) else {
        return detail.to_owned();
    };
    let pairs: Vec<String> = map
        .iter()
        .map(|(key, value)| match value {
            Value::String(text) if !text.contains([' ', '\n']) => format!("{key}={text}"),
            Value::String(text) => format!("{key}={text:?}"),
            other => format!("{key}={other}"),
        })
        .collect();
    pairs.join(" ")
}

fn verify_file(path: &Path, head: Option<&str>) -> Result<AuditReport, Failure> {
    let name =
        if path == Path::new("-") { "standard input".into() } else { path.to_string_lossy() };
    let failed = |error: io::Error| Failure::error(format!("cannot read {name}: {error}"));
    let mut from: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(failed)?))
    };
    let mut chain = Chain::piece().with_noted(head);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if from.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(row) => chain.row(row),
            Err(error) => chain.unreadable(format!("line {number} is no row: {error}")),
        }
    }
    Ok(chain.finish(None))
}

fn show(report: &AuditReport, whole: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    for found in &report.breaks {
        let rows = if found.kind == BreakKind::Short {
            "the rows".to_owned()
        } else if found.from == found.to {
            format!("row {}", found.from)
        } else {
            format!("rows {} to {}", found.from, found.to)
        };
        let word = context.paint(fg(AnsiColor::Red), found.kind.word());
        context.line(format!("{rows}: {word}: {}", one_line(&found.why)))?;
    }
    let unnamed = report.broken.saturating_sub(report.breaks.len() as u64);
    if unnamed > 0 {
        context.line(format!("and {unnamed} more"))?;
    }
    for gap in &report.gaps {
        context.line(format!(
            "rows {} to {}: lost in a power cut, as row {} of {} records",
            gap.from,
            gap.to,
            gap.row,
            one_line(&gap.at)
        ))?;
    }
    let checked = match report.rows {
        0 => "no rows".to_owned(),
        1 => format!("1 row (number {})", report.from),
        rows => format!("{rows} rows, {} to {}", report.from, report.to),
    };
    let head = one_line(&report.head.hash);
    let verdict = match (report.sound, report.broken) {
        (true, _) => "sound by itself".to_owned(),
        (false, 1) => "1 break".to_owned(),
        (false, breaks) => format!("{breaks} breaks"),
    };
    context.line(format!("{checked}: {verdict}; head {} {head}", report.head.n))?;
    for words in proven(report, whole) {
        context.line(words)?;
    }
    context.out.flush()?;
    Ok(())
}

/// What the rows prove of their own beginning and end, and what they do not.
fn proven(report: &AuditReport, whole: bool) -> Vec<String> {
    if report.rows == 0 {
        return Vec::new();
    }
    let begins = match (whole || report.from_first, report.from) {
        (true, _) => match report.begins_after {
            None => "it begins with the first row of all".to_owned(),
            Some(last) => format!(
                "it begins with the first row of all; the journal is older, of its events up to \
                 {last} nothing is recorded"
            ),
        },
        (false, from) => {
            format!("it begins with row {from}: what stood before is not in it, and not proven")
        }
    };
    let ends = match report.end {
        ChainEnd::Anchored if report.broken > 0 => return vec![begins],
        ChainEnd::Anchored => {
            "its last row is the last that this core and audit.head know of, and the journal's \
             events imply no others; whether it is whole only a head noted elsewhere can tell: \
             --head HASH"
                .to_owned()
        }
        ChainEnd::Noted(n) if n == report.to => "its last row is the one that was noted".to_owned(),
        ChainEnd::Noted(n) => {
            format!("the noted row is {n}: up to there nothing is missing; what follows came later")
        }
        ChainEnd::Unknown if report.broken > 0 => return vec![begins],
        ChainEnd::Unknown => format!(
            "whether rows after {} were cut off cannot be told from it: whether it is whole only \
             a head noted elsewhere can tell: --head HASH",
            report.to
        ),
    };
    vec![begins, ends]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_stream_is_kept_however_it_is_cut() {
        let mut last = LastLine::default();
        for piece in ["{\"a\"", ":1}\n{\"b\"", ":2}\n{", "}", "\n"] {
            last.take(piece.as_bytes());
        }
        assert_eq!(last.0, b"{}\n");
    }

    #[test]
    fn since_is_a_number_an_age_or_a_time() {
        assert_eq!(since("42"), Ok(Since::Row(42)));
        assert_eq!(since("1h30m"), Ok(Since::Age { ms: 5_400_000 }));
        assert_eq!(since("10m ago"), Ok(Since::Age { ms: 600_000 }));
        let time = since("2023-11-14T23:13:20.5+01:00").unwrap();
        assert_eq!(time.wire(), "2023-11-14T22:13:20.500Z");
        for text in ["", "yesterday", "-1", "2023-11-14", "10"] {
            assert_eq!(since(text).is_ok(), text == "10", "{text}");
        }
    }

    #[test]
    fn rows_fit_the_terminal_and_hold_no_control_characters() {
        let row = AuditRow {
            n: 12,
            at: "2023-11-14T22:13:20.500Z".to_owned(),
            who: "user ro\u{1b}[31mot".to_owned(),
            leave: "admin socket".to_owned(),
            action: "swarm.create".to_owned(),
            swarm: Some("sw-1".to_owned()),
            outcome: "ok".to_owned(),
            detail: format!("{{\"agents\":3,\"task\":\"{} \\u001b[2J\"}}", "long ".repeat(50)),
            ..AuditRow::default()
        };
        let text = table(&[row]).render(false, Some(100));
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("2023-11-14 22:13:20") && text.contains("agents=3"), "{text}");
    }
}
