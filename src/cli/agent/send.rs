//! `dash agent send`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
};
use crate::protocol::rest::InputBody;
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
        let body = self.body()?;
        context.client().await?.send_input(&self.agent, &body).await?;
        if self.json.json {
            context.json(&Sent { agent: &self.agent, input: &body })?;
        }
        Ok(Code::Ok)
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
