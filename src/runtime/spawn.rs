//! Spawning one agent, and starting it anew: what a request may not say of itself, and what a child's wishes come
//! to under its parent, before the core decides.

use super::{
    above::Above,
    check::{self, Crew},
    handle::Handle,
    limits::with_defaults,
    only::{self, Search},
    world::{Shared, World, leaving},
};
use crate::{
    core::{self, Reply},
    model::{
        Actor, AgentId, AgentInfo, AgentSpec, Command, Event, Limits, Refusal, RefusalCode, Scope,
        SwarmId,
    },
};
use std::path::Path;

/// Of a parent what its child's launch depends on.
struct Parent {
    id: AgentId,
    scope: Scope,
    /// As far as they were asked for.
    limits: Limits,
    path: Option<String>,
    swarm: SwarmId,
    /// Its own scope first, then those above it.
    scopes: Vec<Scope>,
}

impl Handle {
    /// One agent; asked for by an agent, its child.
    ///
    /// # Errors
    /// When the request is refused.
    pub async fn spawn_agent(&self, spec: AgentSpec) -> Result<AgentInfo, Refusal> {
        let (spec, crew) = self.checked(spec).await?;
        match self.request(Command::SpawnAgent { spec: Box::new(spec) }, crew).await? {
            Reply::Agent(id) => self.agent(&id).await,
            _ => Err(leaving()),
        }
    }

    /// What [`Self::spawn_agent`] would make of this, with the scope that the agent would
    /// have; nothing is made.
    ///
    /// # Errors
    /// As there.
    pub async fn rehearse_agent(&self, spec: AgentSpec) -> Result<AgentSpec, Refusal> {
        let (mut spec, crew) = self.checked(spec).await?;
        let command = Command::SpawnAgent { spec: Box::new(spec.clone()) };
        for draft in self.rehearse(command, crew).await? {
            if let Event::AgentAdded { grant, .. } = draft.event {
                spec.granted = grant.scope.or(spec.granted);
            }
        }
        let strict = spec.granted.as_ref().is_some_and(Scope::is_strict);
        spec.limits = Some(self.limits_for(spec.limits, strict));
        Ok(spec)
    }

    /// Another attempt at an agent's last item; `model` may be a short name of its adapter's.
    ///
    /// # Errors
    /// When the request is refused.
    pub async fn retry_agent(&self, agent: AgentId, model: Option<String>) -> Result<(), Refusal> {
        let of = agent.clone();
        let kind = self.world.read(move |state| Some(state.agents.get(&of)?.adapter.clone()));
        let (kind, catalog) = (kind.await?, self.world.read_adapters().await);
        let adapter = kind.and_then(|kind| catalog.get(&kind).cloned());
        let model = model.map(|name| match adapter {
            Some(adapter) => adapter.model(Some(&name)),
            None => name,
        });
        self.change(Command::RetryAgent { agent, model }).await
    }

    /// The request held against the machine, and against the parent where an agent asks.
    async fn checked(&self, mut spec: AgentSpec) -> Result<(AgentSpec, Crew), Refusal> {
        if let Some(name) = &spec.swarm {
            spec.swarm = Some(self.swarm_id(name.as_str()).await?);
        }
        // Whatever a request says of them, these are the core's.
        spec.granted = None;
        spec.narrowed = Vec::new();
        spec.caps = Some(self.world.config.delegation.caps());
        let crew = match &self.actor {
            Actor::User(_) | Actor::Core => check::agent(&self.world, &mut spec).await?,
            Actor::Agent(id) => {
                let parent = Parent::of(&self.world, id).await?;
                parent.prepare(&mut spec)?;
                let crew = parent.check(&self.world, &mut spec).await?;
                parent.limit(&self.world, &mut spec);
                crew
            }
        };
        Ok((spec, crew))
    }
}

impl Parent {
    async fn of(world: &Shared, id: &AgentId) -> Result<Self, Refusal> {
        let of = id.clone();
        let found = world.read(move |state| {
            let agent = state.agents.get(&of)?;
            let path = core::spec_of(state.swarms.get(&agent.swarm)?, agent).path;
            let scope = core::reach_of(state, &of);
            let mut scopes = core::scopes_above(state, &of);
            scopes.insert(0, scope.clone());
            let limits = core::limits_of(state, agent);
            Some(Self { scope, limits, swarm: agent.swarm.clone(), id: of, path, scopes })
        });
        let gone = || Refusal::new(RefusalCode::NotFound, format!("no agent {id} any more"));
        found.await?.ok_or_else(gone)
    }

