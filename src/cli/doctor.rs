//! `dash doctor`

mod adapter;

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
    format::{Table, cell, fg, one_line},
};
use crate::{
    client::{Client, ClientError},
    config::{Config, Dirs},
    protocol::rest::{CheckStatus, DoctorCheck, DoctorReport},
};
use anstyle::AnsiColor;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Doctor {
    /// Look at this adapter file alone: is it right, what does it say, what would be started?
    #[arg(long, value_name = "FILE")]
    adapter: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
}

/// The report of a machine on which no core can start.
fn broken(name: &str, detail: String) -> DoctorReport {
    let check = DoctorCheck {
        name: name.to_owned(),
        status: CheckStatus::Fail,
        detail,
        remedy: "mend it; until then no core starts".to_owned(),
    };
    DoctorReport { checks: vec![check], adapters: Vec::new(), scope: "none".to_owned() }
}

/// Each check in a line, with what to do about it in another.
fn say_checks(checks: &[DoctorCheck], context: &mut Context<'_>) -> Result<(), Failure> {
    for check in checks {
        let (mark, color) = match check.status {
            CheckStatus::Ok => ("ok  ", AnsiColor::Green),
            CheckStatus::Warn => ("warn", AnsiColor::Yellow),
            CheckStatus::Fail => ("fail", AnsiColor::Red),
        };
        let mark = context.paint(fg(color), mark);
        context.line(format!("{mark}  {:<18} {}", check.name, one_line(&check.detail)))?;
        for line in check.remedy.lines() {
            context.line(format!("      {:<18} → {}", "", one_line(line)))?;
        }
    }
    Ok(())
}

/// Error where a check failed.
fn code(checks: &[DoctorCheck]) -> Code {
    let failed = checks.iter().any(|check| check.status == CheckStatus::Fail);
    if failed { Code::Error } else { Code::Ok }
}

impl Doctor {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        if let Some(file) = &self.adapter {
            return adapter::run(file, self.json.json, context).await;
        }
        let report = match Dirs::from_env().map_err(|error| error.to_string()) {
            Ok(dirs) => match Config::load(&dirs) {
                Ok(_) => {
                    let target = context.target()?;
                    let client = match Client::connect(&target).await {
                        Ok(client) => client,
                        Err(error) => return no_core(error, self.json, context),
                    };
                    // One that does not even say this will not say more.
                    client.health().await?;
                    // What agents started from here would have.
                    client.doctor(std::env::var("PATH").ok().as_deref()).await?
                }
                // No core starts with it: this is the diagnosis.
                Err(error) => broken("configuration", error.to_string()),
            },
            Err(error) => broken("directories", error),
        };
        let code = code(&report.checks);
        tell(&report, self.json, context)?;
        Ok(code)
    }
}

/// The report of an instance whose core does not come up: what it said last is the diagnosis.
fn no_core(error: ClientError, json: Json, context: &mut Context<'_>) -> Done {
    let ClientError::NotStarted { why, log, .. } = error else { return Err(error.into()) };
    let mut log = log.into_iter();
    let said = log.next().unwrap_or(why);
    let said = said.strip_prefix("dash: ").unwrap_or(&said).to_owned();
    let mut report = broken("core", said);
    let rest: Vec<String> = log.collect();
    if let Some(check) = report.checks.first_mut().filter(|_| !rest.is_empty()) {
        check.remedy = rest.join("\n");
    }
    tell(&report, json, context)?;
    Ok(Code::NoCore)
}

fn tell(report: &DoctorReport, json: Json, context: &mut Context<'_>) -> Result<(), Failure> {
    if json.json {
        return context.json(report);
    }
    say_checks(&report.checks, context)?;
    if report.adapters.is_empty() {
        return Ok(());
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
    Ok(())
}
