//! From what a request wishes of a scope to what is granted: paths made absolute and free
//! of links, hosts read, and all of it held against what this machine can enforce. What
//! cannot be enforced is refused here, before anything runs.

use super::world::World;
use crate::{
    config::HolderChoice,
    model::{Holder, Host, Net, Refusal, RefusalCode, Scope, SwarmSpec, outermost},
    sandbox::{Abilities, Found, cgroup, is_obeyed},
};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

/// The wishes as a request has them.
pub struct Wishes<'a> {
    pub scope: &'a [String],
    pub read: &'a [String],
    pub net: &'a [String],
    pub allow: &'a [String],
    pub allow_only: Option<&'a [String]>,
    pub no_sandbox: bool,
    pub cwd: &'a Path,
    /// The agents get trees of their own instead of `cwd`.
    pub worktree: bool,
}

impl<'a> Wishes<'a> {
    pub fn of_swarm(spec: &'a SwarmSpec) -> Self {
        Self {
            scope: &spec.scope,
            read: &spec.read,
            net: &spec.net,
            allow: &spec.allow,
            allow_only: spec.allow_only.as_deref(),
            no_sandbox: spec.no_sandbox,
            cwd: &spec.cwd,
            worktree: spec.worktree,
        }
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::Invalid, message)
}

fn not_enforced(message: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::NotEnforced, message)
}

impl World {
    /// What this machine can do, tried out once.
    pub fn abilities(&self) -> &Abilities {
        self.abilities.get_or_init(|| {
            let path = self.environment.iter().find(|(name, _)| name == "PATH");
            Abilities::probe(OsStr::new(path.map_or("/usr/bin:/bin", |(_, path)| path)))
        })
    }

    /// What holds a strict scope here; else why nothing does.
    pub fn holder(&self) -> Result<Holder, String> {
        let abilities = self.abilities();
        match self.config.sandbox.holder {
            HolderChoice::Bubblewrap => abilities.bubblewrap.clone(),
            HolderChoice::Landlock => abilities.landlock_alone(),
            HolderChoice::Auto if abilities.seatbelt => Ok(Holder::Seatbelt),
            HolderChoice::Auto => abilities.bubblewrap.clone().or_else(|no_bubblewrap| {
                let landlock = abilities.landlock_alone();
                landlock.map_err(|no_landlock| format!("{no_bubblewrap}, and {no_landlock}"))
            }),
        }
    }
}

/// What is granted to whoever wishes this and has nobody above. Looks at the disk, and the
/// first time at the machine: not for an async task.
///
/// # Errors
/// When a wish makes no sense, or cannot be enforced here.
pub fn resolve(world: &World, wishes: &Wishes<'_>) -> Result<Scope, Refusal> {
    if wishes.allow.iter().any(|words| words.trim().is_empty()) {
        return Err(invalid("allow: an empty command").hinted("such as \"git push\""));
    }
    if wishes.no_sandbox {
        let others = [
            ("scope", !wishes.scope.is_empty()),
            ("read", !wishes.read.is_empty()),
            ("net", !wishes.net.is_empty()),
            ("allow_only", wishes.allow_only.is_some()),
        ];
        return match others.iter().find(|(_, said)| *said) {
            Some((field, _)) => Err(invalid(format!("{field} says nothing without a sandbox"))
                .hinted("leave out one of the two")),
            None => Ok(Scope { allow: allow(wishes.allow), ..Scope::none() }),
        };
    }
    let write = match (wishes.scope, wishes.worktree) {
        ([], false) => vec![real(world, "scope", wishes.cwd, wishes.cwd)?],
        ([], true) => Vec::new(),
        (dirs, _) => reals(world, "scope", wishes.cwd, dirs)?,
    };
    let mut read = reals(world, "read", wishes.cwd, wishes.read)?;
    if !wishes.worktree {
        // Whoever works in a directory can look at it.
        read.push(real(world, "cwd", wishes.cwd, wishes.cwd)?);
    }
    let write = with_named(write);
    let mut read = outermost(read);
    read.retain(|path| !write.iter().any(|root| path.starts_with(root)));
    let scope = Scope {
        write,
        read,
        net: net(wishes.net)?,
        allow: allow(wishes.allow),
        only: only(wishes),
        ..Scope::default()
    };
    enforceable(world, &scope)?;
    if wishes.worktree && world.holder() == Ok(Holder::Landlock) {
        return Err(not_enforced(
            "without namespaces an agent's clone cannot be kept from changing its own git \
             settings and hooks",
        )
        .hinted("leave out --worktree, or install bubblewrap"));
    }
    Ok(scope)
}

