//! `dash item add` and `dash item list`

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::{Table, cell, short_line, state_style},
};
use crate::model::{AgentState, ItemState};
use anstyle::Style;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum ItemCommand {
    /// Add items to a swarm's queue
    Add(Add),
    /// The items of a swarm
    List(List),
}

#[derive(Debug, Args)]
pub struct Add {
    /// Id or name of the swarm
    #[arg(long)]
    swarm: String,
    /// One item a word: quote it
    #[arg(required = true)]
    text: Vec<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct List {
    /// Id or name of the swarm
    #[arg(long)]
    swarm: String,
    #[command(flatten)]
    json: Json,
}

impl ItemCommand {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        match self {
            Self::Add(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
        }
    }
}

impl Add {
    async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let mut added = Vec::new();
        for text in self.text {
            let item = client.add_item(&self.swarm, text).await?;
            if !self.json.json {
                context.line(format!("item {} of {}", item.index, item.swarm))?;
            }
            added.push(item);
        }
        if self.json.json {
            context.json(&added)?;
        }
        Ok(Code::Ok)
    }
}

impl List {
    async fn run(self, context: &mut Context<'_>) -> Done {
        let items = context.client().await?.items(&self.swarm).await?;
        if self.json.json {
            context.json(&items)?;
            return Ok(Code::Ok);
        }
        let mut table = Table::new(&[">ITEM", "STATE", "AGENT", ">ATTEMPTS", "TEXT"]);
        for item in &items {
            table.row([
                cell(item.index),
                state(item.state),
                cell(item.agent.as_ref().map_or("-", |agent| agent.as_str())),
                cell(item.attempts),
                cell(short_line(&item.text)),
            ]);
        }
        let text = table.render(context.term.color, context.term.width);
        context.out.write_all(text.as_bytes())?;
        Ok(Code::Ok)
    }
}

fn state(state: ItemState) -> (String, Style) {
    let (word, like) = match state {
        ItemState::Queued => ("queued", AgentState::Queued),
        ItemState::Working => ("working", AgentState::Working),
        ItemState::Done => ("done", AgentState::Done),
        ItemState::Failed => ("failed", AgentState::Failed),
        ItemState::Stopped => ("stopped", AgentState::Stopped),
    };
    (word.to_owned(), state_style(like))
}
