//! `dash completions SHELL`, and the manual page.

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

pub fn man(context: &mut Context<'_>) -> Done {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    context.out.write_all(&page)?;
    Ok(Code::Ok)
}