/// Without those that lie in another, but for what stays held back in it unless it is named.
fn with_named(write: Vec<PathBuf>) -> Vec<PathBuf> {
    let named = |path: &&PathBuf| {
        is_obeyed(path) || path.iter().any(|part| part == ".git") || is_socket(path)
    };
    let named: Vec<PathBuf> = write.iter().filter(named).cloned().collect();
    let mut kept = outermost(write);
    kept.extend(named);
    kept.sort();
    kept.dedup();
    kept
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket())
}

/// The programs that are named, and those of the commands that need no asking.
fn only(wishes: &Wishes<'_>) -> Option<BTreeSet<String>> {
    let named = wishes.allow_only?.iter().cloned();
    let allowed = allow(wishes.allow).into_iter().filter_map(|words| words.into_iter().next());
    Some(named.chain(allowed).collect())
}

/// Refuses what nothing here can hold.
pub fn enforceable(world: &World, scope: &Scope) -> Result<(), Refusal> {
    if !scope.is_strict() {
        return Ok(());
    }
    let holder = world.holder().map_err(|why| {
        not_enforced(format!("a scope cannot be enforced here: {why}")).hinted(
            "install bubblewrap (`dash doctor` says more), or say --no-sandbox to run with no \
             scope at all",
        )
    })?;
    if scope.only.is_some() && world.abilities().landlock == 0 {
        return Err(not_enforced("allow_only: this kernel has no Landlock, which holds it"));
    }
    match holder {
        Holder::Bubblewrap { .. } | Holder::Seatbelt => Ok(()),
        Holder::Landlock => landlock_holds(world, scope),
    }
}

fn landlock_holds(world: &World, scope: &Scope) -> Result<(), Refusal> {
    if scope.net != Net::Any {
        let why = match &world.abilities().bubblewrap {
            Err(why) => why.clone(),
            Ok(_) => "the configuration says `sandbox.holder = \"landlock\"`".to_owned(),
        };
        return Err(not_enforced(format!(
            "without namespaces the network cannot be limited, since ports are not addresses: {why}"
        ))
        .hinted("--net any leaves it open; with bubblewrap it can be closed"));
    }
    let roots: Vec<PathBuf> = scope.write.iter().chain(&scope.read).cloned().collect();
    let found = look(world, scope)?;
    let inside = found.into_iter().chain(hidden(world, &roots)).next();
    match inside {
        None => Ok(()),
        Some(path) => Err(not_enforced(format!(
            "without namespaces {} cannot be kept from agents that may touch what is around it",
            path.display()
        ))
        .hinted("name narrower directories with --scope and --read, or install bubblewrap")),
    }
}

/// What lies in the scope and is protected all the same.
fn look(_: &World, scope: &Scope) -> Result<Vec<PathBuf>, Refusal> {
    let found = Found::look(&scope.write).map_err(|error| {
        not_enforced(format!("the scope is too large to be looked through: {error}"))
            .hinted("name narrower directories with --scope")
    })?;
    Ok(protected_of(&found, scope))
}

/// What is to be held, unless the scope names it or something in it.
pub fn protected_of(found: &Found, scope: &Scope) -> Vec<PathBuf> {
    not_granted(found.held(), scope)
}

/// Of `paths` those that the scope does not name, and nothing in them.
pub fn not_granted<'a>(paths: impl Iterator<Item = &'a PathBuf>, scope: &Scope) -> Vec<PathBuf> {
    let granted = |path: &&PathBuf| scope.write.iter().any(|root| root.starts_with(path));
    paths.filter(|path| !granted(path)).cloned().collect()
}

/// Of the user's secrets and Dash's own files those that lie in `roots` without being named.
pub fn hidden(world: &World, roots: &[PathBuf]) -> Vec<PathBuf> {
    let home = world.environment.iter().find(|(name, _)| name == "HOME").map(|(_, home)| home);
    let home = home.and_then(|home| std::fs::canonicalize(home).ok());
    let secrets = home.iter().flat_map(|home| SECRETS.iter().map(|name| home.join(name)));
    let within = |path: &PathBuf| {
        roots.iter().any(|root| path.starts_with(root)) && !roots.iter().any(|root| root == path)
    };
    let named = |path: &PathBuf| roots.iter().any(|root| root.starts_with(path));
    secrets
        .filter(|path| within(path) && !named(path))
        .chain(own(world).into_iter().filter(within))
        .filter(|path| std::fs::symlink_metadata(path).is_ok())
        .collect()
}

