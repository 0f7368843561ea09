//! `dash item add|list|drop|restore`

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::{Table, cell, short_line, state_style},
};
use crate::{
    model::{AgentState, ItemState, SwarmId},
    protocol::rest::ItemsChange,
};
use anstyle::Style;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum ItemCommand {
    /// Add items to a swarm's queue
    Add(Add),
    /// The items of a swarm
    List(List),
    /// Take items out of a queue that nobody has begun with; `restore` puts them back
    Drop(Drop),
    /// Put dropped items back in the queue, while the swarm is at work
    Restore(Restore),
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

#[derive(Debug, Args)]
pub struct Drop {
    /// Id or name of the swarm
    #[arg(long)]
    swarm: String,
    /// So many of those that wait, from the end of the queue
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    last: Option<u32>,
    /// Their numbers
    #[arg(value_name = "ITEM", required_unless_present = "last", conflicts_with = "last")]
    items: Vec<u32>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// Id or name of the swarm
    #[arg(long)]
    swarm: String,
    /// All that were dropped
    #[arg(long)]
    all: bool,
    /// Their numbers
    #[arg(value_name = "ITEM", required_unless_present = "all", conflicts_with = "all")]
    items: Vec<u32>,
    #[command(flatten)]
    json: Json,
}

impl ItemCommand {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        match self {
            Self::Add(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Drop(Drop { swarm, last, items, json }) => {
                let swarm = SwarmId::new(swarm);
                let change = ItemsChange { swarm, state: ItemState::Dropped, items, last };
                changed(&change, json, context).await
            }
            // None named: all of them.
            Self::Restore(Restore { swarm, all: _, items, json }) => {
                let swarm = SwarmId::new(swarm);
                let change = ItemsChange { swarm, state: ItemState::Queued, items, last: None };
                changed(&change, json, context).await
            }
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

async fn changed(change: &ItemsChange, json: Json, context: &mut Context<'_>) -> Done {
    let items = context.client().await?.change_items(change).await?;
    if json.json {
        context.json(&items)?;
        return Ok(Code::Ok);
    }
    for item in &items {
        let word = state(item.state).0;
        context.line(format!("item {} of {} {word}", item.index, item.swarm))?;
    }
    if change.state == ItemState::Dropped {
        let numbers: Vec<String> = items.iter().map(|item| item.index.to_string()).collect();
        let (swarm, numbers) = (&change.swarm, numbers.join(" "));
        context.note(format!("`dash item restore --swarm {swarm} {numbers}` puts them back"));
    }
    Ok(Code::Ok)
}

fn state(state: ItemState) -> (String, Style) {
    let (word, like) = match state {
        ItemState::Queued => ("queued", AgentState::Queued),
        ItemState::Working => ("working", AgentState::Working),
        ItemState::Done => ("done", AgentState::Done),
        ItemState::Failed => ("failed", AgentState::Failed),
        ItemState::Stopped => ("stopped", AgentState::Stopped),
        ItemState::Dropped => ("dropped", AgentState::Stopped),
    };
    (word.to_owned(), state_style(like))
}
