//! Whether one rule speaks of one command.

use super::{
    place::Dirs,
    saved::Saved,
    script::Script,
    unwrap::{find_roots, runs_one_of},
    word::{Likely, MANY, ONE, expands_to, has_glob, is_open, like},
};
use crate::model::{Rule, Verdict};
use std::path::{Path, PathBuf};

/// A command with all that a rule may ask about it.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pub name: &'a str,
    pub words: &'a [String],
    /// What it is redirected from and to.
    pub files: &'a [String],
    /// The file that is run, canonical, where the caller knows it.
    pub executable: Option<&'a Path>,
    pub dirs: &'a Dirs,
    /// What may be written.
    pub roots: &'a [PathBuf],
    pub output: &'a Output<'a>,
}

/// Where the output of a command goes.
pub struct Output<'a> {
    pub script: &'a Script,
    pub index: usize,
    /// Of the command whose line this is.
    pub outer: Option<&'a Output<'a>>,
}

impl Output<'_> {
    /// True where what it reads comes from a pipe: its own, or that of the line it stands in.
    pub fn has_piped_input(&self) -> bool {
        self.script.is_piped_into(self.index)
            || self.outer.is_some_and(|outer| outer.has_piped_input())
    }

    fn goes_to(&self, names: &[String]) -> Likely {
        let (readers, all) = self.script.readers(self.index);
        if readers.iter().any(|simple| runs_one_of(&simple.words, names)) {
            return Likely::Yes;
        }
        let here = if all { Likely::No } else { Likely::Maybe };
        here.max(self.outer.map_or(Likely::No, |outer| outer.goes_to(names)))
    }

    /// Whether what is saved from it is run by one of the commands of the line.
    fn is_saved_for(&self, saved: &mut Saved, names: &[String]) -> Likely {
        let (readers, _) = self.script.readers(self.index);
        readers.into_iter().for_each(|simple| saved.and_of(simple));
        if saved.is_empty() && self.outer.is_none() {
            return Likely::No;
        }
        let here = saved.is_run_in(self.script, names);
        here.max(self.outer.map_or(Likely::No, |outer| outer.is_saved_for(saved, names)))
    }
}

/// An allowing rule has to fit to the letter; of any other, a doubt counts.
pub fn fits(rule: &Rule, given: &Given<'_>) -> Likely {
    let strict = rule.verdict == Verdict::Allow;
    let mut likely = program(rule, given).min(beginning(rule, given.words, strict));
    if likely == Likely::No {
        return likely;
    }
    let args = given.words.get(1..).unwrap_or_default();
    if !rule.with.is_empty() {
        likely = likely.min(any_of(&rule.with, args, strict));
    }
    if !rule.without.is_empty() && likely > Likely::No {
        likely = likely.min(none_of(rule, args));
    }
    if rule.outside_scope && likely > Likely::No {
        likely = likely.min(outside(rule, given));
    }
    if !rule.touches.is_empty() && likely > Likely::No {
        let mut words = args.iter().chain(given.files);
        let touched = words.any(|word| given.dirs.touches(word, &rule.touches));
        likely = likely.min(Likely::of(touched));
    }
    if !rule.into.is_empty() && likely > Likely::No {
        let mut saved = Saved::of(given.name, given.words, given.files);
        let run = given.output.is_saved_for(&mut saved, &rule.into);
        likely = likely.min(given.output.goes_to(&rule.into).max(run));
    }
    likely
}

fn program(rule: &Rule, given: &Given<'_>) -> Likely {
    let Some(names) = rule.command.first() else { return Likely::No };
    let named = names.iter().any(|name| like(name, given.name));
    let Some(pin) = &rule.executable else { return Likely::of(named) };
    let pinned = given.executable == Some(pin.as_path())
        || given.words.first().is_some_and(|word| Path::new(word) == pin);
    // Whatever goes by the name is refused with it; nothing is allowed for its name alone.
    Likely::of(pinned || (named && rule.verdict != Verdict::Allow))
}

