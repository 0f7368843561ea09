//! All adapters: the built-in ones, and the user's files over them.

use super::{
    adapter::{Adapter, BUILT_IN},
    problem::nearest,
};
use crate::{config::read_small, model::Footprint};
use std::{collections::BTreeMap, io, path::Path, sync::Arc};

/// As `build.rs` leaves it, without its comments.
macro_rules! embedded {
    ($name:literal) => {
        include_str!(concat!(env!("OUT_DIR"), "/", $name))
    };
}

const EMBEDDED: &[(&str, &str)] = &[
    ("command.toml", embedded!("command.toml")),
    ("mini.toml", embedded!("mini.toml")),
    ("claude.toml", embedded!("claude.toml")),
    ("codex.toml", embedded!("codex.toml")),
    ("gemini.toml", embedded!("gemini.toml")),
    ("openclaw.toml", embedded!("openclaw.toml")),
    ("opencode.toml", embedded!("opencode.toml")),
    ("pi.toml", embedded!("pi.toml")),
    ("qwen.toml", embedded!("qwen.toml")),
];

/// The adapter that is always there.
const LAST_RESORT: &str = "mini";

#[derive(Debug, Default)]
pub struct Catalog {
    adapters: BTreeMap<String, Arc<Adapter>>,
    problems: Vec<String>,
    /// What is wrong with a file that was to be the adapter of its name.
    broken: BTreeMap<String, String>,
}

impl Catalog {
    /// Never fails as a whole: what cannot be used is in [`Catalog::problems`]. A file that
    /// does not read takes the adapter of its name away, so that nobody runs another than the
    /// one that was meant.
    pub fn load(user_dir: Option<&Path>) -> Self {
        Self::load_after(&Self::default(), user_dir)
    }

    /// Of a file that says the same as `before` the adapter is the same one, too.
    pub fn load_after(before: &Self, user_dir: Option<&Path>) -> Self {
        let mut catalog = Self::default();
        for (_, text) in EMBEDDED {
            catalog.add(BUILT_IN, BUILT_IN, text);
        }
        if let Some(dir) = user_dir {
            catalog.add_directory(dir);
        }
        for (name, adapter) in &mut catalog.adapters {
            let same = before.adapters.get(name).filter(|known| known.is_same(adapter));
            if let Some(known) = same {
                *adapter = Arc::clone(known);
            }
        }
        catalog
    }

    /// The adapters that are not those of `other`, file for file.
    pub fn differs(&self, other: &Self) -> bool {
        let same = |(name, one): (&String, &Arc<Adapter>)| {
            other.get(name).is_some_and(|known| Arc::ptr_eq(known, one))
        };
        self.adapters.len() != other.adapters.len() || !self.adapters.iter().all(same)
    }

    fn add(&mut self, stem: &str, source: &str, text: &str) {
        match Adapter::parse(source, text) {
            Ok(adapter) => {
                self.adapters.insert(adapter.name.clone(), Arc::new(adapter));
            }
            Err(problem) => self.refuse(stem, problem),
        }
    }

    fn refuse(&mut self, stem: &str, problem: String) {
        self.adapters.remove(stem);
        self.broken.insert(stem.to_owned(), problem.clone());
        self.problems.push(problem);
    }

