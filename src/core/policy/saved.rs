//! What is downloaded into a file, and run by another command of the same line.

use super::{
    script::{Item, Script, Simple},
    unwrap::{What, inner, program},
    word::{Likely, QUERY, expands_to, has_glob, is_open, like},
};

/// The names that a download may be saved under, without their directories.
#[derive(Debug, Default)]
pub struct Saved {
    names: Vec<String>,
    /// There may be others.
    more: bool,
}

/// Programs that print what they load unless they are told to save it.
const PRINT: &[&str] = &["curl", "http", "https", "xh", "fetch"];

impl Saved {
    /// Of the command `words`, whose output goes into `files`.
    pub fn of(name: &str, words: &[String], files: &[String]) -> Self {
        let args = words.get(1..).unwrap_or_default();
        let short = if name == "wget" { 'O' } else { 'o' };
        let mut saved = Self::default();
        let mut by_address = !PRINT.contains(&name);
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            at += 1;
            if let Some(long) = arg.strip_prefix("--") {
                let (option, value) = match long.split_once('=') {
                    Some((option, value)) => (option, Some(value)),
                    None => (long, None),
                };
                by_address |= option.starts_with("remote-name") || option == "download";
                if matches!(option, "output" | "output-document" | "out") {
                    let value = value.or_else(|| args.get(at).map(String::as_str));
                    saved.add(value.unwrap_or_default());
                    by_address = false;
                }
            } else if let Some(group) = arg.strip_prefix('-') {
                by_address |= name == "curl" && group.contains('O');
                by_address |= name != "curl" && group.contains('d') && PRINT.contains(&name);
                if let Some((_, value)) = group.split_once(short) {
                    let next = args.get(at).map(String::as_str);
                    saved.add(if value.is_empty() { next.unwrap_or_default() } else { value });
                    by_address &= name == "curl";
                }
            }
        }
        if by_address {
            for address in args.iter().filter(|arg| !arg.starts_with('-')) {
                saved.add(address.split(['?', '#', QUERY]).next().unwrap_or(address));
            }
        }
        files.iter().for_each(|file| saved.add(file));
        saved
    }

    /// What a command saves that reads the download: `tee FILE`, `cat > FILE`.
    pub fn and_of(&mut self, simple: &Simple) {
        let named = simple.words.iter().skip(1).filter(|arg| !arg.starts_with('-'));
        named.chain(&simple.files).for_each(|file| self.add(file));
    }

    fn add(&mut self, path: &str) {
        let name = file_name(path);
        self.more |= is_open(path) || has_glob(path);
        let device = path.starts_with("/dev/") || path == "-";
        if !name.is_empty() && !device && !is_open(name) && !self.names.iter().any(|n| n == name) {
            self.names.push(name.to_owned());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.more
    }

    /// Whether a command in `script` runs it, by itself or as a script of one of `runners`.
    pub fn is_run_in(&self, script: &Script, runners: &[String]) -> Likely {
        let commands = script.items.iter().filter_map(|item| match item {
            Item::Command(simple) => Some(simple),
            Item::Enter | Item::Leave => None,
        });
        commands.map(|simple| self.is_run_by(&simple.words, runners, 0)).max().unwrap_or(Likely::No)
    }

    fn is_run_by(&self, words: &[String], runners: &[String], depth: usize) -> Likely {
        let Some(first) = words.first().filter(|_| depth < 8) else { return Likely::No };
        // A bare name is looked for elsewhere than here.
        let mut likely = if first.contains('/') { self.is(first) } else { Likely::No };
        let Some(name) = program(first) else { return likely };
        if runners.iter().any(|runner| like(runner, name)) {
            // A script, and also a line that names it.
            let args = words.iter().skip(1);
            let parts = args.flat_map(|arg| arg.split([' ', ';', '&', '|', '\n', '(', ')']));
            likely = parts.map(|part| self.is(part)).max().unwrap_or(Likely::No).max(likely);
        }
        for inner in inner(name, words) {
            if let What::Command(words) = inner.what {
                likely = likely.max(self.is_run_by(&words, runners, depth + 1));
            }
        }
        likely
    }

    fn is(&self, path: &str) -> Likely {
        let name = file_name(path);
        if path.is_empty() || path.starts_with('-') {
            return Likely::No;
        }
        if self.names.iter().any(|saved| saved == name) {
            return Likely::Yes;
        }
        let open = is_open(path) || has_glob(path);
        let expands = open && self.names.iter().any(|saved| expands_to(name, saved));
        if expands || (open && self.more) { Likely::Maybe } else { Likely::No }
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
