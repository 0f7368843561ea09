//! `dash inbox`, `dash approve` and `dash deny`.

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
    format::{DIM, Table, age, cell, harmless, short_line, state_style},
};
use crate::{
    client::in_agent,
    model::{AgentState, Approval, ApprovalState, Remember, Resolution, Stamp},
    protocol::rest::Answer,
};
use anstyle::Style;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Inbox {
    #[command(subcommand)]
    command: Option<InboxCommand>,
    /// Wait until something is there
    #[arg(long, conflicts_with_all = ["all", "remembered"])]
    wait: bool,
    /// Also what was answered, and how
    #[arg(long, conflicts_with = "remembered")]
    all: bool,
    /// The answers that are remembered for questions to come
    #[arg(long)]
    remembered: bool,
    #[command(flatten)]
    json: Json,
}

/// What four eyes are worth.
const FOUR_EYES: &str = "\
With `approvals.four_eyes` a second person answers under another name, $DASH_ACTOR. Names are \
taken at their word: that is cooperation among people who share one user account, and no lock. \
The audit has the account (uid) that each answer came from.";

#[derive(Debug, Subcommand)]
enum InboxCommand {
    /// Forget remembered answers: the next such question waits again
    Forget {
        /// Their numbers, as `dash inbox --remembered` shows them
        #[arg(required = true)]
        numbers: Vec<u64>,
    },
}

/// Let what was asked happen
#[derive(Debug, Args)]
#[command(after_help = FOUR_EYES)]
pub struct Approve {
    #[command(flatten)]
    decision: Decision,
}

/// Refuse what was asked
#[derive(Debug, Args)]
pub struct Deny {
    /// All that waits, after a question on the terminal
    #[arg(long, conflicts_with_all = ["ids", "remember"])]
    all: bool,
    /// With --all: without the question
    #[arg(long, short, requires = "all")]
    yes: bool,
    #[command(flatten)]
    decision: Decision,
}

#[derive(Debug, Args)]
struct Decision {
    /// Ids, or agents that ask a single question
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Answer the same question so in future: for this agent (the default), its swarm, or
    /// always
    #[arg(
        long,
        value_name = "once|agent|swarm|always",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        value_parser = said_reach
    )]
    remember: Option<Said>,
    /// A word for whoever asked
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
    #[command(flatten)]
    json: Json,
}

/// What stands after `--remember=`; nothing where it stands alone.
#[derive(Clone, Copy, Debug)]
struct Said(Option<Remember>);

/// For clap.
fn said_reach(word: &str) -> Result<Said, String> {
    if word.is_empty() { Ok(Said(None)) } else { word.parse().map(|reach| Said(Some(reach))) }
}

fn outside() -> Result<(), Failure> {
    if !in_agent() {
        return Ok(());
    }
    let why = "no agent reads the inbox or answers from it ($DASH_AGENT is set)";
    Err(Failure::new(Code::Denied, why).hinted("a person or the primary model does, outside"))
}

impl Inbox {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        outside()?;
        if let Some(InboxCommand::Forget { numbers }) = self.command {
            let client = context.client().await?;
            for number in numbers {
                client.forget_answer(number).await?;
                context.line(format!("{number} forgotten"))?;
            }
            return Ok(Code::Ok);
        }
        if self.remembered {
            return remembered(context, self.json).await;
        }
        let client = context.client().await?;
        let mut found = client.approvals(self.all).await?;
        while self.wait && found.is_empty() {
            found = client.some_approvals().await?;
        }
        if self.json.json {
            context.json(&found)?;
        } else if found.is_empty() {
            context.note("nothing waits for an answer");
        } else {
            let text = table(&found, self.all, now(), context);
            context.out.write_all(text.as_bytes())?;
            let open = found.iter().filter(|approval| approval.is_open());
            if open.clone().any(|open| text_of(open) != short_line(&text_of(open))) {
                context.note("whole questions: dash inbox --json");
            }
        }
        Ok(Code::Ok)
    }
}

impl Approve {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        self.decision.run(Resolution::Approve, context).await
    }
}

