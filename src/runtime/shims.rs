//! Shims: what an agent finds first on its PATH in place of programs that rules speak of. They
//! ask, and run the program themselves; whoever names its whole path goes around them.

use crate::{
    config::executable,
    core::policy::ruled,
    model::{Brokered, Policy},
};
use std::path::Path;

/// Those of the names that are there. What is not there does not appear: programs try each
/// other out by name. What is hidden has a front of its own.
pub fn of(policy: &Policy, path: &str, brokered: &[Brokered]) -> Vec<String> {
    let there = |name: &&str| {
        // One in a directory that is named by a relative path is nobody's to judge.
        let file = executable(name, path, Path::new("/"));
        file.is_some_and(|file| !brokered.iter().any(|program| program.places.contains(&file)))
    };
    ruled(policy)
        .into_iter()
        .filter(|name| *name != "dash")
        .filter(there)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PolicyFiles;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn what_rules_speak_of_and_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in ["git", "npm", "rm", "cat", "ls", "deploy", "dash"] {
            let file = root.join(name);
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let own = root.join("policy.toml");
        let rule = |name: &str, verdict: &str| {
            format!(
                "[[rule]]\ncommand = [\"{name}\"]\nverdict = \"{verdict}\"\ntouches = [\"x\"]\n"
            )
        };
        let rules = rule("deploy", "ask") + &rule("ls", "allow") + &rule("dash", "deny");
        fs::write(&own, rules).unwrap();
        let policy = PolicyFiles { user: Some(own), project: None }.load().unwrap();
        let path = root.display().to_string();
        assert_eq!(of(&policy, &path, &[]), ["deploy", "git", "npm"]);
        let git = Brokered {
            file: root.join("git"),
            places: vec![root.join("git")],
            names: vec!["git".to_owned()],
        };
        assert_eq!(of(&policy, &path, &[git]), ["deploy", "npm"]);
    }
}
