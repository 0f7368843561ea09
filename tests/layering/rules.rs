//! The rules, over a tree of sources held in memory, so that a breach can be made to order.

use crate::scan::{Kind, PathUse, Scan, scan};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

/// Sources by path below `src`, with `/`.
pub type Tree = BTreeMap<String, String>;

#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub module: &'static str,
    pub ours: &'static [&'static str],
    pub never: &'static [&'static [&'static str]],
}

impl Row {
    fn may_import(&self, target: &str, row: &str) -> bool {
        let below = |entry: &str| target == entry || target.starts_with(&format!("{entry}/"));
        // An entry opens what lies below it, but not a folder that has a row of its own.
        self.ours.iter().any(|entry| below(entry) && row.len() <= entry.len())
    }

    fn forbids(&self, path: &str) -> Option<&'static str> {
        let same = |name: &str| path == name || path.starts_with(&format!("{name}::"));
        self.never.iter().copied().flatten().copied().find(|name| same(name))
    }
}

pub fn read_tree(src: &Path) -> Tree {
    fn walk(dir: &Path, prefix: &str, tree: &mut Tree) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{name}/"), tree);
            } else if name.ends_with(".rs") {
                tree.insert(name, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let mut tree = Tree::new();
    walk(src, "", &mut tree);
    tree
}

/// A path after resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// Segments below the crate's root.
    Ours(Vec<String>),
    Outside(Vec<String>),
}

impl Target {
    fn plus(&self, rest: &[String]) -> Self {
        match self {
            Self::Ours(head) => Self::Ours([head, rest].concat()),
            Self::Outside(head) => Self::Outside([head, rest].concat()),
        }
    }
}

/// Every breach, as a line for people. Empty means that the layers hold.
pub fn check(
    tree: &Tree,
    table: &[Row],
    deviations: &[(&str, &str, &str)],
    longest: usize,
) -> Vec<String> {
    let scans: BTreeMap<&str, Scan> = tree.iter().map(|(k, v)| (k.as_str(), scan(v))).collect();
    let mut modules: BTreeSet<Vec<String>> = BTreeSet::new();
    for (file, scan) in &scans {
        let home = module_of(file);
        for path in &scan.paths {
            modules.insert([home.as_slice(), &path.inside].concat());
        }
        modules.insert(home);
    }
    let house = House { table, deviations, modules };
    let mut breaches = Vec::new();
    for (file, scan) in &scans {
        house.check_file(file, scan, longest, &mut breaches);
    }
    breaches
}

struct House<'a> {
    table: &'a [Row],
    deviations: &'a [(&'a str, &'a str, &'a str)],
    /// Every module there is, as segments below the root.
    modules: BTreeSet<Vec<String>>,
}

/// `tui/views/grid.rs` and `tui/views/grid/mod.rs` → `tui`, `views`, `grid`.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    match stem {
        "lib" | "main" => Vec::new(),
        _ => stem.split('/').map(str::to_owned).collect(),
    }
}

type Names = HashMap<(Vec<String>, String), Target>;