/// The words after the program, with options (and what may be their values) between them.
fn beginning(rule: &Rule, words: &[String], strict: bool) -> Likely {
    let wanted = rule.command.get(1..).unwrap_or_default();
    let args = words.get(1..).unwrap_or_default();
    let is = |at: usize, arg: &str| wanted[at].iter().any(|one| like(one, arg));
    if strict {
        let fits = args.len() >= wanted.len() && (0..wanted.len()).all(|at| is(at, &args[at]));
        return Likely::of(fits);
    }
    // For each number of words found: how likely it is that a reading gets there.
    let mut found = vec![Likely::No; wanted.len() + 1];
    found[0] = Likely::Yes;
    let mut after_option = false;
    for arg in args {
        if found[wanted.len()] == Likely::Yes || found.iter().all(|&l| l == Likely::No) {
            break;
        }
        let option = arg.starts_with(['-', '+']);
        let open = is_open(arg);
        let mut next = vec![Likely::No; wanted.len() + 1];
        next[wanted.len()] = found[wanted.len()];
        for at in 0..wanted.len() {
            let here = found[at];
            if here == Likely::No {
                continue;
            }
            if is(at, arg) {
                next[at + 1] = next[at + 1].max(here);
            } else if open {
                // It may be this word, or with no quotes all that are missing.
                let to = if arg.contains(MANY) { wanted.len() } else { at + 1 };
                next[to] = next[to].max(Likely::Maybe);
                next[at] = next[at].max(Likely::Maybe);
            } else if has_glob(arg) && wanted[at].iter().any(|one| expands_to(arg, one)) {
                // Where there is a file of that name.
                next[at + 1] = next[at + 1].max(Likely::Maybe);
            }
            if option || after_option {
                next[at] = next[at].max(here);
            }
        }
        after_option = option && !arg.contains('=') && arg != "--";
        found = next;
    }
    found[wanted.len()]
}

fn any_of(wanted: &[String], args: &[String], strict: bool) -> Likely {
    let mut best = Likely::No;
    let mut ended = false;
    for arg in args {
        for pattern in wanted {
            let mut likely = argument(pattern, arg, strict);
            // Not every program takes what follows `--` for no option.
            if ended && pattern.starts_with('-') {
                likely = likely.min(if strict { Likely::No } else { Likely::Maybe });
            }
            best = best.max(likely);
            if best == Likely::Yes {
                return best;
            }
        }
        ended |= arg == "--";
    }
    best
}

/// Whether `arg` is the option or word `pattern`: also in a group of short options, with a
/// value, or as an abbreviation.
fn argument(pattern: &str, arg: &str, strict: bool) -> Likely {
    if like(pattern, arg) {
        return Likely::Yes;
    }
    if strict {
        return Likely::No;
    }
    // Keys of settings, methods, marks: none is another word by the size of its letters.
    let large = |text: &str| text.bytes().any(|b| b.is_ascii_uppercase());
    if !pattern.starts_with('-')
        && (large(pattern) || large(arg))
        && like(&pattern.to_ascii_lowercase(), &arg.to_ascii_lowercase())
    {
        return Likely::Yes;
    }
    if has_glob(arg) && expands_to(arg, pattern) {
        return Likely::Maybe;
    }
    let known = arg.split([MANY, ONE]).next().unwrap_or(arg);
    let open = known.len() < arg.len();
    if let (Some(long), Some(given)) = (pattern.strip_prefix("--"), known.strip_prefix("--")) {
        let name = given.split('=').next().unwrap_or(given);
        if !name.is_empty() && long.starts_with(name) {
            return if open && name.len() == given.len() { Likely::Maybe } else { Likely::Yes };
        }
        return Likely::of(false).max(late(arg));
    }
    if let (Some(short), Some(group)) = (one_letter(pattern), known.strip_prefix('-'))
        && !group.starts_with('-')
        && group.split('=').next().is_some_and(|letters| letters.contains(short))
    {
        return Likely::Yes;
    }
    if open
        && (known.is_empty()
            || known == "-"
            || (known.starts_with('-') && !known.starts_with("--")))
    {
        return Likely::Maybe;
    }
    if open && !pattern.starts_with('-') && (pattern.starts_with(known) || like(pattern, known)) {
        return Likely::Maybe;
    }
    late(arg)
}

/// An expansion without quotes may end this word and begin another.
fn late(arg: &str) -> Likely {
    if arg.contains(MANY) { Likely::Maybe } else { Likely::No }
}

