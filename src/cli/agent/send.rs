//! `dash agent send`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
};
use crate::{
    model::{Question, Remember, Resolution},
    protocol::rest::{Answer, InputBody},
};
use clap::Args;
use serde::Serialize;

#[derive(Debug, Args)]
pub struct Send {
    /// Id or name
    agent: String,
    /// Words to type, joined by blanks
    text: Vec<String>,
    /// End with Enter (the default where there is text and no --keys)
    #[arg(long, conflicts_with = "no_enter")]
    enter: bool,
    /// Do not end with Enter
    #[arg(long)]
    no_enter: bool,
    /// Keys to press after the text: C-c, Up, F5, Escape …
    #[arg(long, value_name = "KEY", num_args = 1..)]
    keys: Vec<String>,
    /// Answer the permission prompt that it shows: let it go on
    #[arg(long, conflicts_with_all = ["deny", "text", "keys", "enter", "no_enter"])]
    approve: bool,
    /// Answer the permission prompt that it shows: refuse
    #[arg(long, conflicts_with_all = ["text", "keys", "enter", "no_enter"])]
    deny: bool,
    #[command(flatten)]
    json: Json,
}

/// What was typed, for programs.
#[derive(Serialize)]
struct Sent<'a> {
    agent: &'a str,
    #[serde(flatten)]
    input: &'a InputBody,
}

impl Send {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        if let Some(verdict) = self.verdict() {
            return answer(&self.agent, verdict, self.json.json, context).await;
        }
        let body = self.body()?;
        context.client().await?.send_input(&self.agent, &body).await?;
        if self.json.json {
            context.json(&Sent { agent: &self.agent, input: &body })?;
        }
        Ok(Code::Ok)
    }

    fn verdict(&self) -> Option<Resolution> {
        match (self.approve, self.deny) {
            (true, _) => Some(Resolution::Approve),
            (_, true) => Some(Resolution::Deny),
            (false, false) => None,
        }
    }

    fn body(&self) -> Result<InputBody, Failure> {
        let text = self.text.join(" ");
        let enter = self.enter || (!self.no_enter && !text.is_empty() && self.keys.is_empty());
        if text.is_empty() && self.keys.is_empty() && !enter {
            return Err(Failure::usage("there is nothing to send: no text, no --keys, no --enter"));
        }
        Ok(InputBody { text, keys: self.keys.clone(), enter })
    }
}

/// As `dash approve` and `dash deny` would, for the prompt of this agent's that is open.
async fn answer(agent: &str, verdict: Resolution, json: bool, context: &mut Context<'_>) -> Done {
    let client = context.client().await?;
    let id = client.agent(agent).await?.id;
    let open = client.approvals(false).await?;
    let prompt = open
        .iter()
        .find(|open| open.agent == id && matches!(open.question, Question::Prompt { .. }));
    let Some(prompt) = prompt else {
        return Err(Failure::error(format!("agent {agent} shows no permission prompt"))
            .hinted(format!("dash agent explain {agent}")));
    };
    let wish = Answer { verdict, remember: Remember::Once, note: String::new() };
    let answered = client.answer(prompt.id.as_str(), &wish).await?;
    if json {
        context.json(&answered)?;
    }
    Ok(Code::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{FromArgMatches, Parser};

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        send: Send,
    }

    fn body(words: &[&str]) -> Result<InputBody, Failure> {
        let command = <Only as clap::CommandFactory>::command();
        let matches = command.try_get_matches_from([&["send", "a"], words].concat()).unwrap();
        Only::from_arg_matches(&matches).unwrap().send.body()
    }

    #[test]
    fn text_ends_with_enter_unless_told_otherwise() {
        assert!(body(&["go", "on"]).unwrap().enter);
        assert_eq!(body(&["go", "on"]).unwrap().text, "go on");
        assert!(!body(&["go", "--no-enter"]).unwrap().enter);
        assert!(!body(&["--keys", "C-c", "Up"]).unwrap().enter);
        assert_eq!(body(&["x", "--keys", "C-c", "--enter"]).unwrap().keys, ["C-c"]);
        assert!(body(&["--enter"]).unwrap().enter);
        assert_eq!(body(&[]).unwrap_err().code, Code::Usage);
    }
}