/// True if what `real` is, or holds, is nobody's to see: keys, other programs' sessions, Dash's
/// own, the home as a whole. `path` is how the user named it; what that names itself is meant.
pub fn is_secret(world: &World, path: &Path, real: &Path) -> bool {
    let named = world.environment.iter().find(|(name, _)| name == "HOME").map(|(_, home)| home);
    let home = named.and_then(|home| std::fs::canonicalize(home).ok()).unwrap_or_default();
    let below = named.and_then(|named| path.strip_prefix(named).ok());
    let meant = below.map_or_else(|| path.to_owned(), |below| home.join(below));
    let secrets = SECRETS.iter().map(|name| home.join(name));
    let all = secrets.chain(own(world)).chain(KERNELS.iter().map(PathBuf::from));
    let overlaps = |secret: &PathBuf| real.starts_with(secret) || secret.starts_with(real);
    home.starts_with(real) || all.filter(overlaps).any(|secret| !meant.starts_with(&secret))
}

/// No files that lie somewhere: settings of the kernel, devices.
const KERNELS: &[&str] = &["/proc", "/sys", "/dev"];

/// Dash's own: state and sockets of all instances, configuration.
pub(super) fn own(world: &World) -> Vec<PathBuf> {
    let instance = &world.instance;
    let states = instance.state.parent().unwrap_or(&instance.state).to_owned();
    let mut own = vec![states, instance.run.clone()];
    // Where control groups are, an agent could leave its own.
    own.extend(cgroup::mount());
    own.extend([&instance.socket, &instance.lock, &instance.start_lock].map(PathBuf::clone));
    own.extend(world.adapters.as_deref().and_then(Path::parent).map(Path::to_owned));
    own.into_iter().filter_map(|path| std::fs::canonicalize(path).ok()).collect()
}

/// Under the user's home: keys, tokens, other programs' sessions, what was typed.
const SECRETS: &[&str] = &[
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".docker",
    ".kube",
    ".netrc",
    ".git-credentials",
    ".config/gh",
    ".config/hub",
    ".config/git/credentials",
    ".config/gcloud",
    ".config/op",
    ".config/google-chrome",
    ".config/chromium",
    ".config/opencode",
    ".config/dash",
    ".mozilla",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".terraform.d",
    ".vault-token",
    ".databrickscfg",
    ".boto",
    ".s3cfg",
    ".my.cnf",
    ".pgpass",
    ".password-store",
    ".local/share/keyrings",
    ".local/share/opencode",
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
    ".qwen",
    ".openclaw",
    ".pi",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".node_repl_history",
    ".psql_history",
    ".mysql_history",
    ".sqlite_history",
    ".lesshst",
    ".viminfo",
];

fn reals(
    world: &World,
    field: &str,
    cwd: &Path,
    paths: &[String],
) -> Result<Vec<PathBuf>, Refusal> {
    paths.iter().map(|path| real(world, field, cwd, Path::new(path))).collect()
}

/// The path without links.
fn real(world: &World, field: &str, cwd: &Path, path: &Path) -> Result<PathBuf, Refusal> {
    if path.as_os_str().is_empty() {
        return Err(invalid(format!("{field}: an empty path")));
    }
    let shown = path.display();
    let real = std::fs::canonicalize(cwd.join(path))
        .map_err(|error| invalid(format!("{field} {shown}: {error}")))?;
    if real.parent().is_none() {
        return Err(invalid(format!("{field} {shown}: the whole file system is no scope"))
            .hinted("name directories, or say --no-sandbox"));
    }
    if field == "scope" && KERNELS.iter().any(|dir| real.starts_with(dir)) {
        let why = format!("{field} {shown}: there is the machine itself, and no work");
        return Err(invalid(why).hinted("name the directory that is worked on"));
    }
    // What lies below is another matter: a worktree, for one, is named by the core.
    if own(world).iter().any(|own| real.starts_with(own)) {
        return Err(invalid(format!("{field} {shown}: that is Dash's own")));
    }
    let runtime = world.environment.iter().find(|(name, _)| name == "XDG_RUNTIME_DIR");
    let runtime = runtime.and_then(|(_, dir)| std::fs::canonicalize(dir).ok());
    if field == "scope" && runtime.is_some_and(|dir| real == dir || real == dir.join("dash")) {
        let why = format!("{field} {shown}: there Dash's own sockets are, and those of others");
        return Err(invalid(why).hinted("name the directory that is worked on"));
    }
    // Hidden in it, it would still be where every program's state is: that is no work.
    let states = world.instance.state.parent().and_then(Path::parent);
    if states.and_then(|states| std::fs::canonicalize(states).ok()).as_ref() == Some(&real) {
        let why = format!("{field} {shown}: there Dash keeps its own state, and others theirs");
        return Err(invalid(why).hinted("name the directory that is worked on"));
    }
    Ok(real)
}

