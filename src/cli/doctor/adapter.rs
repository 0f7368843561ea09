//! `dash doctor --adapter FILE`

use super::{code, say_checks};
use crate::{
    cli::{
        context::Context,
        failure::{Done, Failure},
        format::one_line,
        swarm::here,
    },
    config::read_small,
    protocol::rest::{AdapterCheck, AdapterFile, DryLaunch},
};
use std::{io, path::Path};

pub async fn run(file: &Path, json: bool, context: &mut Context<'_>) -> Done {
    let text = read_small(file, true)
        .and_then(|text| String::from_utf8(text).map_err(io::Error::other))
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    let asked = AdapterFile {
        file: file.to_owned(),
        text,
        cwd: here()?,
        // What agents started from here would have.
        path: std::env::var("PATH").ok(),
        model: None,
    };
    let report = context.client().await?.doctor_adapter(&asked).await?;
    let code = code(&report.checks);
    if json {
        context.json(&report)?;
    } else {
        say(&report, context)?;
    }
    Ok(code)
}

fn say(report: &AdapterCheck, context: &mut Context<'_>) -> Result<(), Failure> {
    say_checks(&report.checks, context)?;
    if !report.keys.is_empty() {
        context.line("\nwhat it says")?;
    }
    for key in &report.keys {
        context.line(format!("  {} = {}", key.key, shortened(&key.value)))?;
        context.line(format!("      {}", one_line(&key.means)))?;
    }
    match &report.launch {
        Some(launch) => say_launch(launch, context),
        None => Ok(()),
    }
}

fn say_launch(launch: &DryLaunch, context: &mut Context<'_>) -> Result<(), Failure> {
    context.line("\nwhat would be started")?;
    let argv = |argv: &[String]| {
        argv.iter().map(|word| format!("    {}", one_line(word))).collect::<Vec<_>>().join("\n")
    };
    context.line(format!("  arguments\n{}", argv(&launch.argv)))?;
    if let Some(resume) = &launch.resume {
        context.line(format!("  arguments that go on with a session\n{}", argv(resume)))?;
    }
    context.line("  variables that the file sets")?;
    for (name, value) in &launch.set {
        context.line(format!("    {name} = {}", shortened(value)))?;
    }
    context.line(format!("  other variables\n    {}", launch.passed.join(" ")))?;
    context.line("  files")?;
    for file in &launch.files {
        let held = if file.protected { ", protected" } else { "" };
        let bytes = file.content.len();
        let path = one_line(&file.path.display().to_string());
        context.line(format!("    {path} ({bytes} bytes, mode {}{held})", file.mode))?;
    }
    context.line(format!("  standard input\n    {}", one_line(&launch.stdin)))?;
    Ok(())
}

/// In one line of a usual terminal.
fn shortened(value: &str) -> String {
    let line = one_line(value);
    if line.chars().count() <= 160 {
        return line;
    }
    line.chars().take(159).chain(['…']).collect()
}
