//! `dash doctor`

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::{Table, cell, fg, one_line},
};
use crate::protocol::rest::CheckStatus;
use anstyle::AnsiColor;
use clap::Args;

#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    json: Json,
}

impl Doctor {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let report = context.client().await?.doctor().await?;
        let failed = report.checks.iter().any(|check| check.status == CheckStatus::Fail);
        let code = if failed { Code::Error } else { Code::Ok };
        if self.json.json {
            context.json(&report)?;
            return Ok(code);
        }
        for check in &report.checks {
            let (mark, color) = match check.status {
                CheckStatus::Ok => ("ok  ", AnsiColor::Green),
                CheckStatus::Warn => ("warn", AnsiColor::Yellow),
                CheckStatus::Fail => ("fail", AnsiColor::Red),
            };
            let mark = context.paint(fg(color), mark);
            context.line(format!("{mark}  {:<18} {}", check.name, one_line(&check.detail)))?;
            if !check.remedy.is_empty() {
                context.line(format!("      {:<18} → {}", "", one_line(&check.remedy)))?;
            }
        }
        context.line(format!("\nscope: {}\n", report.scope))?;
        let mut table = Table::new(&["AGENT", "USABLE", "VERSION", "PROGRAM", "FROM", ""]);
        for adapter in &report.adapters {
            let program =
                adapter.program.as_ref().map_or("-".to_owned(), |path| path.display().to_string());
            let (word, color) =
                if adapter.usable { ("yes", AnsiColor::Green) } else { ("no", AnsiColor::Yellow) };
            table.row([
                cell(&adapter.name),
                (word.to_owned(), fg(color)),
                cell(adapter.version.as_deref().unwrap_or("-")),
                cell(program),
                cell(&adapter.source),
                cell(one_line(if adapter.detail.is_empty() {
                    &adapter.summary
                } else {
                    &adapter.detail
                })),
            ]);
        }
        let text = table.render(context.term.color, context.term.width);
        context.out.write_all(text.as_bytes())?;
        Ok(code)
    }
}
