//! What is typed after `:`, as a value.

mod complete;
mod create;

pub use complete::{Slot, slot};
pub use create::{FLAGS, shares};

use super::{
    actions::Action,
    field::{self, Chosen},
    nearest::nearest,
};
use crate::model::SwarmSpec;
use crate::store::Column;

/// A command. Names are resolved by whoever runs it.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Action(Action),
    Focus(String),
    /// By name; or all that a filter such as `state:failed` shows.
    Stop(Vec<String>),
    Retry {
        agent: String,
        model: Option<String>,
    },
    StopSwarm(String),
    /// As for [`Self::Stop`]; `on`: they are paused, else they go on.
    Pause {
        names: Vec<String>,
        on: bool,
    },
    PauseSwarm {
        name: String,
        on: bool,
    },
    RemoveSwarm(String),
    /// A new swarm; where it works is up to whoever runs this.
    CreateSwarm(Box<SwarmSpec>),
    /// Show only this swarm; none shows all.
    OnlySwarm(Option<String>),
    Theme(String),
    Keymap(String),
    Filter(String),
    Sort(Column),
    /// None: as Dash chooses.
    Columns(Vec<Chosen>),
    /// To the chosen agents.
    Send(String),
}

/// Commands with words after them: how they begin, and what they do.
pub const OPEN: [(&str, &str); 17] = [
    ("focus", "NAME: open an agent's terminal"),
    ("stop", "NAME… or state:failed …: stop agents"),
    ("retry", "NAME [MODEL]: try an agent's last item again"),
    ("pause", "NAME…: hold agents and their calls"),
    ("resume", "NAME…: let paused agents go on"),
    ("swarm create", "[-n N] [--agent KIND] … TASK: a new swarm, here"),
    ("swarm show", "NAME: show only this swarm"),
    ("swarm stop", "NAME: stop a swarm"),
    ("swarm pause", "NAME: hold a swarm with all its agents"),
    ("swarm resume", "NAME: let a paused swarm go on"),
    ("swarm rm", "NAME: forget a finished swarm"),
    ("theme", "NAME: switch the theme"),
    ("keymap", "NAME: other keys, until Dash is left"),
    ("filter", "WORDS: show only what fits (state: swarm: model: cost> tokens>)"),
    ("sort", "COLUMN: need, state, agent, tokens, cost, age …"),
    ("columns", "COLUMN[:WIDTH]… or auto: what the grid shows"),
    ("send", "TEXT: type it to the chosen agents, and Enter"),
];

impl Command {
    /// What it will do, for one who is about to press Enter.
    pub fn meaning(&self) -> String {
        match self {
            Self::Action(action) => action.doc().to_owned(),
            Self::Focus(name) => format!("open the terminal of {name}"),
            Self::Stop(names) => format!("stop {}", names.join(" ")),
            Self::Retry { agent, model: None } => format!("try the last item of {agent} again"),
            Self::Retry { agent, model: Some(model) } => {
                format!("try the last item of {agent} again, with {model}")
            }
            Self::StopSwarm(name) => format!("stop the swarm {name}"),
            Self::Pause { names, on: true } => format!("hold {}", names.join(" ")),
            Self::Pause { names, on: false } => format!("let {} go on", names.join(" ")),
            Self::PauseSwarm { name, on: true } => format!("hold the swarm {name}"),
            Self::PauseSwarm { name, on: false } => format!("let the swarm {name} go on"),
            Self::RemoveSwarm(name) => format!("forget the swarm {name}"),
            Self::CreateSwarm(spec) => {
                let kinds: Vec<&str> = spec.adapters.iter().map(|s| s.adapter.as_str()).collect();
                let of = if kinds.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", kinds.join(", "))
                };
                let plural = if spec.agents == 1 { "" } else { "s" };
                format!("a new swarm, {} agent{plural}{of}: {}", spec.agents, spec.task)
            }
            Self::OnlySwarm(Some(name)) => format!("show only the swarm {name}"),
            Self::OnlySwarm(None) => "show all swarms".to_owned(),
            Self::Theme(name) => format!("switch to the theme {name}"),
            Self::Keymap(name) => format!("take the keys of {name}"),
            Self::Filter(text) => format!("show only what fits {text}"),
            Self::Sort(column) => format!("sort by {}", column.word()),
            Self::Columns(chosen) if chosen.is_empty() => "the columns that Dash chooses".into(),
            Self::Columns(chosen) => format!("show {} columns, in this order", chosen.len()),
            Self::Send(text) => format!("type it to the chosen agents: {text}"),
        }
    }
}