    /// What must be right before anything is looked at on the disk.
    fn prepare(&self, spec: &mut AgentSpec) -> Result<(), Refusal> {
        if spec.worktree {
            // Git would run outside of any sandbox on what the parent wrote.
            let why = "worktree: not enforced in this build for the child of an agent";
            return Err(Refusal::new(RefusalCode::NotEnforced, why)
                .hinted("it works in its parent's directory"));
        }
        if self.scope.is_strict() && spec.no_sandbox {
            let why = format!("no_sandbox: {} is held by a sandbox, and so is its child", self.id);
            return Err(Refusal::new(RefusalCode::Forbidden, why)
                .hinted("leave --no-sandbox out: the child gets its parent's scope"));
        }
        if self.scope.is_strict() {
            // What lies on PATH can be read by whoever runs with it.
            spec.path.clone_from(&self.path);
            // One that is not there is told from one out of reach by nobody.
            let real = std::fs::canonicalize(&spec.cwd).ok();
            let real = real.ok_or_else(|| self.out_of_reach(&spec.cwd))?;
            if !covers(&self.scope, &real) {
                return Err(self.out_of_reach(&spec.cwd));
            }
            spec.cwd = real;
        }
        Ok(())
    }

    fn out_of_reach(&self, cwd: &Path) -> Refusal {
        let why = format!("a child of {} cannot work in {}", self.id, cwd.display());
        let hint = format!("{} may touch: {}", self.id, self.scope);
        Refusal::new(RefusalCode::Forbidden, why).hinted(hint)
    }

    /// Holds the request against the machine; leaves in it what the child wishes, and none
    /// where it is to have all that its parent has.
    async fn check(&self, world: &Shared, spec: &mut AgentSpec) -> Result<Crew, Refusal> {
        let paths = !(spec.scope.is_empty() && spec.read.is_empty());
        let others = !(spec.net.is_empty() && spec.allow.is_empty()) || spec.allow_only.is_some();
        let silent = !(paths || others || spec.no_sandbox);
        // A scope of its own is not to be found for one that wishes none.
        let mut asked = AgentSpec { no_sandbox: spec.no_sandbox || silent, ..spec.clone() };
        let crew = check::agent(world, &mut asked).await?;
        let Some(wish) = asked.granted.filter(|_| !silent) else {
            self.runs(&self.scope, &crew, spec)?;
            return Ok(crew);
        };
        let wish = if spec.no_sandbox { wish } else { self.fill(spec, wish) };
        let granted = self.scope.meet(&wish);
        if granted.is_strict() && !covers(&granted, &spec.cwd) {
            let why = format!("with that scope the child cannot work in {}", spec.cwd.display());
            let hint = format!("what is left of it under {}: {granted}", self.id);
            return Err(Refusal::new(RefusalCode::Forbidden, why).hinted(hint));
        }
        self.runs(&granted, &crew, spec)?;
        spec.narrowed = wish.beyond(&granted);
        if granted.is_strict() {
            self.opens_nothing(world, granted).await?;
        }
        spec.granted = Some(wish);
        Ok(crew)
    }

    /// No child has more of the machine than its parent, whatever it asks for.
    fn limit(&self, world: &World, spec: &mut AgentSpec) {
        let own = with_defaults(self.limits, self.scope.is_strict(), &world.config.limits);
        let wish = spec.limits.unwrap_or_default();
        let limits = own.meet(wish);
        spec.narrowed.extend(wish.beyond(limits));
        spec.limits = Some(limits);
    }

    /// Refuses a plain command whose program may not be executed under `granted`.
    fn runs(&self, granted: &Scope, crew: &Crew, spec: &AgentSpec) -> Result<(), Refusal> {
        let only = granted.only.as_ref().filter(|_| granted.is_strict());
        let plain = crew.iter().any(|(adapter, _)| adapter == "command");
        let Some(only) = only.filter(|_| plain) else { return Ok(()) };
        let program = check::own_program(&spec.command);
        let search = Search { path: spec.path.as_deref().unwrap_or_default(), cwd: &spec.cwd };
        if only::names(only, program, search) {
            return Ok(());
        }
        let why = format!("{program} is not among the programs that the child may execute");
        let hint = format!("{} may touch: {}", self.id, self.scope);
        Err(Refusal::new(RefusalCode::Forbidden, why).hinted(hint))
    }

