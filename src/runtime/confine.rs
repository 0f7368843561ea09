//! From a scope to how one attempt is held in it: the paths of this launch, and beside the
//! scope what its programs need: toolchains on PATH, the agent's own program, a home.

mod python;
mod tools;

use super::{
    above::Above,
    broker,
    launch::Plan,
    scope::{hidden, protected_of},
    shims,
    worktree::{
        git::{search_path, stores},
        make_below,
    },
    world::World,
};
use crate::{
    model::{Confine, Holder, Net, Scope},
    protocol::keeper::LaunchFile,
    sandbox,
};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
pub use tools::follow;
use tools::{SYSTEM, is_led_away, tools};

/// How `plan`'s attempt is held; none where it runs without a sandbox. `shimmed`: commands
/// that rules speak of are asked about before they run.
///
/// # Errors
/// When the scope cannot be enforced any more.
pub fn confine(
    world: &World,
    plan: &Plan,
    private: &Path,
    program: Option<&Path>,
    path: &str,
    shimmed: bool,
) -> anyhow::Result<Option<Confine>> {
    let scope = &plan.scope;
    if !scope.is_strict() {
        return Ok(None);
    }
    let holder = world.holder().map_err(anyhow::Error::msg)?;
    let writable = plan.writable();
    let mut readable = scope.read.clone();
    if let Some(tree) = &plan.worktree {
        readable.push(tree.path.clone());
        for below in writable.iter().filter_map(|root| root.strip_prefix(&tree.path).ok()) {
            // In the repository it may be there without being committed.
            if std::fs::symlink_metadata(tree.path.join(below)).is_err() {
                make_below(&tree.path, below)?;
            }
        }
    }
    readable.extend(plan.borrowed.iter().flat_map(|repository| stores(repository)));
    for root in &writable {
        let real = std::fs::canonicalize(root);
        if real.with_context(|| format!("the scope {}", root.display()))? != *root {
            bail!("the scope {} has become a link", root.display());
        }
    }
    let found = world.found(&plan.attempt.swarm, &writable).context("looking through the scope")?;
    readable.extend(tools(world, path, program, &writable));
    readable.extend(named(plan));
    readable.retain(|path| path.exists() && !is_led_away(path, &writable));
    let roots: Vec<PathBuf> = writable.iter().chain(&readable).cloned().collect();
    let seen: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).chain(roots.clone()).collect();
    let listening = world.listening(&plan.attempt.swarm, &plan.meant(), &seen)?;
    let socket = world.instance.agent_socket(&plan.attempt.id);
    let above = Above::of(world, &plan.attempt.swarm, &plan.above);
    let above = above.context("looking through the scope of its parent")?;
    if let Some(path) = above.opened_by(scope) {
        bail!("its scope would open {}, which its parent may not touch", path.display());
    }
    let above = above.within(&roots);
    let rules = world.policies.judge(&plan.workplace()).context("reading the command rules")?;
    let mut never = vec![world.dash.as_path()];
    never.extend(program);
    let brokered = broker::sorted(rules.policy(), &holder, path, &writable, &never).hidden;
    let shims = match holder {
        Holder::Bubblewrap { .. } if shimmed => shims::of(rules.policy(), path, &brokered),
        // Landlock alone lets no socket be opened, so that nothing could be asked.
        Holder::Bubblewrap { .. } | Holder::Landlock | Holder::Seatbelt => Vec::new(),
    };
    Ok(Some(Confine {
        holder,
        hidden: all([hidden(world, &roots), listening].concat(), above.hidden),
        protected: all(
            [protected_of(&found, &plan.meant()), of_home(world, scope)].concat(),
            above.protected,
        ),
        pinned: all(found.pinned.clone(), above.pinned),
        tmp: private.join("tmp"),
        private: private.to_owned(),
        socket_dir: socket.parent().unwrap_or(&socket).to_owned(),
        isolated: scope.net != Net::Any,
        only: None,
        devices: sandbox::own_devices(&private.with_file_name("dev")),
        programs: Vec::new(),
        dash: world.dash.clone(),
        brokered,
        shims,
        writable,
        readable,
    }))
}

