//! `dash budget show|set|top-up`

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::{Table, cell, count, fg},
    swarm::create::budget,
};
use crate::{
    client::in_agent,
    model::{AccountId, AccountInfo, BudgetChange, Choice, Forecast, Micros},
    protocol::rest::BudgetBody,
};
use anstyle::{AnsiColor, Style};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum BudgetCommand {
    /// All accounts with a limit or anything spent, or one
    Show(Show),
    /// Set what an account may spend
    Set(Set),
    /// Let an account spend so much more; what its budget paused goes on
    TopUp(TopUp),
}

#[derive(Debug, Args)]
pub struct Show {
    /// core, or a swarm or agent by id or name
    account: Option<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Set {
    /// core, or a swarm or agent by id or name
    account: String,
    /// 50 or '$50', 2M-tokens, or both as 50,2M-tokens; a limit that is not named stays. `none`
    /// takes all away; none,50 leaves this one alone
    #[arg(value_parser = limit)]
    limit: String,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct TopUp {
    /// core, or a swarm or agent by id or name
    account: String,
    /// 50 or '$50', 2M-tokens, or both as 50,2M-tokens
    #[arg(value_parser = budget)]
    sum: String,
    #[command(flatten)]
    json: Json,
}

fn limit(text: &str) -> Result<String, String> {
    text.parse::<BudgetChange>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

impl BudgetCommand {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        match self {
            Self::Show(command) => command.run(context).await,
            Self::Set(Set { account, limit, json }) => {
                let body = BudgetBody { limit: Some(limit), ..BudgetBody::default() };
                change(context, &account, &body, json).await
            }
            Self::TopUp(TopUp { account, sum, json }) => {
                let body = BudgetBody { top_up: Some(sum), ..BudgetBody::default() };
                change(context, &account, &body, json).await
            }
        }
    }
}

async fn change(context: &mut Context<'_>, account: &str, body: &BudgetBody, json: Json) -> Done {
    let client = context.client().await?;
    let changed = client.set_budget(account, body).await?;
    if json.json {
        context.json(&changed)?;
    } else {
        context.line(line(&changed))?;
    }
    if let AccountId::Agent(id) = &changed.id {
        let agent = client.agent(id.as_str()).await?;
        if agent.state.is_final() {
            let why = if agent.reason.is_empty() {
                String::new()
            } else {
                format!(" ({})", agent.reason)
            };
            context.note(format!("{id} is {}{why}: nothing goes on by this", agent.state));
        }
    }
    Ok(Code::Ok)
}

fn line(account: &AccountInfo) -> String {
    let AccountInfo { limit_micros, left_micros, limit_tokens, left_tokens, .. } = account;
    let dollars = limit_micros.zip(*left_micros);
    let dollars = dollars.map(|(limit, left)| format!("{left} of {limit} left"));
    let tokens = limit_tokens.zip(*left_tokens);
    let tokens =
        tokens.map(|(limit, left)| format!("{} of {} tokens left", count(left), count(limit)));
    let parts: Vec<String> = dollars.into_iter().chain(tokens).collect();
    match parts.is_empty() {
        true => {
            let spent = account.spent_micros.told(account.estimated_micros);
            format!("{}: no limit, {spent} spent", account.id)
        }
        false => format!("{}: {}", account.id, parts.join(", ")),
    }
}

impl Show {
    async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        // An agent sees its own alone.
        let own = std::env::var("DASH_AGENT").ok().filter(|_| in_agent());
        if let Some(name) = self.account.or(own) {
            let account = client.account(&name).await?;
            if self.json.json {
                context.json(&account)?;
            } else {
                table(context, &[account])?;
            }
            return Ok(Code::Ok);
        }
        let accounts = client.accounts().await?;
        if self.json.json {
            context.json(&accounts)?;
            return Ok(Code::Ok);
        }
        let told = |account: &&AccountInfo| {
            let used = account.spent_micros > Micros::ZERO
                || account.reserved_micros > Micros::ZERO
                || account.spent_tokens > 0;
            // Of agents only what is their own to say: their swarm's row has the sum.
            let limited = account.limit_micros.is_some() || account.limit_tokens.is_some();
            limited || (used && !matches!(account.id, AccountId::Agent(_)))
        };
        let told: Vec<AccountInfo> = accounts.iter().filter(told).cloned().collect();
        if told.is_empty() {
            context.note("no account has a limit, and nothing was spent");
            return Ok(Code::Ok);
        }
        table(context, &told)?;
        Ok(Code::Ok)
    }
}

fn table(context: &mut Context<'_>, accounts: &[AccountInfo]) -> std::io::Result<()> {
    let mut table = Table::new(&[
        "ACCOUNT",
        "NAME",
        ">LIMIT",
        ">SPENT",
        ">RESERVED",
        ">LEFT",
        ">USED",
        "STATE",
    ]);
    for account in accounts {
        let sum = |sum: Option<Micros>| sum.map_or_else(|| "-".to_owned(), |sum| sum.to_string());
        let used = account.limit_micros.map(|limit| match limit.0 {
            ..=0 => 100,
            limit => i128::from(account.spent_micros.0) * 100 / i128::from(limit),
        });
        let used = used.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"));
        table.row([
            cell(&account.id),
            cell(&account.name),
            cell(sum(account.limit_micros)),
            cell(account.spent_micros.told(account.estimated_micros)),
            cell(account.reserved_micros),
            cell(sum(account.left_micros)),
            cell(used),
            (account.state.clone(), style(&account.state)),
        ]);
        // The account's second side, where there is anything on it.
        let tokens = |tokens: Option<u64>| tokens.map_or_else(|| "-".to_owned(), count);
        let AccountInfo { limit_tokens, spent_tokens, reserved_tokens, left_tokens, .. } = account;
        if limit_tokens.is_none() && *spent_tokens == 0 {
            continue;
        }
        let used = limit_tokens.map(|limit| match limit {
            0 => 100,
            limit => u128::from(*spent_tokens) * 100 / u128::from(limit),
        });
        table.row([
            cell(""),
            cell("tokens"),
            cell(tokens(*limit_tokens)),
            cell(count(*spent_tokens)),
            cell(count(*reserved_tokens)),
            cell(tokens(*left_tokens)),
            cell(used.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"))),
            cell(""),
        ]);
    }
    let text = table.render(context.term.color, context.term.width);
    context.out.write_all(text.as_bytes())?;
    for account in accounts {
        if !account.why.is_empty() {
            writeln!(context.out, "{}  {}", account.id, account.why)?;
        }
        let forecast = account.forecast.as_ref();
        let Some(line) = forecast.and_then(Forecast::line) else { continue };
        writeln!(context.out, "{}  {line}", account.id)?;
        let choices = forecast.into_iter().flat_map(|forecast| &forecast.choices);
        let words: Vec<String> = choices.map(Choice::words).collect();
        if !words.is_empty() {
            writeln!(context.out, "      what would do: {}", words.join("; or "))?;
        }
    }
    Ok(())
}

fn style(state: &str) -> Style {
    match state {
        "warning" => fg(AnsiColor::Yellow),
        "critical" | "exhausted" | "short" | "blocked" => fg(AnsiColor::Red).bold(),
        _ => Style::new(),
    }
}
