//! What a command may touch: its two outputs, its terminal, the core. A test fills one in
//! with buffers and a socket of its own.

use super::{
    args::socket_path,
    failure::{Code, Failure},
};
use crate::{
    client::{Client, Target, in_agent},
    config::Instance,
    model::Actor,
};
use anstyle::Style;
use serde::Serialize;
use std::{
    fmt::Display,
    io::{IsTerminal, Write},
    path::PathBuf,
};

/// What is known about the terminal behind the outputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// Colours on standard output: a terminal that has some, and no `NO_COLOR`.
    pub color: bool,
    /// Columns of standard output; none where it is no terminal.
    pub width: Option<u16>,
}

pub struct Context<'a> {
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
    pub term: Terminal,
    /// `-S PATH`, else `$DASH_SOCKET`.
    pub socket: Option<PathBuf>,
    /// Overrides the target that the socket stands for.
    pub target: Option<Target>,
}

impl Terminal {
    pub fn real() -> Self {
        let stdout = std::io::stdout();
        let choice = anstream::AutoStream::choice(&stdout);
        Self {
            stdin: std::io::stdin().is_terminal(),
            stdout: stdout.is_terminal(),
            stderr: std::io::stderr().is_terminal(),
            color: choice != anstream::ColorChoice::Never,
            width: if stdout.is_terminal() {
                rustix::termios::tcgetwinsize(&stdout).ok().map(|size| size.ws_col)
            } else {
                None
            }
            .filter(|&columns| columns > 0),
        }
    }
}

impl Context<'_> {
    pub fn target(&self) -> Result<Target, Failure> {
        if let Some(target) = &self.target {
            return Ok(target.clone());
        }
        let socket = match &self.socket {
            Some(socket) => {
                // $DASH_SOCKET came past the arguments' own check.
                if let Some(Err(why)) = socket.to_str().map(socket_path) {
                    return Err(Failure::usage(why));
                }
                socket.clone()
            }
            None => Instance::default_socket()?,
        };
        let target = Target::new(Instance::at(&socket)?);
        if let Some(Err(why)) = target.actor.as_deref().map(Actor::check_name) {
            return Err(Failure::usage(format!("$DASH_ACTOR {why}")));
        }
        Ok(target)
    }

    /// A client of a core, which is started if none runs.
    pub async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::connect(&self.target()?).await?)
    }

    /// A client of a core that runs, for what would make no sense of a new one; exit code 7
    /// without one.
    pub async fn running(&self) -> Result<Client, Failure> {
        let target = self.target()?.never_start();
        Client::connect(&target).await.map_err(|error| {
            let mut failure = Failure::from(error);
            if failure.code == Code::NoCore {
                failure.hint = Some("`dash` or `dash swarm create` starts one".to_owned());
            }
            failure
        })
    }

    /// For what is nothing but a core of its own.
    ///
    /// # Errors
    /// Inside an agent: a core there would escape the one that watches it.
    pub fn may_run_a_core(&self) -> Result<(), Failure> {
        if !in_agent() {
            return Ok(());
        }
        Err(Failure::new(Code::NoCore, "inside an agent no core is started ($DASH_AGENT is set)")
            .hinted("the core outside is the one to talk to, at $DASH_SOCKET"))
    }

    /// One JSON document and a newline, alone on standard output.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer_pretty(&mut *self.out, value)?;
        writeln!(self.out)?;
        Ok(self.out.flush()?)
    }

    /// One line of a stream of JSON, flushed, so that a reader gets it now.
    pub fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut *self.out, value)?;
        writeln!(self.out)?;
        Ok(self.out.flush()?)
    }

    pub fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// For people, beside the output. A terminal that is gone is no reason to fail.
    pub fn note(&mut self, text: impl Display) {
        let _ = writeln!(self.err, "{text}");
    }

    pub fn paint(&self, style: Style, text: impl Display) -> String {
        paint(self.term.color, style, text)
    }
}

pub fn paint(color: bool, style: Style, text: impl Display) -> String {
    if color { format!("{style}{text}{style:#}") } else { text.to_string() }
}
