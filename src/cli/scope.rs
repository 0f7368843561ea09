//! The flags that say what agents may touch; the same for a swarm and for one agent.

use super::{context::Context, failure::Failure, format::one_line};
use crate::model::{Host, Net, Scope, SwarmSpec};
use clap::Args;
use std::{net::IpAddr, path::Path};

#[derive(Clone, Debug, Default, Args)]
pub struct ScopeArgs {
    /// May be written; without it the current directory (with --worktree the agent's tree)
    #[arg(long, value_name = "DIR", help_heading = "Scope")]
    pub scope: Vec<String>,
    /// May be read beside that and the system's own files
    #[arg(long, value_name = "DIR", help_heading = "Scope")]
    pub read: Vec<String>,
    /// May be reached beside the gateway: example.com, *.example.com:443, or any. Addresses of
    /// loopback, private networks and cloud metadata only where named as such (10.0.0.7), also
    /// when a name leads to them. `any` shares this machine's own network with the agents:
    /// nothing of it is held back or put on record
    #[arg(long, value_name = "HOST", value_delimiter = ',', help_heading = "Scope")]
    pub net: Vec<String>,
    /// Needs no asking any more: a command's first words, such as "git push"
    #[arg(long, value_name = "CMD", help_heading = "Scope")]
    pub allow: Vec<String>,
    /// The only programs that may be executed, beside the first words of --allow; held by the
    /// kernel, though an interpreter among them runs any text, and the system's loader
    /// (ld-linux) any program that the agent wrote itself: what such code does only the rest
    /// of the scope bounds
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
    /// When a word is empty; when only some programs may be executed, and none is named.
    pub fn apply(&self, spec: &mut SwarmSpec) -> Result<(), Failure> {
        let lists = [
            (&self.scope, &mut spec.scope),
            (&self.read, &mut spec.read),
            (&self.net, &mut spec.net),
            (&self.allow, &mut spec.allow),
        ];
        for (said, field) in lists {
            if !said.is_empty() {
                field.clone_from(said);
            }
        }
        spec.no_sandbox |= self.no_sandbox;
        if let Some(said) = &self.allow_only {
            spec.allow_only = Some(said.clone());
        }
        let fields = [
            ("--scope", &spec.scope),
            ("--read", &spec.read),
            ("--net", &spec.net),
            ("--allow", &spec.allow),
        ];
        let empty = |words: &&Vec<String>| words.iter().any(|word| word.trim().is_empty());
        if let Some((flag, _)) = fields.into_iter().find(|(_, words)| empty(words)) {
            // Of an unset variable, most likely; taken for nothing it would be taken for all.
            return Err(Failure::usage(format!("{flag} is given an empty word"))
                .hinted(format!("leave {flag} out, or say what is meant")));
        }
        let blank = |names: &[String]| names.iter().all(|name| name.trim().is_empty());
        match &spec.allow_only {
            Some(names) if blank(names) && blank(&spec.allow) => {
                Err(Failure::usage("--allow-only names no program, so nothing could run")
                    .hinted("--allow-only git,python3, or --allow \"git commit\" beside it"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// What is worth a word about a scope that was granted, though it is nothing to refuse.
pub fn warn(granted: Option<&Scope>, context: &mut Context<'_>) {
    let Some(scope) = granted.filter(|scope| scope.is_strict()) else { return };
    let home = std::env::var_os("HOME").and_then(|home| std::fs::canonicalize(home).ok());
    warnings(scope, home.as_deref()).into_iter().for_each(|words| context.note(words));
}

/// As [`warn`], from the wishes alone: what comes of them the core says later.
pub fn warn_of(spec: &SwarmSpec, context: &mut Context<'_>) {
    if spec.no_sandbox {
        return;
    }
    let real = |path: &Path| std::fs::canonicalize(spec.cwd.join(path)).ok();
    let named = spec.scope.iter().filter_map(|path| real(Path::new(path)));
    let own = real(&spec.cwd).filter(|_| spec.scope.is_empty() && !spec.worktree);
    let hosts = spec.net.iter().filter_map(|host| Host::parse(host).ok()).collect();
    let net = Net::Hosts(hosts);
    warn(Some(&Scope { write: named.chain(own).collect(), net, ..Scope::default() }), context);
}

fn warnings(scope: &Scope, home: Option<&Path>) -> Vec<String> {
    let mut found = Vec::new();
    let home = home.filter(|home| scope.write.iter().any(|root| home.starts_with(root)));
    if let Some(home) = home {
        found.push(format!(
            "warning: the scope is your home directory, {}, or holds it: all your projects and \
             documents may be changed. Held back: start-up files and settings are read-only; \
             keys, tokens, histories and other programs' sessions (.ssh, .aws, .netrc …) are \
             hidden. --scope DIR names less",
            home.display()
        ));
    }
    let others = scope.write.iter().filter(|root| is_others(root));
    found.extend(others.map(|root| {
        format!(
            "warning: the scope is {}, where the system or other programs keep their own: \
             others than you obey what is written there. --scope DIR names less",
            root.display()
        )
    }));
    let metadata = [IpAddr::from([169, 254, 169, 254]), IpAddr::from([168, 63, 129, 16])];
    let named = |address: &&IpAddr| scope.net.names_at_all(**address);
    if let Some(address) = metadata.iter().find(named) {
        found.push(format!(
            "warning: --net {address} is where a cloud machine hands out its credentials: the \
             agents get them"
        ));
    }
    found
}

/// Where programs and settings lie that all of a machine runs and obeys.
const SYSTEMS: &[&str] = &["/etc", "/boot", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr"];
/// Among them what is there to be worked on.
const SOURCES: &[&str] = &["/usr/src", "/usr/local/src"];
/// Where many programs and people keep theirs; what lies below may be one's own.
const SHARED: &[&str] =
    &["/home", "/media", "/mnt", "/opt", "/root", "/run", "/tmp", "/var", "/Users"];

fn is_others(root: &Path) -> bool {
    let below = |dirs: &[&str]| dirs.iter().any(|dir| root.starts_with(dir));
    below(SYSTEMS) && !below(SOURCES) || SHARED.iter().any(|dir| root == Path::new(dir))
}

/// A scope as a dry run prints it; the tree of a worktree has no name yet.
pub fn shown(granted: Option<&Scope>, worktree: bool) -> String {
    match granted {
        Some(scope) if scope.is_strict() && scope.write.is_empty() && worktree => {
            one_line(&format!("{scope}; write the agent's own worktree"))
        }
        Some(scope) if !scope.is_strict() => "none (--no-sandbox)".to_owned(),
        Some(scope) => one_line(&scope.to_string()),
        None => "its swarm's".to_owned(),
    }
}

/// What was asked for and not granted, beside the answer.
pub fn tell_narrowed(narrowed: &[String], context: &mut Context<'_>) {
    for wish in narrowed {
        context.note(format!("not granted: {}", one_line(wish)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wide_is_warned_of() {
        let home = Some(Path::new("/home/u"));
        let of = |write: &str| Scope { write: vec![write.into()], ..Scope::default() };
        for (write, warned) in
            [("/home/u", true), ("/home", true), ("/home/u/work", false), ("/srv", false)]
        {
            assert_eq!(!warnings(&of(write), home).is_empty(), warned, "{write}");
        }
        for (write, warned) in [
            ("/etc", true),
            ("/etc/nginx", true),
            ("/usr/bin", true),
            ("/usr", true),
            ("/var", true),
            ("/tmp", true),
            ("/usr/local/src/x", false),
            ("/var/www/site", false),
            ("/opt/site", false),
            ("/etcetera", false),
        ] {
            let said = warnings(&of(write), home);
            assert_eq!(said.iter().any(|words| words.contains("the system")), warned, "{write}");
        }
        let hosts = [Host::parse("169.254.169.254:80").unwrap()].into();
        let net = Scope { net: Net::Hosts(hosts), ..of("/srv") };
        assert!(warnings(&net, home)[0].contains("credentials"));
    }
}