/// In a scope around the user's home: what begins with a dot there, and the user's programs.
/// Others read them than whoever works in the home.
fn of_home(world: &World, scope: &Scope) -> Vec<PathBuf> {
    let home = variable(world, "HOME").and_then(|home| std::fs::canonicalize(home).ok());
    let Some(home) = home.filter(|home| scope.write.iter().any(|root| home.starts_with(root)))
    else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(&home).into_iter().flatten().flatten();
    let owned = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        (name.starts_with('.') || name == "bin") && !name.starts_with(".git")
    });
    let granted = |path: &PathBuf| scope.write.iter().any(|root| root.starts_with(path));
    owned.map(|entry| entry.path()).filter(|path| !granted(path) && !path.is_symlink()).collect()
}

/// Keeps the agent from changing those of `files` that are protected, and from moving away
/// the directories that they lie in.
pub fn protect(confine: &mut Confine, files: &[LaunchFile]) {
    for file in files.iter().filter(|file| file.protected) {
        let above = file.path.ancestors().skip(1);
        let dirs = above.take_while(|dir| dir.starts_with(&confine.private));
        let dirs: Vec<PathBuf> =
            dirs.filter(|dir| *dir != confine.private).map(Path::to_owned).collect();
        confine.pinned.extend(dirs);
        confine.protected.push(file.path.clone());
    }
}

/// Both lists, each path once.
fn all(mut own: Vec<PathBuf>, above: Vec<PathBuf>) -> Vec<PathBuf> {
    own.extend(above);
    own.sort();
    own.dedup();
    own
}

/// The program that a person named by its whole path, wherever it lies. An agent that names
/// one for its child names nothing that it may not read itself.
fn named(plan: &Plan) -> Option<PathBuf> {
    let program = plan.spec.command.first().filter(|_| plan.above.is_empty())?;
    let path = Path::new(program).is_absolute().then(|| std::fs::canonicalize(program).ok())??;
    let runs = path.is_file() && rustix::fs::access(&path, rustix::fs::Access::EXEC_OK).is_ok();
    (runs && path == Path::new(program)).then_some(path)
}

/// How git is held that looks at a tree which an agent may have written; none where this
/// machine can hold no scope. `scratch`: a directory of Dash's own for it.
///
/// # Errors
/// When something that is no tree has taken its place.
pub fn for_git(
    world: &World,
    tree: &Path,
    repository: &Path,
    scratch: &Path,
) -> anyhow::Result<Option<Confine>> {
    let Ok(holder) = world.holder() else { return Ok(None) };
    for path in [tree, scratch] {
        let real = std::fs::canonicalize(path).with_context(|| path.display().to_string())?;
        if real != path {
            bail!("{} has become a link", path.display());
        }
    }
    let mut readable = stores(repository);
    let path = search_path(world);
    let git = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.is_file());
    let writable = [tree.to_owned()];
    readable.extend(tools(world, &path, git.as_deref(), &writable));
    readable.retain(|path| path.exists() && !is_led_away(path, &writable));
    // What a planted program could do in there is not to outlive it.
    let own = tree.join(".git");
    let plain = |path: &PathBuf| {
        std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() || meta.is_file())
    };
    let protected = ["config", "config.worktree", "hooks", "commondir"].map(|name| own.join(name));
    Ok(Some(Confine {
        holder,
        writable: writable.to_vec(),
        hidden: hidden(world, &readable),
        protected: protected.into_iter().filter(plain).collect(),
        pinned: [own].into_iter().filter(plain).collect(),
        tmp: scratch.join("tmp"),
        private: scratch.to_owned(),
        // There is none: something stands for it that is seen anyway.
        socket_dir: world.dash.clone(),
        isolated: true,
        only: None,
        devices: sandbox::own_devices(&scratch.with_extension("dev")),
        programs: Vec::new(),
        dash: world.dash.clone(),
        brokered: Vec::new(),
        shims: Vec::new(),
        readable,
    }))
}

fn variable<'a>(world: &'a World, name: &str) -> Option<&'a str> {
    world.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