/// Reads a command; an error says what would be right.
pub fn parse(line: &str) -> Result<Command, String> {
    let line = line.trim().trim_start_matches(':').trim();
    let mut words = line.split_whitespace();
    let first = words.next().ok_or("nothing was typed")?;
    let rest = line[first.len()..].trim();
    let one = |what: &str| match rest.split_whitespace().collect::<Vec<_>>()[..] {
        [word] => Ok(word.to_owned()),
        _ => Err(format!(":{first} takes {what}")),
    };
    let bare = rest.is_empty();
    match first {
        "q" | "q!" | "qa" | "qa!" | "quit!" | "wq" | "wqa" | "exit" if bare => {
            Ok(Command::Action(Action::Quit))
        }
        "focus" | "attach" if !bare => Ok(Command::Focus(one("one agent")?)),
        "stop" if !bare => Ok(Command::Stop(rest.split_whitespace().map(str::to_owned).collect())),
        "pause" | "resume" if !bare => {
            let names = rest.split_whitespace().map(str::to_owned).collect();
            Ok(Command::Pause { names, on: first == "pause" })
        }
        "retry" if !bare => match rest.split_whitespace().collect::<Vec<_>>()[..] {
            [agent] => Ok(Command::Retry { agent: agent.to_owned(), model: None }),
            [agent, model] => {
                Ok(Command::Retry { agent: agent.to_owned(), model: Some(model.to_owned()) })
            }
            _ => Err(":retry takes an agent, and a model if another one shall try".to_owned()),
        },
        "theme" => Ok(Command::Theme(one("the name of a theme")?)),
        "keymap" => Ok(Command::Keymap(one("the name of a keymap")?)),
        "filter" if !bare => Ok(Command::Filter(rest.to_owned())),
        "sort" if !bare => {
            let words: Vec<&str> = Column::ALL.iter().map(|column| column.word()).collect();
            let at = words.iter().position(|word| *word == rest);
            at.map(|at| Command::Sort(Column::ALL[at]))
                .ok_or_else(|| format!("no column is called {rest:?}: {}", words.join(", ")))
        }
        "columns" if !bare => {
            let words = if rest == "auto" { "" } else { rest };
            field::parse(words.split_whitespace()).map(Command::Columns)
        }
        "send" if !bare => Ok(Command::Send(rest.to_owned())),
        "swarm" => swarm(rest),
        name => match Action::named(name) {
            Some(action) if bare => Ok(Command::Action(action)),
            Some(_) => Err(format!(":{name} takes no more words")),
            None => {
                let near = nearest(name, Action::NAMES);
                let hint = near.map(|near| format!("; nearest: {near}")).unwrap_or_default();
                Err(format!("no command is called {name:?}{hint}"))
            }
        },
    }
}

fn swarm(rest: &str) -> Result<Command, String> {
    let (verb, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    let named = |make: fn(String) -> Command| match rest.split_whitespace().collect::<Vec<_>>()[..]
    {
        [name] => Ok(make(name.to_owned())),
        _ => Err(format!(":swarm {verb} takes the name of a swarm")),
    };
    match verb {
        "create" => create::create(rest).map(|spec| Command::CreateSwarm(Box::new(spec))),
        "show" if rest.is_empty() => Ok(Command::OnlySwarm(None)),
        "show" => named(|name| Command::OnlySwarm(Some(name))),
        "stop" => named(Command::StopSwarm),
        "pause" => named(|name| Command::PauseSwarm { name, on: true }),
        "resume" => named(|name| Command::PauseSwarm { name, on: false }),
        "rm" | "remove" => named(Command::RemoveSwarm),
        _ => Err(":swarm create TASK, :swarm show|stop|pause|resume|rm NAME".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_commands() {
        let stop = Command::Stop(vec!["ag-03".into(), "ag-04".into()]);
        assert_eq!(parse(":stop ag-03 ag-04"), Ok(stop));
        assert_eq!(parse("stop"), Ok(Command::Action(Action::Stop)));
        for leave in [":q", ":wq", ":q!", ":qa", ":quit"] {
            assert_eq!(parse(leave), Ok(Command::Action(Action::Quit)), "{leave}");
        }
        assert_eq!(parse("sort cost"), Ok(Command::Sort(Column::Cost)));
        assert_eq!(parse("swarm stop auth"), Ok(Command::StopSwarm("auth".into())));
        let spec = SwarmSpec { agents: 5, task: "fix it".into(), ..SwarmSpec::default() };
        let create = Command::CreateSwarm(Box::new(spec));
        assert_eq!(parse("swarm create -n 5 \"fix it\""), Ok(create));
        assert_eq!(parse("filter state:failed x"), Ok(Command::Filter("state:failed x".into())));
        assert_eq!(parse("send go on, please"), Ok(Command::Send("go on, please".into())));
        assert_eq!(parse("columns auto"), Ok(Command::Columns(Vec::new())));
        assert!(
            matches!(parse("columns state agent:9"), Ok(Command::Columns(list)) if list.len() == 2)
        );
        assert!(parse("columns sate").unwrap_err().contains("nearest: state"));
        assert!(parse("quti").unwrap_err().contains("nearest: quit"));
        for wrong in
            ["", "theme", "swarm", "swarm create", "swarm create -n x y", "sort colour", "help me"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
