//! `dash cost`

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::{Table, cell, one_line, short_line},
};
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
                "by,id,name,calls,input,output,cache_read,cache_write,cost_micros,simulated",
            )?;
            for row in &rows {
                let tokens = row.tokens;
                context.line(format!(
                    "{},{},{},{},{},{},{},{},{},{}",
                    row.by,
                    quoted(&one_line(&row.id)),
                    quoted(&one_line(&row.name)),
                    row.calls,
                    tokens.input,
                    tokens.output,
                    tokens.cache_read,
                    tokens.cache_write,
                    row.cost_micros.0,
                    row.simulated
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
                cell(row.cost_micros),
                cell(if row.simulated { "simulated" } else { "" }),
            ]);
        }
        let text = table.render(context.term.color, context.term.width);
        context.out.write_all(text.as_bytes())?;
        Ok(Code::Ok)
    }
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
    fn a_comma_in_a_name_is_no_column() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