    /// Refuses a scope that names what the parent must not touch though it lies in its own.
    async fn opens_nothing(&self, world: &Shared, granted: Scope) -> Result<(), Refusal> {
        let (world, swarm, scopes) = (world.clone(), self.swarm.clone(), self.scopes.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let above = Above::of(&world, &swarm, &scopes).map_err(|error| error.to_string())?;
            Ok(above.opened_by(&granted).map(|path| path.display().to_string()))
        });
        let forbidden = |why: String| Err(Refusal::new(RefusalCode::Forbidden, why));
        match looked.await.map_err(|_| leaving())? {
            Ok(None) => Ok(()),
            Ok(Some(path)) => {
                forbidden(format!("{} may not touch {path}, so no child of it may", self.id))
            }
            Err::<_, String>(why) => forbidden(format!("the scope of {}: {why}", self.id)),
        }
    }

    /// What a wish leaves unsaid is as the parent has it.
    fn fill(&self, spec: &AgentSpec, wish: Scope) -> Scope {
        if !self.scope.is_strict() {
            return wish;
        }
        let own = self.scope.clone();
        let paths = !(spec.scope.is_empty() && spec.read.is_empty());
        Scope {
            sandbox: wish.sandbox,
            write: if spec.scope.is_empty() { own.write } else { wish.write },
            read: if paths { wish.read } else { own.read },
            net: if spec.net.is_empty() { own.net } else { wish.net },
            allow: if spec.allow.is_empty() { own.allow } else { wish.allow },
            only: if spec.allow_only.is_none() { own.only } else { wish.only },
        }
    }
}

/// True if whoever has `scope` can work in `dir`.
fn covers(scope: &Scope, dir: &Path) -> bool {
    scope.write.iter().chain(&scope.read).any(|root| dir.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Net;

    fn parent() -> Parent {
        let scope = Scope { write: vec!["/w".into()], net: Net::Any, ..Scope::default() };
        let scopes = vec![scope.clone()];
        let path = Some("/usr/bin".to_owned());
        let limits = Limits::default();
        Parent { id: "ag-01".into(), scope, limits, path, swarm: "sw-1".into(), scopes }
    }

    #[test]
    fn what_a_wish_leaves_unsaid_is_the_parents() {
        let narrow = Scope { write: vec!["/w/a".into()], ..Scope::default() };
        let spec = AgentSpec { scope: vec!["a".to_owned()], ..AgentSpec::default() };
        let filled = parent().fill(&spec, narrow.clone());
        assert_eq!((&filled.write, &filled.net), (&narrow.write, &Net::Any));
        let spec = AgentSpec { net: vec!["none".to_owned()], ..AgentSpec::default() };
        let filled = parent().fill(&spec, narrow);
        assert_eq!((filled.write, filled.net), (parent().scope.write, Net::None));
    }

    #[test]
    fn a_child_neither_leaves_its_parents_directories_nor_brings_a_path_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (inside, outside) = (root.join("in"), root.join("out"));
        std::fs::create_dir(&inside).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        let scope = Scope { write: vec![inside.clone()], ..Scope::default() };
        let parent = Parent { scope, ..parent() };
        let at = |cwd: &Path| AgentSpec {
            cwd: cwd.to_owned(),
            path: Some(outside.display().to_string()),
            ..AgentSpec::default()
        };
        let mut fine = at(&inside);
        parent.prepare(&mut fine).unwrap();
        assert_eq!(fine.path.as_deref(), Some("/usr/bin"));
        let gone = parent.prepare(&mut at(&root.join("gone"))).unwrap_err();
        for path in [&outside, &inside.join("link"), &inside.join("../out")] {
            let refused = parent.prepare(&mut at(path)).unwrap_err();
            assert_eq!((refused.code, &refused.hint), (RefusalCode::Forbidden, &gone.hint));
        }
        let free = AgentSpec { no_sandbox: true, ..at(&inside) };
        assert_eq!(parent.prepare(&mut free.clone()).unwrap_err().code, RefusalCode::Forbidden);
        let tree = AgentSpec { worktree: true, ..at(&inside) };
        assert_eq!(parent.prepare(&mut tree.clone()).unwrap_err().code, RefusalCode::NotEnforced);
    }
}
