//! `dash swarm list`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::{Table, cell, name_beside, scope_cell, short_line, swarm_style, tokens},
};
use crate::model::SwarmInfo;
use anstyle::Style;
use clap::Args;

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    json: Json,
}

impl List {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let swarms = context.client().await?.swarms().await?;
        if self.json.json {
            context.json(&swarms)?;
            return Ok(Code::Ok);
        }
        if swarms.is_empty() {
            context.note("no swarms; `dash swarm create` makes one");
            return Ok(Code::Ok);
        }
        let mut table = Table::new(&[
            "ID", "?NAME", "STATE", ">AGENTS", ">DONE", ">FAILED", "TOKENS", ">COST", "SCOPE",
            "TASK",
        ]);
        for swarm in &swarms {
            table.row(row(swarm));
        }
        let text = table.render(context.term.color, context.term.width);
        context.out.write_all(text.as_bytes())?;
        Ok(Code::Ok)
    }
}

fn row(swarm: &SwarmInfo) -> [(String, Style); 10] {
    [
        cell(&swarm.id),
        name_beside(swarm.id.as_str(), &swarm.name),
        (swarm.state.to_string(), swarm_style(swarm.state)),
        cell(swarm.agents.total),
        cell(format!("{}/{}", swarm.items.done, swarm.items.total)),
        cell(swarm.items.failed),
        cell(tokens(&swarm.tokens)),
        cell(swarm.cost()),
        scope_cell(&swarm.scope),
        cell(short_line(&swarm.task)),
    ]
}
