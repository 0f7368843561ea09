//! Taking up what an earlier attempt left: copies of its session's files where the adapter can
//! resume it, else a word before the task.
//!
//! The files were the agent's to write. So nothing is followed that could be a link, only
//! plain files are copied, and no more than some; what comes of it lies in the new attempt's
//! own directory, where the agent could have put the same. The earlier attempt keeps its own:
//! what it was stays to be seen, and a second retry may start from the same place.

use super::{host::Share, launch::Plan, world::Shared};
use crate::{
    agents::Adapter,
    core::{Input, Left},
    model::{FileChange, Outcome},
};
use anyhow::{Context, bail};
use rustix::fs::{Mode, OFlags};
use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Bytes of a session's files at most.
const MOST: u64 = 256 << 20;
/// How many of them.
const FILES: usize = 10_000;
/// Bytes of the last words, and of why it ended, that the next attempt is told.
const WORDS: usize = 4000;
/// Names of changed files that it is told.
const NAMED: usize = 50;
/// A longer task goes without a word before it: both together would not fit in an argument.
const LONGEST_TASK: usize = 100_000;

/// What a launch begins with.
#[derive(Clone, Debug, Default)]
pub struct TakenUp {
    /// The session that goes on.
    pub session: Option<String>,
    /// Stands before the task.
    pub words: String,
}

impl TakenUp {
    pub fn task(&self, task: String) -> String {
        match self.words.is_empty() || task.len() > LONGEST_TASK {
            true => task,
            // On its own screen it may have none.
            false if task.trim().is_empty() => self.words.clone(),
            false => format!("{}\n\n{task}", self.words),
        }
    }
}

/// Takes up what there is, and has that journaled.
pub async fn take_up(world: &Shared, plan: &Plan, left: &Left, share: &Share) -> TakenUp {
    let catalog = world.catalog();
    // What runs in a shell is a command line: it is told nothing.
    let adapter = catalog.get(&plan.adapter).filter(|adapter| !adapter.runs_task_in_shell());
    let Some(adapter) = adapter.cloned() else { return TakenUp::default() };
    let (instance, new, of) = (world.instance.clone(), plan.attempt.id.clone(), left.clone());
    let (at_host, screen) = (at_host(share), plan.interactive);
    let carried = tokio::task::spawn_blocking(move || {
        let private = |attempt| instance.attempt_dir(attempt).join("private");
        if let Some(session) = at_host {
            return session;
        }
        let (old, session) = of.session.as_ref().context("it named no session")?;
        carry(&adapter, screen, session, &private(old), &private(&new)).map(|()| session.clone())
    });
    let (session, why) = match carried.await {
        Ok(Ok(session)) => (Some(session), String::new()),
        Ok(Err(error)) => (None, format!("{error:#}")),
        Err(_) => return TakenUp::default(),
    };
    if session.is_none() && !left.told {
        return TakenUp::default();
    }
    world
        .tell(Input::TookUp {
            attempt: plan.attempt.id.clone(),
            from: left.number,
            session: session.clone().unwrap_or_default(),
            why,
        })
        .await;
    let words = match plan.has_task() {
        true => words(left, session.is_some()),
        false => words_alone(left, session.is_some()),
    };
    TakenUp { words, session }
}

/// The session that goes on at the process which it shares; none where it shares none.
fn at_host(share: &Share) -> Option<anyhow::Result<String>> {
    match share {
        Share::Alone | Share::Host(_) => None,
        Share::Guest(.., Some(session)) => Some(Ok(session.clone())),
        Share::Guest(.., None) => {
            let why = "the process that it shares has no such session: the one that had it has \
                       ended, or another has its place there";
            Some(Err(anyhow::anyhow!(why)))
        }
    }
}

/// Copies the files of `session`. `screen`: it goes on on the agent's own screen.
fn carry(
    adapter: &Adapter,
    screen: bool,
    session: &str,
    old: &Path,
    new: &Path,
) -> anyhow::Result<()> {
    let (from, to) = (adapter.sessions(old, screen), adapter.sessions(new, screen));
    if from.is_empty() {
        let here = if screen { " on its own screen" } else { "" };
        bail!("{} cannot resume a session{here}", adapter.name());
    }
    if !is_name(session) {
        bail!("it named its session in a way that no argument takes");
    }
    if !copy(&from, &to, old, session)? {
        bail!("nothing is left of session {session}");
    }
    Ok(())
}

