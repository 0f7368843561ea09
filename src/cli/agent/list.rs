//! `dash agent list`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::{
        self, Table, cell, count, name_beside, one_line, scope_cell, short_line, state_and_reason,
        state_style,
    },
};
use crate::model::AgentInfo;
use clap::Args;

#[derive(Debug, Args)]
pub struct List {
    /// Only those of this swarm
    #[arg(long, value_name = "SWARM")]
    swarm: Option<String>,
    #[command(flatten)]
    json: Json,
}

impl List {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let agents = context.client().await?.agents(self.swarm.as_deref()).await?;
        if self.json.json {
            context.json(&agents)?;
            return Ok(Code::Ok);
        }
        if agents.is_empty() {
            context.note("no agents");
            return Ok(Code::Ok);
        }
        let text = agent_table(&agents).render(context.term.color, context.term.width);
        context.out.write_all(text.as_bytes())?;
        Ok(Code::Ok)
    }
}

pub fn agent_table(agents: &[AgentInfo]) -> Table {
    let mut table = Table::new(&[
        "ID",
        "?NAME",
        "STATE",
        "KIND",
        "?MODEL",
        "?ITEM",
        ">TOKENS",
        ">COST",
        "SCOPE",
        "LAST LINE",
    ]);
    for agent in agents {
        table.row([
            cell(&agent.id),
            name_beside(agent.id.as_str(), &agent.name),
            (state_and_reason(agent.state, &short_line(&agent.reason)), state_style(agent.state)),
            cell(&agent.adapter),
            cell(short_line(&agent.model)),
            cell(format::fit(&one_line(agent.item.as_deref().unwrap_or("")), 28)),
            cell(count(agent.tokens.total())),
            cell(agent.cost()),
            scope_cell(&agent.scope),
            cell(short_line(&agent.last_line)),
        ]);
    }
    table
}