impl Deny {
    pub async fn run(mut self, context: &mut Context<'_>) -> Done {
        if self.all {
            outside()?;
            let open = context.client().await?.approvals(false).await?;
            if open.is_empty() {
                context.note("nothing waits for an answer");
                return Ok(Code::Ok);
            }
            // What no answer from here would end stays.
            let (open, others): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|open| open.question.elsewhere(&open.agent).is_none());
            for open in others {
                let elsewhere = open.question.elsewhere(&open.agent).unwrap_or_default();
                context.note(format!("{} stays; {elsewhere}", open.id));
            }
            if !self.yes && !confirmed(&open, context)? {
                return Err(Failure::error("nothing was denied"));
            }
            self.decision.ids = open.iter().map(|open| open.id.to_string()).collect();
            if self.decision.ids.is_empty() {
                return Ok(Code::Ok);
            }
        }
        self.decision.run(Resolution::Deny, context).await
    }
}

impl Decision {
    async fn run(self, verdict: Resolution, context: &mut Context<'_>) -> Done {
        outside()?;
        let (ids, remember) = self.meant()?;
        let client = context.client().await?;
        let answer = Answer { verdict, remember, note: self.note };
        let mut answered = Vec::new();
        for id in &ids {
            let approval = client.answer(id, &answer).await?;
            if !self.json.json {
                context.line(said(&approval))?;
            }
            answered.push(approval);
        }
        if self.json.json {
            context.json(&answered)?;
        }
        Ok(Code::Ok)
    }
}

impl Decision {
    /// Which ids, and for how long. Beside a bare `--remember` a word such as `swarm` is how
    /// long, and no id; a value that is none of those words never becomes one.
    fn meant(&self) -> Result<(Vec<String>, Remember), Failure> {
        let mut ids = self.ids.clone();
        let remember = match self.remember {
            None => Remember::Once,
            Some(Said(Some(reach))) => reach,
            Some(Said(None)) => {
                let at = ids.iter().position(|word| word.parse::<Remember>().is_ok());
                at.and_then(|at| ids.remove(at).parse().ok()).unwrap_or(Remember::Agent)
            }
        };
        if ids.is_empty() {
            return Err(Failure::usage("which approval? Give its id, or its agent")
                .hinted("`dash inbox` lists what waits"));
        }
        Ok((ids, remember))
    }
}

/// Asks on the terminal whether all that is to be denied.
fn confirmed(open: &[Approval], context: &mut Context<'_>) -> Result<bool, Failure> {
    if !context.term.stdin {
        return Err(Failure::usage("--all asks first, and no terminal is here to ask on")
            .hinted("dash deny --all --yes"));
    }
    for open in open {
        let what = short_line(&text_of(open));
        context.note(format!("{}  {}  {what}", open.id, open.agent));
    }
    let _ = write!(context.err, "Deny all {}? [y/N] ", open.len());
    let _ = context.err.flush();
    let mut word = String::new();
    std::io::stdin().read_line(&mut word)?;
    Ok(matches!(word.trim(), "y" | "Y" | "yes"))
}

/// With the whole question: what was approved is seen to its end.
fn said(approval: &Approval) -> String {
    let what = format!("{}  {}", approval.agent, text_of(approval).trim().replace('\n', "\n  "));
    match approval.state {
        ApprovalState::Open => {
            let left = (approval.needs as usize).saturating_sub(approval.answers.len());
            format!("{} waits for {left} more  {what}", approval.id)
        }
        state if approval.remember != Remember::Once => {
            let reach = approval.remember.word();
            format!("{} {state}, remembered ({reach})  {what}", approval.id)
        }
        state => format!("{} {state}  {what}", approval.id),
    }
}

fn text_of(approval: &Approval) -> String {
    harmless(&approval.question.text())
}

/// The clock of this machine, which is the core's as well.
fn now() -> Stamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Stamp(since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX)))
}

