//! Which part of the core's own environment goes where. Real keys stay in the core.

use super::world::World;
use crate::{
    agents::{confined_variables, is_private_variable},
    config::{Config, Dialect},
    gateway::SIMULATED,
};
use std::path::Path;

type Variables = Vec<(String, String)>;

/// What adapters draw an agent's environment from: without the variables that providers
/// take their keys from, and with `DASH_DIALECT` where only one dialect has a provider.
pub fn for_adapters(world: &World) -> Variables {
    let named = key_variables(&world.config);
    let passed = world.environment.iter().filter(|(name, _)| !named.contains(&name.as_str()));
    let mut variables: Variables = passed.cloned().collect();
    let said = variables.iter().any(|(name, value)| name == "DASH_DIALECT" && !value.is_empty());
    if let (false, Some(dialect)) = (said, only_dialect(world)) {
        variables.retain(|(name, _)| name != "DASH_DIALECT");
        variables.push(("DASH_DIALECT".to_owned(), dialect.to_owned()));
    }
    variables
}

/// What a keeper gets, and with it a core that it revives. An agent of the same user can
/// read its keeper's environment, so no key is in it; addresses are.
pub fn for_keepers(world: &World) -> Variables {
    let named = key_variables(&world.config);
    let private = |name: &str| {
        let address = name.ends_with("_BASE_URL") || name.starts_with("DASH_");
        named.contains(&name) || (is_private_variable(name) && !address)
    };
    world.environment.iter().filter(|(name, _)| !private(name)).cloned().collect()
}

/// What a command gets that runs on an agent's behalf, but outside of it.
pub fn for_checks(world: &World) -> impl Iterator<Item = &(String, String)> {
    let named = key_variables(&world.config);
    let secret = move |name: &str| {
        named.contains(&name)
            || is_private_variable(name)
            || name.ends_with("_API_KEY")
            || name.ends_with("_TOKEN")
    };
    world.environment.iter().filter(move |(name, _)| !secret(name))
}

/// As [`for_checks`], for a check in a sandbox: it finds the agent's own home and tools, and
/// nothing that points to the user's files or to proxies that cannot be reached.
pub fn for_confined_checks(world: &World, private: &Path) -> Variables {
    let outside = |name: &str| {
        let ends = ["_SOCK", "_SOCKET", "_ADDRESS", "_proxy", "_PROXY", "AUTHORITY"];
        let starts = ["XDG_", "GIT_", "SSH_", "GPG_", "GNUPG"];
        ends.iter().any(|end| name.ends_with(end))
            || starts.iter().any(|start| name.starts_with(start))
    };
    let passed = for_checks(world).filter(|(name, _)| !outside(name)).cloned();
    let (home, tmp) = (private.join("home"), private.join("tmp"));
    passed.chain(confined_variables(&for_adapters(world), &home, &tmp)).collect()
}

fn key_variables(config: &Config) -> Vec<&str> {
    config.providers.values().filter_map(|provider| provider.key_env.as_deref()).collect()
}

fn only_dialect(world: &World) -> Option<&'static str> {
    let gateway = world.gateway.get()?;
    let real = |dialect| gateway.provider_name(dialect) != SIMULATED;
    match (real(Dialect::Anthropic), real(Dialect::Openai), real(Dialect::Gemini)) {
        (true, false, false) => Some("anthropic"),
        (false, true, false) => Some("openai"),
        (false, false, true) => Some("gemini"),
        (true, _, _) | (_, true, _) | (false, false, false) => None,
    }
}
