//! `dash cost`

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::{Table, cell, one_line, short_line},
};
use crate::model::{CostRow, Micros};
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub struct Cost {
    /// A row for each of these
    #[arg(long, value_enum, default_value_t = By::Agent)]
    by: By,
    /// Comma-separated values
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Agent,
    /// Each launch of an agent
    Attempt,
    /// All attempts at each
    Item,
    Swarm,
    Model,
    /// What the agents that it spawned have cost; those of none are their swarm's
    Parent,
    /// In UTC; also of swarms that were removed
    Day,
}

impl By {
    fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Attempt => "attempt",
            Self::Item => "item",
            Self::Swarm => "swarm",
            Self::Model => "model",
            Self::Parent => "parent",
            Self::Day => "day",
        }
    }
}

impl Cost {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let rows = context.client().await?.costs(self.by.word()).await?;
        if self.json.json {
            context.json(&rows)?;
            return Ok(Code::Ok);
        }
        if self.csv {
            context.line(
                "by,id,name,calls,input,output,cache_read,cache_write,cost_micros,simulated,\
                 notional_micros,estimated_micros",
            )?;
            for row in &rows {
                let tokens = row.tokens;
                context.line(format!(
                    "{},{},{},{},{},{},{},{},{},{},{},{}",
                    row.by,
                    text(&row.id),
                    text(&row.name),
                    row.calls,
                    tokens.input,
                    tokens.output,
                    tokens.cache_read,
                    tokens.cache_write,
                    row.cost_micros.0,
                    row.simulated,
                    row.notional_micros.0,
                    row.estimated_micros.0
                ))?;
            }
            return Ok(Code::Ok);
        }
        let mut table = Table::new(&[
            "ID",
            "NAME",
            ">CALLS",
            ">INPUT",
            ">OUTPUT",
            ">CACHE READ",
            ">CACHE WRITE",
            ">COST",
            "",
        ]);
        for row in &rows {
            table.row([
                cell(one_line(&row.id)),
                cell(short_line(&row.name)),
                cell(row.calls),
                cell(row.tokens.input),
                cell(row.tokens.output),
                cell(row.tokens.cache_read),
                cell(row.tokens.cache_write),
                cell(row.cost()),
                cell(label(row)),
            ]);
        }
        let text = table.render(context.term.color, context.term.width);
        context.out.write_all(text.as_bytes())?;
        Ok(Code::Ok)
    }
}

/// What the sum beside it does not say.
fn label(row: &CostRow) -> String {
    let simulated = row.simulated.then(|| "simulated".to_owned());
    let notional = (row.notional_micros > Micros::ZERO)
        .then(|| format!("and {} notional", row.notional_micros));
    let parts: Vec<String> = simulated.into_iter().chain(notional).collect();
    format!("{}{}", parts.join(", "), estimated(row.estimated_micros))
        .trim_start_matches(", ")
        .to_owned()
}

/// What of a sum in front of it is none that a provider told; empty where all is.
pub fn estimated(sum: Micros) -> String {
    match sum {
        Micros::ZERO => String::new(),
        sum => format!(", {sum} of it estimated"),
    }
}

/// A text of anybody's as a cell: spreadsheets run what begins as a formula does, so that is
/// marked as text, as OWASP says.
fn text(text: &str) -> String {
    let formula = |text: &str| text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let shown = one_line(text);
    let mark = if formula(text) || formula(&shown) { "'" } else { "" };
    quoted(&format!("{mark}{shown}"))
}

/// As RFC 4180 has it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (name, cell) in [
            ("plain", "plain"),
            ("=1+1", "'=1+1"),
            ("  =1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "'=1"),
            ("\rx", "'x"),
            ("=HYPERLINK(\"a\",\"b\")", "\"'=HYPERLINK(\"\"a\"\",\"\"b\"\")\""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(text(name), cell, "{name:?}");
        }
    }

    #[test]
    fn a_comma_in_a_name_is_no_column() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