fn table(found: &[Approval], all: bool, now: Stamp, context: &Context<'_>) -> String {
    let mut table = Table::new(&["ID", "AGENT", "?STATE", ">AGE", ">LEFT", "KIND", "WHY", "ASKS"]);
    for approval in found {
        let left = match (approval.is_open(), approval.expires_at) {
            (true, Some(at)) => age(at.ms_since(now)),
            (true, None) | (false, _) => "-".to_owned(),
        };
        let state = match (all, approval.is_open()) {
            (false, _) => cell(""),
            (true, true) => (approval.state.to_string(), state_style(AgentState::Waiting)),
            (true, false) => (approval.state.to_string(), DIM),
        };
        let elsewhere = approval.question.elsewhere(&approval.agent);
        let why = if let Some(elsewhere) = elsewhere {
            elsewhere
        } else if approval.needs > 1 && approval.is_open() {
            format!("{} ({} of {})", approval.why, approval.answers.len(), approval.needs)
        } else {
            approval.why.clone()
        };
        table.row([
            cell(&approval.id),
            cell(&approval.agent),
            state,
            cell(age(now.ms_since(approval.asked_at))),
            cell(left),
            cell(approval.question.kind()),
            cell(short_line(&why)),
            (short_line(&text_of(approval)), Style::new().bold()),
        ]);
    }
    table.render(context.term.color, context.term.width)
}

async fn remembered(context: &mut Context<'_>, json: Json) -> Done {
    let known = context.client().await?.remembered().await?;
    if json.json {
        context.json(&known)?;
        return Ok(Code::Ok);
    }
    if known.is_empty() {
        context.note("no answer is remembered");
        return Ok(Code::Ok);
    }
    let mut table = Table::new(&[">NUMBER", "ANSWER", "FOR", "FROM", "BY", "QUESTION"]);
    for known in &known {
        let by: Vec<String> = known.by.iter().map(ToString::to_string).collect();
        table.row([
            cell(known.number),
            cell(known.verdict.word()),
            cell(&known.reach),
            cell(&known.approval),
            cell(short_line(&by.join(", "))),
            cell(short_line(&harmless(&known.subject.to_string()))),
        ]);
    }
    let text = table.render(context.term.color, context.term.width);
    context.out.write_all(text.as_bytes())?;
    Ok(Code::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        approve: Approve,
    }

    fn meant(words: &[&str]) -> Result<(Vec<String>, Remember), Failure> {
        let only = Only::try_parse_from([&["approve"], words].concat());
        let only = only.map_err(|error| Failure::usage(error.to_string()))?;
        only.approve.decision.meant()
    }

    #[test]
    fn remember_alone_is_for_the_agent_wherever_it_stands() {
        for (words, ids, remember) in [
            (&["ap-1"][..], &["ap-1"][..], Remember::Once),
            (&["ap-1", "--remember"], &["ap-1"], Remember::Agent),
            (&["--remember", "ap-1"], &["ap-1"], Remember::Agent),
            (&["--remember", "always", "ap-1", "ag-02"], &["ap-1", "ag-02"], Remember::Always),
            (&["ap-1", "--remember", "swarm"], &["ap-1"], Remember::Swarm),
            (&["ap-1", "--remember=swarm"], &["ap-1"], Remember::Swarm),
            (&["--remember=once", "ap-1", "ap-2"], &["ap-1", "ap-2"], Remember::Once),
        ] {
            let (found, reach) = meant(words).unwrap();
            assert_eq!(found, ids, "{words:?}");
            assert_eq!(reach, remember, "{words:?}");
        }
        for word in ["--remember=ap-2", "--remember=bogus", "--remember=Swarm"] {
            for words in [&["ap-1", word][..], &[word, "ap-1"], &[word]] {
                let refused = meant(words).unwrap_err();
                assert_eq!(refused.code, Code::Usage, "{words:?}");
                assert!(refused.message.contains("once, agent, swarm or always"), "{refused:?}");
            }
        }
        assert_eq!(meant(&[]).unwrap_err().code, Code::Usage);
        assert_eq!(meant(&["--remember", "always"]).unwrap_err().code, Code::Usage);
    }
}
