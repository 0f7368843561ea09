//! What of the user's own an attempt is lent: as far as its adapter knows it, the user's
//! configuration asks for it, and nobody comes to see more by it than he may.

use super::{confine::follow, launch::Plan, scope::is_secret, world::World};
use crate::{
    agents::{Adapter, Lender, Loan},
    config::{Config, ConfigError, Lend},
    model::Lent,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// `[lend]` as the user's configuration says it now: a change counts for the next launch. It
/// may say more than it did when an agent was started whose child is launched: the child is
/// lent what the user lends agents of its kind by now.
#[derive(Debug)]
pub struct Lending {
    /// None: the core has no configuration on the disk.
    file: Option<PathBuf>,
    /// As it was last read.
    last: Mutex<Arc<Lend>>,
}

impl Lending {
    /// `wanted`: in force until the file is read.
    pub fn new(file: Option<PathBuf>, wanted: &Config) -> Self {
        let last = Lend { wanted: wanted.lend.clone(), ..Lend::default() };
        Self { file, last: Mutex::new(Arc::new(last)) }
    }

    /// Reads the file: not for the actor's own task.
    ///
    /// # Errors
    /// When it is wrong.
    pub fn read(&self) -> Result<Arc<Lend>, ConfigError> {
        let Some(file) = &self.file else { return Ok(self.last()) };
        let now = Arc::new(Lend::read(file)?);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = now.clone();
        Ok(now)
    }

    fn last(&self) -> Arc<Lend> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, for what cannot wait until the file is mended.
    fn now(&self) -> Arc<Lend> {
        self.read().unwrap_or_else(|error| {
            tracing::warn!("lent is what was so before: {error}");
            self.last()
        })
    }
}

/// For the next launch; reads the user's files.
pub fn loans(world: &World, plan: &Plan, adapter: &Adapter) -> Vec<Loan> {
    let mut writable = plan.writable();
    writable.extend(plan.written.iter().cloned());
    let mut loans = if plan.scope.is_strict() {
        let real = |path: &Path| follow(path, &writable);
        found(world, adapter, &|path| real(path).filter(|real| !is_secret(world, path, real)))
    } else {
        at_hand(world, adapter)
    };
    if !plan.kin {
        // What a child reads its parent can have it tell.
        let lacking = loans.iter_mut().filter(|loan| loan.is_held());
        lacking.for_each(|loan| loan.lack = Some("its parent is not lent it".to_owned()));
    }
    loans
}

/// Whoever it were for.
pub fn at_hand(world: &World, adapter: &Adapter) -> Vec<Loan> {
    found(world, adapter, &|path| fs::canonicalize(path).ok())
}

fn found(world: &World, adapter: &Adapter, real: &dyn Fn(&Path) -> Option<PathBuf>) -> Vec<Loan> {
    let lender = Lender { variables: &world.environment, real };
    adapter.loans(world.lending.now().of(adapter.name()), &lender)
}

pub fn told(loans: &[Loan]) -> Vec<Lent> {
    let told = |loan: &Loan| {
        let whole = Lent {
            name: loan.name.clone(),
            path: loan.path.clone(),
            leads_to: (loan.is_held() && loan.real != loan.path).then(|| loan.real.clone()),
            lack: loan.lack.clone(),
        };
        let left_out = loan.left_out.iter().map(|(name, why)| Lent {
            name: format!("{} {name}", loan.name),
            path: loan.path.clone(),
            leads_to: None,
            lack: Some(why.clone()),
        });
        std::iter::once(whole).chain(left_out.collect::<Vec<_>>())
    };
    loans.iter().flat_map(told).collect()
}
