//! The flags that say what agents may touch; the same for a swarm and for one agent.

use super::failure::Failure;
use clap::Args;

#[derive(Clone, Debug, Default, Args)]
pub struct ScopeArgs {
    /// May be written; without it the current directory (with --worktree the agent's tree)
    #[arg(long, value_name = "DIR", help_heading = "Scope")]
    pub scope: Vec<String>,
    /// May be read beside that and the system's own files
    #[arg(long, value_name = "DIR", help_heading = "Scope")]
    pub read: Vec<String>,
    /// May be reached beside the gateway: example.com, *.example.com:443, or any
    #[arg(long, value_name = "HOST", value_delimiter = ',', help_heading = "Scope")]
    pub net: Vec<String>,
    /// Needs no asking any more: a command's first words, such as "git push"
    #[arg(long, value_name = "CMD", help_heading = "Scope")]
    pub allow: Vec<String>,
    /// The only programs that may be executed, beside the first words of --allow; held by the
    /// kernel, though an interpreter among them runs any text
    #[arg(
        long,
        value_name = "CMD",
        value_delimiter = ',',
        num_args = 0..=1,
        help_heading = "Scope"
    )]
    pub allow_only: Option<Vec<String>>,
    /// No scope at all: agents may do whatever you may
    #[arg(long, help_heading = "Scope")]
    pub no_sandbox: bool,
}

impl ScopeArgs {
    /// Puts what was said over what a file says.
    ///
    /// # Errors
    /// When only some programs may be executed, and none is named.
    pub fn apply(&self, fields: ScopeFields<'_>) -> Result<(), Failure> {
        let lists = [
            (&self.scope, fields.scope),
            (&self.read, fields.read),
            (&self.net, fields.net),
            (&self.allow, &mut *fields.allow),
        ];
        for (said, field) in lists {
            if !said.is_empty() {
                field.clone_from(said);
            }
        }
        *fields.no_sandbox |= self.no_sandbox;
        if let Some(said) = &self.allow_only {
            *fields.allow_only = Some(said.clone());
        }
        let blank = |names: &[String]| names.iter().all(|name| name.trim().is_empty());
        match fields.allow_only {
            Some(names) if blank(names) && blank(fields.allow) => {
                Err(Failure::usage("--allow-only names no program, so nothing could run")
                    .hinted("--allow-only git,python3, or --allow \"git commit\" beside it"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Where the flags go, in either request.
pub struct ScopeFields<'a> {
    pub scope: &'a mut Vec<String>,
    pub read: &'a mut Vec<String>,
    pub net: &'a mut Vec<String>,
    pub allow: &'a mut Vec<String>,
    pub allow_only: &'a mut Option<Vec<String>>,
    pub no_sandbox: &'a mut bool,
}
