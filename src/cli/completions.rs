//! `dash completions SHELL`

use super::{
    args::Cli,
    context::Context,
    failure::{Code, Done},
};
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

#[derive(Debug, Args)]
pub struct Completions {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(self, context: &mut Context<'_>) -> Done {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "dash", &mut script);
        context.out.write_all(&script)?;
        Ok(Code::Ok)
    }
}
