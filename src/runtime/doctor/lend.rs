//! What of the user's own is lent to agents, as `dash doctor` tells it.

use super::{fail, ok, warn};
use crate::{
    agents::Catalog,
    model::Lent,
    protocol::rest::DoctorCheck,
    runtime::{lend, world::World},
};

const MEND: &str = "mend [lend] in config.toml, then `dash core stop`";

/// A line for each adapter that `[lend]` names.
pub fn checks(world: &World, catalog: &Catalog) -> Vec<DoctorCheck> {
    let check = |(name, wanted): (&String, &Vec<String>)| {
        let line = format!("lend ({name})");
        let Some(adapter) = catalog.get(name) else {
            let meant = catalog.nearest(name).map(|near| format!("; did you mean `{near}`?"));
            let why = format!("no adapter is called {name:?}{}", meant.unwrap_or_default());
            return fail(&line, why, MEND);
        };
        if let Some(why) = adapter.cannot_lend(wanted) {
            return fail(&line, why, MEND);
        }
        let told = lend::told(&lend::at_hand(world, adapter));
        let missing: Vec<String> = told.iter().filter_map(lack).collect();
        if missing.is_empty() {
            let names: Vec<String> = told.iter().map(Lent::to_string).collect();
            ok(&line, names.join(", "))
        } else {
            warn(&line, missing.join(", "), "it is asked for and cannot be lent")
        }
    };
    world.config.lend.iter().map(check).collect()
}

fn lack(lent: &Lent) -> Option<String> {
    lent.lack.is_some().then(|| lent.to_string())
}