/// Copies what is there of `from`, which lies in `old`. True if `session` was seen in it.
pub fn copy(from: &[PathBuf], to: &[PathBuf], old: &Path, session: &str) -> anyhow::Result<bool> {
    let mut copying = Copying { session, bytes: 0, files: 0, found: false };
    for (from, to) in from.iter().zip(to) {
        // A part of the way that is a link leads elsewhere.
        match fs::canonicalize(from) {
            Ok(real) if real == fs::canonicalize(old)?.join(from.strip_prefix(old)?) => {}
            Ok(_) => bail!("{} is a link", from.display()),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| from.display().to_string()),
        }
        copying.copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(copying.found)
}

/// It becomes an argument, and must not be taken for an option.
fn is_name(session: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    session.len() <= 200 && session.chars().all(good) && !session.starts_with('-')
}

struct Copying<'a> {
    session: &'a str,
    bytes: u64,
    files: usize,
    /// A file has the session's name in its own, or in itself: an agent that was stopped early
    /// may have named a session of which it wrote nothing.
    found: bool,
}

impl Copying<'_> {
    fn copy(&mut self, from: &Path, to: &Path) -> anyhow::Result<()> {
        let kind = fs::symlink_metadata(from)?.file_type();
        if kind.is_file() {
            return self.file(from, to);
        }
        if kind.is_dir() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(to)?;
            for entry in fs::read_dir(from)? {
                let name = entry?.file_name();
                self.copy(&from.join(&name), &to.join(&name))?;
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path) -> anyhow::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = fs::File::from(rustix::fs::open(from, flags, Mode::empty())?);
        self.files += 1;
        if self.files > FILES || !file.metadata()?.is_file() {
            bail!("more than {FILES} files, or one that is none");
        }
        let mut content = Vec::new();
        file.take(MOST - self.bytes + 1).read_to_end(&mut content)?;
        self.bytes += content.len() as u64;
        if self.bytes > MOST {
            bail!("more than {} MB", MOST >> 20);
        }
        self.found |= from.file_name().is_some_and(|n| n.to_string_lossy().contains(self.session))
            || memchr::memmem::find(&content, self.session.as_bytes()).is_some();
        write_new(to, &content)
    }
}

/// Whole or not at all; one that is there already was written by a core that died since, or by
/// the agent which that core started.
fn write_new(to: &Path, content: &[u8]) -> anyhow::Result<()> {
    if to.exists() {
        return Ok(());
    }
    if let Some(dir) = to.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let part = PathBuf::from(format!("{}.part", to.display()));
    let open = fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(&part);
    open?.write_all(content)?;
    fs::rename(&part, to)?;
    Ok(())
}

/// What the agent is told before its task.
fn words(left: &Left, goes_on: bool) -> String {
    let how = how_it_ended(left);
    let go_on = "Go on from there: what is done need not be done again.";
    if goes_on {
        let which = "which this conversation is about";
        return format!("Attempt {} at the task below, {which}, {how}. {go_on}", left.number);
    }
    let told = format!("Attempt {} at the task below {how}. {go_on}", left.number);
    told + &what_it_left(left) + "\n\nThe task:"
}

/// What is typed in first for an agent on its own screen that was given no task: nothing where
/// its conversation goes on, or where nothing came of it.
fn words_alone(left: &Left, goes_on: bool) -> String {
    let what = what_it_left(left);
    if goes_on || what.is_empty() {
        return String::new();
    }
    let how = how_it_ended(left);
    format!("A session before this one {how}.{what}\nDo nothing yet: wait for what comes next.")
}

fn how_it_ended(left: &Left) -> String {
    let how = match left.outcome {
        Outcome::Done => "ended as done",
        Outcome::Failed => "failed",
        Outcome::Stopped => "was stopped",
        Outcome::Lost => "broke off",
        Outcome::Paused => "was held by its budget",
    };
    match (left.outcome, left.why.trim()) {
        (Outcome::Done | Outcome::Stopped | Outcome::Paused, _) | (_, "") => how.to_owned(),
        (Outcome::Failed | Outcome::Lost, why) => format!("{how} ({})", clip(why)),
    }
}

fn what_it_left(left: &Left) -> String {
    let mut told = String::new();
    if !left.text.trim().is_empty() {
        let quoted = clip(left.text.trim()).replace('\n', "\n> ");
        told.push_str(&format!(" What it said last:\n> {quoted}"));
    }
    if !left.files.is_empty() {
        told.push_str(&format!("\nFiles it changed: {}", files(&left.files)));
    }
    told
}

fn files(changed: &[FileChange]) -> String {
    let named: Vec<String> = changed
        .iter()
        .take(NAMED)
        .map(|file| format!("{} (+{} -{})", file.path, file.added, file.removed))
        .collect();
    let more = changed.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    named.join(", ") + &more
}