    fn add_directory(&mut self, dir: &Path) {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.problems.push(format!("{}: {error}", dir.display())),
        };
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        paths.sort();
        for path in paths {
            let source = path.display().to_string();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let read = read_small(&path, true);
            let text = read.and_then(|text| String::from_utf8(text).map_err(io::Error::other));
            match text {
                Ok(text) => {
                    self.add(stem, &source, &text);
                    self.check_file_name(stem, &source);
                }
                Err(error) => self.refuse(stem, format!("{source}: {error}")),
            }
        }
    }

    /// The name inside counts; one that differs from the file's is probably a copy whose
    /// name was forgotten.
    fn check_file_name(&mut self, stem: &str, source: &str) {
        let said = self.adapters.values().find(|adapter| adapter.source() == source);
        if let Some(adapter) = said.filter(|adapter| adapter.name != stem) {
            let name = &adapter.name;
            self.problems.push(format!("{source}: its `name` is `{name}`, not `{stem}`; used so"));
        }
    }

    /// What is wrong with files, one line each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// What is wrong with the file of this adapter.
    pub fn broken(&self, name: &str) -> Option<&str> {
        self.broken.get(name).map(String::as_str)
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Adapter>> {
        self.adapters.get(name)
    }

    /// What each takes of the machine, as far as its file says.
    pub fn footprints(&self) -> BTreeMap<String, Footprint> {
        let known = self.adapters.iter().map(|(name, adapter)| (name.clone(), adapter.footprint()));
        known.filter(|(_, footprint)| !footprint.is_none()).collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.adapters.keys().cloned().collect()
    }

    /// What `name` was probably meant to be.
    pub fn nearest(&self, name: &str) -> Option<String> {
        nearest(name, self.adapters.keys().map(String::as_str)).map(str::to_owned)
    }

    /// The first of `order` whose program is on `path`, else `mini`.
    pub fn choose(&self, order: &[String], path: &str) -> Arc<Adapter> {
        order
            .iter()
            .filter_map(|name| self.get(name))
            .find(|adapter| adapter.program(path).is_some())
            .or_else(|| self.get(LAST_RESORT))
            .map(Arc::clone)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(name: &str, text: &str) -> Catalog {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), text).unwrap();
        let catalog = Catalog::load(Some(dir.path()));
        let prefix = format!("{}/", dir.path().display());
        let problems = catalog.problems.iter().map(|p| p.replace(&prefix, "")).collect();
        Catalog { problems, ..catalog }
    }

    #[test]
    fn built_in_adapters_are_right() {
        let catalog = Catalog::load(None);
        assert_eq!(catalog.problems(), &[] as &[String]);
        assert_eq!(
            catalog.names(),
            ["claude", "codex", "command", "gemini", "mini", "openclaw", "opencode", "pi", "qwen"]
        );
        for (file, _) in EMBEDDED {
            assert!(catalog.get(file.trim_end_matches(".toml")).is_some(), "{file}");
        }
        assert_eq!(catalog.nearest("cluade"), Some("claude".to_owned()));
        assert_eq!(catalog.nearest("zsh"), None);
    }

    #[test]
    fn what_is_no_plain_file_is_refused_and_not_read() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        mknodat(CWD, at("pipe.toml"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("endless.toml")).unwrap();
        let catalog = Catalog::load(Some(dir.path()));
        assert_eq!(catalog.problems().len(), 2);
        assert!(catalog.broken("pipe").unwrap().contains("it is no plain file"));
        assert!(catalog.broken("endless").is_some() && catalog.get("claude").is_some());
    }

    #[test]
    fn a_users_file_takes_the_place_of_a_built_in_one() {
        let text = "name = 'claude'\nsummary = 'mine'\n[program]\nname = 'cl'\n[launch]\n";
        let catalog = with_file("claude.toml", text);
        assert_eq!(catalog.problems(), &[] as &[String]);
        assert_eq!(catalog.get("claude").unwrap().summary(), "mine");
        assert!(catalog.get("claude").unwrap().source().ends_with("claude.toml"));
    }

    #[test]
    fn a_bad_file_is_told_and_the_others_stand() {
        let head = "name = 'x'\nsummary = ''\n[program]\nname = 'x'\n";
        for (rest, expected) in [
            ("[launch]\nargz = []\n", "x.toml:6: unknown key `argz`, did you mean `args`?"),
            ("[lanch]\n", "x.toml:5: unknown key `lanch`, did you mean `launch`?"),
            (
                "[launch]\nargs = ['-p', '{taks}']\n",
                "x.toml:6: unknown placeholder `{taks}`, did you mean `{task}`?",
            ),
            ("[launch]\nstdin = 'nul'\n", "x.toml:6: unknown value `nul`, did you mean `null`?"),
            (
                "[launch]\n[[output]]\nwhen = {}\ntext = ['/a', 'b']\n",
                "x.toml:8: a pointer begins with `/`: `b`",
            ),
            (
                "[launch]\n[[output]]\nwhen = {}\noutcome = 'don'\n",
                "x.toml:8: unknown value `don`, did you mean `done`?",
            ),
            (
                "[launch]\n[stop_reasons]\n402 = 'budgt'\n",
                "x.toml:7: unknown stop reason `budgt`, did you mean `budget`?",
            ),
            (
                "[launch]\n[[launch.files]]\npath = '/etc/x'\ncontent = ''\n",
                "x.toml:7: a file lies in {private}, {home} or {tmp}: `/etc/x`",
            ),
            ("", "x.toml:1: missing field `launch`"),
        ] {
            let catalog = with_file("x.toml", &format!("{head}{rest}"));
            assert_eq!(catalog.problems(), [expected], "{rest}");
            assert_eq!(catalog.names().len(), EMBEDDED.len());
        }
        let catalog = with_file("y.toml", &format!("{head}[launch]\n"));
        assert_eq!(catalog.problems(), ["y.toml: its `name` is `x`, not `y`; used so"]);
        assert!(catalog.get("x").is_some());
    }

    #[test]
    fn what_says_the_same_is_the_same_adapter() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("claude.toml");
        let text = "name = 'claude'\nsummary = 'mine'\n[program]\nname = 'cl'\n[launch]\n";
        std::fs::write(&file, text).unwrap();
        let first = Catalog::load(Some(dir.path()));
        let again = Catalog::load_after(&first, Some(dir.path()));
        assert!(!again.differs(&first));
        std::fs::write(&file, text.replace("mine", "other")).unwrap();
        let other = Catalog::load_after(&first, Some(dir.path()));
        assert!(other.differs(&first));
        let same = |name| Arc::ptr_eq(other.get(name).unwrap(), first.get(name).unwrap());
        assert!(same("codex") && !same("claude"));
    }

    #[test]
    fn chooses_the_first_installed() {
        let bin = tempfile::tempdir().unwrap();
        let catalog = Catalog::load(None);
        let order = ["nonsense", "claude", "codex"].map(str::to_owned);
        let path = bin.path().to_str().unwrap();
        assert_eq!(catalog.choose(&order, path).name(), "mini");
        let file = bin.path().join("codex");
        std::fs::write(&file, "").unwrap();
        assert_eq!(catalog.choose(&order, path).name(), "mini", "not executable");
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        assert_eq!(catalog.choose(&order, path).name(), "codex");
    }
}
