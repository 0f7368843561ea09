//! What of the user's own is lent to agents, as `dash doctor` tells it.

use super::{fail, ok, warn};
use crate::{
    agents::Catalog,
    model::Lent,
    protocol::rest::DoctorCheck,
    runtime::{lend, world::World},
};

const MEND: &str = "mend [lend] in config.toml: the next agents are lent what it says then";

/// A line for each adapter that `[lend]` names.
pub fn checks(world: &World, catalog: &Catalog) -> Vec<DoctorCheck> {
    let asked = match world.lending.read() {
        Ok(asked) => asked,
        Err(error) => return vec![fail("lend", error.to_string(), MEND)],
    };
    let check = |name: &String| {
        let line = format!("lend ({name})");
        let wrong = catalog.wrong_lend_to(name, &asked);
        let (None, Some(adapter)) = (wrong.first(), catalog.get(name)) else {
            let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            return fail(&line, wrong.join("; "), MEND);
        };
        let told = lend::told(&lend::at_hand(world, adapter));
        let missing: Vec<String> = told.iter().filter_map(lack).collect();
        if missing.is_empty() {
            let names: Vec<String> = told.iter().map(Lent::to_string).collect();
            ok(&line, names.join(", "))
        } else {
            warn(&line, missing.join(", "), "it is asked for and cannot be lent")
        }
    };
    asked.wanted.keys().map(check).collect()
}

fn lack(lent: &Lent) -> Option<String> {
    lent.lack.is_some().then(|| lent.to_string())
}