fn clip(text: &str) -> &str {
    let mut end = text.len().min(WORDS);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn adapter(sessions: &str) -> Adapter {
        let text = format!(
            "name = 'x'\nsummary = ''\n[program]\nname = 'x'\n\
             [launch]\nresume = ['{{session}}']\nsessions = {sessions}\n"
        );
        Adapter::parse("x.toml", &text).unwrap()
    }

    struct Homes(tempfile::TempDir);

    impl Homes {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("old/a/deep")).unwrap();
            fs::create_dir(dir.path().join("new")).unwrap();
            Self(dir)
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        fn carry(&self, session: &str) -> Result<(), String> {
            let adapter = adapter("['{private}/a', '{private}/one']");
            let carried = carry(&adapter, false, session, &self.at("old"), &self.at("new"));
            carried.map_err(|error| format!("{error:#}"))
        }
    }

    #[test]
    fn files_of_a_session_are_copied_and_what_is_there_stays() {
        let homes = Homes::new();
        fs::write(homes.at("old/a/deep/s-1.jsonl"), "history").unwrap();
        fs::write(homes.at("old/one"), "index").unwrap();
        fs::write(homes.at("old/other"), "not named").unwrap();
        fs::write(homes.at("new/one"), "newer").unwrap();
        homes.carry("s-1").unwrap();
        let read = |path: &str| fs::read_to_string(homes.at(path)).ok();
        assert_eq!(read("new/a/deep/s-1.jsonl").as_deref(), Some("history"));
        assert_eq!((read("new/one").as_deref(), read("new/other")), (Some("newer"), None));
        assert!(homes.at("old/a/deep/s-1.jsonl").exists());
    }

    #[test]
    fn a_session_of_which_nothing_was_written_is_none() {
        let homes = Homes::new();
        assert_eq!(homes.carry("s-1").unwrap_err(), "nothing is left of session s-1");
        fs::write(homes.at("old/a/database"), "..s-1..").unwrap();
        homes.carry("s-1").unwrap();
        assert!(homes.carry("--yes").unwrap_err().contains("no argument"));
    }

    #[test]
    fn links_lead_nowhere() {
        let homes = Homes::new();
        let secret = homes.at("secret-s-1");
        fs::write(&secret, "s-1").unwrap();
        symlink(&secret, homes.at("old/a/deep/s-1")).unwrap();
        symlink(homes.0.path(), homes.at("old/a/dir")).unwrap();
        assert_eq!(homes.carry("s-1").unwrap_err(), "nothing is left of session s-1");
        assert_eq!(fs::read_dir(homes.at("new/a/deep")).unwrap().count(), 0);
        fs::remove_dir_all(homes.at("old/a")).unwrap();
        symlink(homes.0.path(), homes.at("old/a")).unwrap();
        assert!(homes.carry("s-1").unwrap_err().ends_with("is a link"));
        let none = adapter("[]");
        let (old, new) = (homes.at("old"), homes.at("new"));
        let refused = |screen| carry(&none, screen, "s-1", &old, &new).unwrap_err().to_string();
        assert_eq!(refused(false), "x cannot resume a session");
        assert_eq!(refused(true), "x cannot resume a session on its own screen");
    }

    #[test]
    fn what_the_agent_is_told() {
        let mut left = Left {
            number: 2,
            session: None,
            began: None,
            told: true,
            outcome: Outcome::Failed,
            why: "the check: 3 tests fail".to_owned(),
            text: "One\nTwo\n".to_owned(),
            files: vec![FileChange { path: "a.rs".to_owned(), added: 3, removed: 1 }],
        };
        assert_eq!(
            words(&left, false),
            "Attempt 2 at the task below failed (the check: 3 tests fail). Go on from there: what \
             is done need not be done again. What it said last:\n> One\n> Two\n\
             Files it changed: a.rs (+3 -1)\n\nThe task:"
        );
        left.outcome = Outcome::Stopped;
        assert_eq!(
            words_alone(&left, false),
            "A session before this one was stopped. What it said last:\n> One\n> Two\n\
             Files it changed: a.rs (+3 -1)\nDo nothing yet: wait for what comes next."
        );
        assert_eq!(words_alone(&left, true), "");
        assert_eq!(
            words(&left, true),
            "Attempt 2 at the task below, which this conversation is about, was stopped. Go on \
             from there: what is done need not be done again."
        );
        let told = TakenUp { session: None, words: "W".to_owned() };
        assert_eq!(told.task("T".to_owned()), "W\n\nT");
        assert_eq!(told.task(" ".to_owned()), "W");
        let long = "x".repeat(LONGEST_TASK + 1);
        assert_eq!(told.task(long.clone()), long);
    }
}