fn net(words: &[String]) -> Result<Net, Refusal> {
    let mut hosts = BTreeSet::new();
    for word in words {
        match word.as_str() {
            "any" if words.len() == 1 => return Ok(Net::Any),
            "none" if words.len() == 1 => return Ok(Net::None),
            "any" | "none" => {
                return Err(invalid(format!("net: {word:?} stands alone, or hosts are named")));
            }
            host => {
                hosts.insert(named(host)?);
            }
        }
    }
    Ok(if hosts.is_empty() { Net::None } else { Net::Hosts(hosts) })
}

/// A host as people mean it: what could only mean something else is said to be wrong.
fn named(word: &str) -> Result<Host, Refusal> {
    if let Some((_, rest)) = word.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let host = host.rsplit('@').next().unwrap_or(host);
        return Err(invalid(format!("net: {word:?} is a URL, and a host is meant"))
            .hinted(format!("try --net {host}")));
    }
    let bare = word.split(':').next().unwrap_or(word);
    if matches!(bare, "any" | "none") {
        return Err(invalid(format!("net: {bare:?} takes no port: it is about every host"))
            .hinted("name hosts, such as example.com:443"));
    }
    let host = Host::parse(word).map_err(|why| invalid(format!("net: {why}")))?;
    if let Some(below) = bare.strip_prefix("*.")
        && !below.trim_end_matches('.').contains('.')
    {
        return Err(invalid(format!(
            "net: {word:?} is everybody's: a wildcard stands before two labels at least"
        ))
        .hinted(format!("name hosts, or *.example.{below}; --net any is the open network")));
    }
    let last = bare.trim_end_matches('.').rsplit('.').next().unwrap_or(bare);
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if number && !word.contains('[') && word.matches(':').count() < 2 {
        let plain = bare.parse::<std::net::Ipv4Addr>().is_ok();
        if !plain {
            return Err(invalid(format!("net: {word:?} is no address as everybody reads it"))
                .hinted("write four numbers, such as 192.0.2.1"));
        }
    }
    Ok(host)
}

fn allow(lines: &[String]) -> Vec<Vec<String>> {
    let words = |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: BTreeSet<_> = lines.iter().map(words).filter(|words| !words.is_empty()).collect();
    lines.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert_eq!(net(&words(&[])).unwrap(), Net::None);
        assert_eq!(net(&words(&["any"])).unwrap(), Net::Any);
        assert!(net(&words(&["a.com", "any"])).is_err());
        for (word, says, hint) in [
            ("any:80", "takes no port", "example.com:443"),
            ("none:1", "takes no port", "example.com"),
            ("*.com", "two labels", "*.example.com"),
            ("*.com.:443", "two labels", "*.example.com"),
            ("http://u@a.com:80/b?c", "a host is meant", "--net a.com:80"),
            ("2852039166", "no address", "192.0.2.1"),
            ("0xa9fea9fe:80", "no address", "192.0.2.1"),
            ("169.254.43518", "no address", "192.0.2.1"),
        ] {
            let refused = net(&words(&[word])).unwrap_err();
            assert!(refused.message.contains(says), "{word}: {}", refused.message);
            assert!(refused.hint.as_ref().unwrap().contains(hint), "{word}: {refused:?}");
        }
        for word in ["*.a.com", "*.co.uk:443", "169.254.169.254", "[::1]:80", "::1", "localhost"] {
            assert!(net(&words(&[word])).is_ok(), "{word}");
        }
        assert!(net(&words(&["a.com"])).unwrap().admits("a.com", 443));
    }

    #[test]
    fn allowed_lines_are_words() {
        let lines = ["git  push".to_owned(), " ".to_owned(), "git push".to_owned()];
        assert_eq!(allow(&lines), [["git", "push"]]);
    }
}