fn one_letter(pattern: &str) -> Option<char> {
    let mut letters = pattern.strip_prefix('-')?.chars();
    let letter = letters.next().filter(|&c| c != '-')?;
    letters.next().is_none().then_some(letter)
}

/// Whether none of `without` is there. One that may be the value of an option before it is
/// a doubt.
fn none_of(rule: &Rule, args: &[String]) -> Likely {
    let known = |arg: &String| rule.with.contains(arg) || rule.without.contains(arg);
    let mut likely = Likely::Yes;
    // `--dry-run --no-dry-run`, `--dry-run=false`, `--dry-run false`.
    let taken_back = args.iter().any(|arg| {
        arg.starts_with("--no-") || arg.contains("=false") || matches!(arg.as_str(), "false" | "0")
    });
    for (i, arg) in args.iter().take_while(|arg| *arg != "--").enumerate() {
        if !rule.without.contains(arg) {
            continue;
        }
        let before = i.checked_sub(1).and_then(|before| args.get(before));
        if !taken_back
            && before.is_none_or(|arg| (!arg.starts_with('-') && !is_open(arg)) || known(arg))
        {
            return Likely::No;
        }
        likely = Likely::Maybe;
    }
    likely
}

fn outside(rule: &Rule, given: &Given<'_>) -> Likely {
    let args = given.words.get(1..).unwrap_or_default();
    let outside = |word: &str| given.dirs.is_outside(word, given.roots);
    if given.name == "find" {
        let roots = find_roots(args);
        let all = roots.iter().map(|root| outside(root)).max();
        return all.unwrap_or_else(|| outside("."));
    }
    match given.name {
        "dd" => return dd_targets(args).map(outside).max().unwrap_or(Likely::No),
        // On another machine, or a directory here.
        "rsync" => {
            let Some(target) = rsync_target(args) else { return Likely::No };
            let local = target.split('/').next().is_some_and(|host| !host.contains(':'));
            return if local { outside(target) } else { Likely::Yes };
        }
        _ => {}
    }
    let mut best = Likely::No;
    let mut any = false;
    let mut left = rule.command.len() - 1;
    let mut ended = false;
    for arg in args {
        if !ended && arg == "--" {
            ended = true;
        } else if !ended && arg.starts_with('-') {
            // A target that an option names, as in `--target-directory=DIR` or `-t/DIR`.
            let value = match arg.split_once('=') {
                Some((_, value)) => Some(value),
                None => arg.find('/').and_then(|at| arg.get(at..)),
            };
            if let Some(value) = value {
                best = best.max(outside(value).min(Likely::Maybe));
            }
        } else if left > 0 {
            left -= 1;
        } else {
            any = true;
            best = best.max(outside(arg));
        }
    }
    // What names nothing means the directory it runs in.
    if any { best } else { best.max(outside(".")) }
}

/// What `dd` writes.
fn dd_targets(args: &[String]) -> impl Iterator<Item = &str> {
    args.iter().filter_map(|arg| arg.strip_prefix("of=").or(is_open(arg).then_some(arg)))
}

/// Where `rsync` copies to: its last word that is no option and no option's value.
fn rsync_target(args: &[String]) -> Option<&str> {
    const VALUED: &[&str] = &[
        "-e",
        "-f",
        "-B",
        "-M",
        "-T",
        "-@",
        "--rsh",
        "--filter",
        "--exclude",
        "--include",
        "--exclude-from",
        "--include-from",
        "--files-from",
        "--temp-dir",
        "--partial-dir",
        "--log-file",
        "--bwlimit",
        "--timeout",
        "--port",
        "--chmod",
        "--chown",
        "--suffix",
        "--password-file",
        "--rsync-path",
        "--backup-dir",
        "--max-size",
        "--min-size",
        "--link-dest",
        "--compare-dest",
        "--copy-dest",
        "--remote-option",
        "--block-size",
        "--out-format",
        "--max-delete",
        "--usermap",
        "--groupmap",
        "--modify-window",
    ];
    let mut words = args.iter().peekable();
    let mut target = None;
    while let Some(arg) = words.next() {
        if VALUED.contains(&arg.as_str()) {
            words.next();
        } else if !arg.starts_with('-') {
            target = Some(arg.as_str());
        }
    }
    target
}
