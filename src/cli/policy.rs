//! `dash policy check` and `dash policy show`

use super::{
    args::Json,
    context::{Context, paint},
    failure::{Code, Done, Failure},
    format::{DIM, Table, cell, fg, one_line, short_line},
    swarm::here,
};
use crate::{
    model::{Enforcement, Judgement, Rule, Verdict},
    protocol::rest::{PolicyQuestion, PolicyRules},
};
use anstyle::{AnsiColor, Style};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// What the rules say of a command, which is not run
    ///
    /// Several words are the command as it is executed; a single word with blanks is a shell
    /// line. All that a line runs is judged, and the strictest rule decides: deny before ask
    /// before allow.
    #[command(after_help = "Exit codes: 6 where the verdict is `deny`, 0 where it is `allow` or \
                            `ask`; the first word of the output, and `verdict` with --json, \
                            tell the three apart.")]
    Check(Check),
    /// The rules in force here
    Show(Show),
}

#[derive(Debug, Args)]
pub struct Check {
    /// As if this agent ran it: in its directory, under its scope
    #[arg(long, value_name = "AGENT", conflicts_with = "swarm")]
    agent: Option<String>,
    /// As if an agent of this swarm ran it
    #[arg(long, value_name = "SWARM")]
    swarm: Option<String>,
    #[command(flatten)]
    json: Json,
    /// The command, or a shell line as one word
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    json: Json,
}

impl PolicyCommand {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        match self {
            Self::Check(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
        }
    }
}

/// One word with blanks is a line.
fn question(mut command: Vec<String>) -> PolicyQuestion {
    match command.as_slice() {
        [line] if line.contains(char::is_whitespace) => {
            PolicyQuestion { line: command.pop(), ..PolicyQuestion::default() }
        }
        _ => PolicyQuestion { argv: command, ..PolicyQuestion::default() },
    }
}

impl Check {
    async fn run(self, context: &mut Context<'_>) -> Done {
        if self.command.first().is_none_or(|word| word.trim().is_empty()) {
            return Err(Failure::usage("CMD is empty: name the command that is asked about"));
        }
        let mut question = question(self.command);
        if self.agent.is_none() && self.swarm.is_none() {
            question.cwd = Some(here()?);
            question.path = std::env::var("PATH").ok();
        }
        (question.agent, question.swarm) = (self.agent, self.swarm);
        let judgement = context.client().await?.judge(&question).await?;
        if self.json.json {
            context.json(&judgement)?;
        } else {
            explain(&judgement, context)?;
        }
        Ok(match judgement.verdict {
            Verdict::Allow | Verdict::Ask => Code::Ok,
            Verdict::Deny => Code::Denied,
        })
    }
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Allow => fg(AnsiColor::Green),
        Verdict::Ask => fg(AnsiColor::Yellow),
        Verdict::Deny => fg(AnsiColor::Red),
    }
}

fn explain(judgement: &Judgement, context: &mut Context<'_>) -> Result<(), Failure> {
    let verdict = context.paint(style(judgement.verdict), judgement.verdict);
    context.line(format!("{verdict}  {}", judgement.reason))?;
    if let Some(by) = judgement.enforced_by {
        let means = match by {
            Enforcement::Kernel => "the kernel keeps the program from being executed",
            Enforcement::Broker => "the program is hidden; the broker alone runs it",
            Enforcement::Cooperates => {
                "its own hook asks, or the first directory of its PATH in a sandbox; nothing \
                 keeps an agent from it that goes around them"
            }
        };
        context.line(format!("enforced by  {by}: {means}"))?;
        let not_held = judgement.findings.first().map_or("", |finding| &finding.not_held);
        if !not_held.is_empty() {
            context.line(format!("             {}", one_line(not_held)))?;
        }
    }
    let (git, others): (Vec<&str>, Vec<&str>) =
        judgement.unseen.iter().map(String::as_str).partition(|&program| program == "git");
    if !others.is_empty() {
        context.line(format!(
            "not seen  what {} does by itself: no rule reads its code. In a sandbox the kernel \
             holds the scope whatever the rules do not see; without one nothing does",
            others.join(", ")
        ))?;
    }
    if !git.is_empty() {
        context.line(
            "not seen  what git starts by itself (the repository's hooks, filters, fsmonitor, \
             editors): the broker runs that with it and does not judge it again, the scope alone \
             holds it",
        )?;
    }
    if judgement.findings.is_empty() {
        return Ok(());
    }
    let color = context.term.color;
    for finding in &judgement.findings {
        let verdict = paint(color, style(finding.verdict), finding.verdict);
        let name = if finding.rule.is_empty() { "-" } else { &finding.rule };
        let source = paint(color, DIM, format!("({})", finding.source));
        context.line(format!("  {verdict}  {name} {source}: {}", short_line(&finding.reason)))?;
        if !finding.command.is_empty() {
            context.line(format!("        {}", short_line(&finding.command)))?;
        }
    }
    Ok(())
}

impl Show {
    async fn run(self, context: &mut Context<'_>) -> Done {
        let path = std::env::var("PATH").ok();
        let client = context.client().await?;
        let PolicyRules { default, rules } = client.policy(&here()?, path.as_deref()).await?;
        if self.json.json {
            context.json(&PolicyRules { default, rules })?;
            return Ok(Code::Ok);
        }
        let mut table = Table::new(&["VERDICT", "RULE", "ENFORCED", "SOURCE", "COMMAND"]);
        for shown in &rules {
            let rule = &shown.rule;
            table.row([
                (rule.verdict.to_string(), style(rule.verdict)),
                cell(if rule.name.is_empty() { "-" } else { &rule.name }),
                cell(shown.enforced_by),
                cell(source(rule)),
                cell(short_line(&beginning(&rule.command))),
            ]);
        }
        let text = table.render(context.term.color, context.term.width);
        context.out.write_all(text.as_bytes())?;
        let verdict = context.paint(style(default), default);
        context.line(format!("{verdict}  what no rule speaks of"))?;
        Ok(Code::Ok)
    }
}

/// Where a rule comes from, and whether a built-in one had to make way for it.
fn source(rule: &Rule) -> String {
    let instead = if rule.replaces { " (replaces the built-in rule)" } else { "" };
    format!("{}{instead}", one_line(&rule.source))
}

/// `npm publish|unpublish`
fn beginning(command: &[Vec<String>]) -> String {
    let words: Vec<String> = command.iter().map(|word| word.join("|")).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_with_blanks_is_a_line() {
        let of = |words: &[&str]| question(words.iter().map(|&word| word.to_owned()).collect());
        assert_eq!(of(&["git push -f"]).line.as_deref(), Some("git push -f"));
        assert_eq!(of(&["git", "push"]).argv, ["git", "push"]);
        assert_eq!((of(&["ls"]).argv, of(&["ls"]).line), (vec!["ls".to_owned()], None));
        assert_eq!(of(&["a b", "c"]).argv, ["a b", "c"]);
    }
}
