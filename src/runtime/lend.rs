//! What of the user's own an attempt is lent: as far as its adapter knows it, the user's
//! configuration asks for it, and nobody comes to see more by it than he may.

use super::{confine::follow, launch::Plan, scope::is_secret, world::World};
use crate::{
    agents::{Adapter, Lender, Loan},
    model::Lent,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

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
    adapter.loans(wanted(world, adapter), &lender)
}

pub fn wanted<'a>(world: &'a World, adapter: &Adapter) -> &'a [String] {
    world.config.lend.get(adapter.name()).map(Vec::as_slice).unwrap_or_default()
}

pub fn told(loans: &[Loan]) -> Vec<Lent> {
    let told = |loan: &Loan| Lent {
        name: loan.name.clone(),
        path: loan.path.clone(),
        leads_to: (loan.is_held() && loan.real != loan.path).then(|| loan.real.clone()),
        lack: loan.lack.clone(),
    };
    loans.iter().map(told).collect()
}