impl House<'_> {
    fn row(&self, target: &str) -> Option<&Row> {
        let fits =
            |row: &&Row| target == row.module || target.starts_with(&format!("{}/", row.module));
        self.table.iter().filter(fits).max_by_key(|row| row.module.len())
    }

    fn check_file(&self, file: &str, scan: &Scan, longest: usize, out: &mut Vec<String>) {
        let home = module_of(file);
        let test_file = file.ends_with("tests.rs") || file.contains("/tests/");
        let root = home.is_empty();
        let row = self.row(&home.join("/"));
        if !root && row.is_none() {
            out.push(format!("{file}: the module has no row in the table"));
            return;
        }
        if scan.code_lines() > longest && !test_file {
            out.push(format!("{file}: {} lines without its tests", scan.code_lines()));
        }
        for (line, trick) in &scan.tricks {
            out.push(format!("{file}:{line}: {trick} hides code from this check"));
        }
        let names = self.names(&home, scan);
        for path in &scan.paths {
            let at = format!("{file}:{}", path.line);
            let first = path.segments[0].as_str();
            let absolute = first == "crate" || (first == "dash" && file == "main.rs");
            if absolute && path.kind == Kind::Expression {
                out.push(format!("{at}: `{}` outside `use`", path.segments.join("::")));
            }
            let here = [home.as_slice(), &path.inside].concat();
            let target = self.resolve(&here, &path.segments, &names);
            // The root dispatches: it may import anything.
            if let Some(row) = row {
                self.check_path(&at, row, path, &target, path.test || test_file, out);
            }
        }
    }

    /// What each imported name means, by the module that imports it.
    fn names(&self, home: &[String], scan: &Scan) -> Names {
        let mut names = Names::new();
        // An import may go through another: as often as it takes, within reason.
        for _ in 0..4 {
            for path in &scan.paths {
                if let Kind::Import { name: Some(name), .. } = &path.kind {
                    let key = ([home, &path.inside].concat(), name.clone());
                    // A name does not explain itself: `use tokio;` is tokio, not a loop.
                    names.remove(&key);
                    let target = self.resolve(&key.0, &path.segments, &names);
                    names.insert(key, target);
                }
            }
        }
        names
    }

    fn resolve(&self, here: &[String], path: &[String], names: &Names) -> Target {
        let first = path[0].as_str();
        match first {
            "crate" | "dash" => Target::Ours(path[1..].to_vec()),
            "self" | "super" => {
                let ups = path.iter().filter(|segment| *segment == "super").count();
                let skip = path.iter().take_while(|s| *s == "super" || *s == "self").count();
                let base = &here[..here.len().saturating_sub(ups)];
                Target::Ours(base.to_vec()).plus(&path[skip..])
            }
            _ => {
                if let Some(known) = names.get(&(here.to_vec(), first.to_owned())) {
                    return known.plus(&path[1..]);
                }
                let child = [here, &path[..1]].concat();
                if self.modules.contains(&child) {
                    return Target::Ours(child).plus(&path[1..]);
                }
                let mut outside = path.to_vec();
                if matches!(first, "core" | "alloc") {
                    outside[0] = "std".to_owned();
                }
                Target::Outside(outside)
            }
        }
    }

    fn check_path(
        &self,
        at: &str,
        row: &Row,
        path: &PathUse,
        target: &Target,
        test: bool,
        out: &mut Vec<String>,
    ) {
        let me = row.module;
        let public = matches!(path.kind, Kind::Import { public: true, .. } | Kind::PublicType);
        let (glob, renamed) = match &path.kind {
            Kind::Import { glob, name, .. } => (*glob, name.as_ref() != path.segments.last()),
            Kind::Expression | Kind::PublicType => (false, false),
        };
        match target {
            Target::Ours(segments) => {
                let full = segments.join("/");
                let Some(theirs) = self.row(&full) else {
                    // An import of the bare root is only a name for it; what is reached
                    // through that name is looked at where it is used.
                    if glob || !segments.is_empty() {
                        out.push(format!("{at}: {me} imports the crate's root: `{full}`"));
                    }
                    return;
                };
                if theirs.module != me
                    && !row.may_import(&full, theirs.module)
                    && !self.deviates(me, &full)
                {
                    out.push(format!("{at}: {me} imports {}", segments.join("::")));
                    return;
                }
                if public && theirs.module != me && !test {
                    self.check_laundering(
                        at,
                        row,
                        |reader| {
                            let may = reader.module == theirs.module
                                || reader.may_import(&full, theirs.module)
                                || self.deviates(reader.module, &full);
                            (!may).then(|| theirs.module.to_owned())
                        },
                        path,
                        out,
                    );
                }
            }
            Target::Outside(segments) if !test => {
                let full = segments.join("::");
                if let Some(name) = row.forbids(&full) {
                    out.push(format!("{at}: {me} imports {full} ({name} is out of its reach)"));
                    return;
                }
                // `use std::*` or `use std as s` would make what is forbidden nameless.
                if glob || (renamed && segments.len() == 1) {
                    let hidden = row.never.iter().copied().flatten();
                    if hidden.into_iter().any(|name| name.starts_with(&format!("{full}::"))) {
                        let star = if glob { "::*" } else { "" };
                        out.push(format!("{at}: {me} imports {full}{star}, which hides the rest"));
                    }
                }
                if public {
                    let forbidden = |reader: &Row| reader.forbids(&full).map(str::to_owned);
                    self.check_laundering(at, row, forbidden, path, out);
                }
            }
            Target::Outside(_) => {}
        }
    }

    /// A public name for something foreign: everybody who may import its module gets it too.
    fn check_laundering(
        &self,
        at: &str,
        row: &Row,
        forbidden: impl Fn(&Row) -> Option<String>,
        path: &PathUse,
        out: &mut Vec<String>,
    ) {
        let file = at.rsplit_once(':').map_or(at, |(file, _)| file);
        let home = [module_of(file).as_slice(), &path.inside].concat().join("/");
        for reader in self.table {
            if reader.module == row.module || !reader.may_import(&home, row.module) {
                continue;
            }
            if let Some(what) = forbidden(reader) {
                out.push(format!("{at}: {} passes {what} on to {}", row.module, reader.module));
                return;
            }
        }
    }

    fn deviates(&self, from: &str, target: &str) -> bool {
        let below = |entry: &str| target == entry || target.starts_with(&format!("{entry}/"));
        self.deviations.iter().any(|(a, b, _)| *a == from && below(b))
    }
}
