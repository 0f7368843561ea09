//! How an attempt comes to its end: its last output, the verdict, files and check.

use super::{
    super::{
        adopt, held, outcome,
        world::{Heard, Order},
    },
    Keeping,
};
use crate::{
    agents::{LAST_LINES, Observation},
    core::{Input, KeeperNews, is_prompt},
    model::{AttemptResult, Exit, Outcome},
    protocol::keeper::{ExitRecord, Fact, FactKind, KeeperGauge},
    term::{
        lines,
        recording::{Recording, last_lines},
    },
};
use std::{path::PathBuf, time::Duration};
use tokio::time::Instant;

/// A keeper that has not ended its agent so long after the grace hangs.
const STUCK: Duration = Duration::from_secs(5);

/// Columns of a last line.
pub(super) const LAST_LINE: usize = 200;

impl Keeping {
    pub(super) fn expect_end(&mut self) {
        let grace = Duration::from_millis(self.world.config.core.stop_grace_ms);
        self.kill_at.get_or_insert_with(|| Instant::now() + grace + STUCK);
    }

    /// The init of its namespace dies with it, and all of the attempt with that.
    pub(super) fn kill_keeper(&mut self) {
        self.kill_at = None;
        tracing::warn!(attempt = %self.id, "its keeper does not stop it: killed");
        adopt::kill_keeper(&self.world, &self.id);
    }

    pub(super) async fn observe(&mut self, seen: Vec<Observation>) {
        for observation in seen {
            let attempt = self.id.clone();
            let told = match observation {
                Observation::Signal(signal) if is_prompt(&signal) => {
                    self.prompted(signal).await;
                    continue;
                }
                Observation::Signal(signal) => {
                    self.no_prompt(&signal);
                    Input::Signal { attempt, signal }
                }
                Observation::Session(session) => Input::Session { attempt, session },
            };
            self.world.tell(told).await;
        }
    }

    /// Feeds the watcher the recording up to `end`.
    pub(super) async fn read_output(&mut self, end: u64) -> Vec<Observation> {
        const PIECE: u64 = 256 << 10;
        let dir: PathBuf = self.world.instance.attempt_dir(&self.id);
        let mut seen = Vec::new();
        while self.read_to < end {
            let (dir, from) = (dir.clone(), self.read_to);
            let len = (end - from).min(PIECE);
            let read = tokio::task::spawn_blocking(move || -> std::io::Result<Vec<u8>> {
                let mut bytes = vec![0; len as usize];
                let n = Recording::open(&dir)?.read_at(from, &mut bytes)?;
                bytes.truncate(n);
                Ok(bytes)
            });
            match read.await {
                Ok(Ok(bytes)) if !bytes.is_empty() => {
                    self.read_to += bytes.len() as u64;
                    seen.extend(self.watcher.output(&bytes));
                }
                Ok(Ok(_)) => break,
                Ok(Err(error)) => {
                    tracing::warn!(attempt = %self.id, %error, "its recording does not read");
                    break;
                }
                Err(_) => break,
            }
        }
        if std::mem::take(&mut self.rereads) { last_words(seen) } else { seen }
    }

    /// A keeper that has left may have ended the attempt for a limit that no core has heard of.
    pub(super) async fn catch_up(&mut self) {
        let Some(fact) = adopt::limit_reached(&self.world, &self.id) else { return };
        let Fact { n, offset, kind: FactKind::LimitReached { limit, message }, .. } = fact else {
            return;
        };
        let news = KeeperNews::LimitReached { limit, message };
        let input = Input::Keeper { attempt: self.id.clone(), n, offset, news };
        if let Err(refusal) = self.world.feed(input).await {
            tracing::error!(attempt = %self.id, %refusal, "its limit could not be journaled");
        }
    }

    /// The agent is gone: judge, check, count files, and have it journaled.
    pub(super) async fn end(&mut self, n: Option<u64>, record: ExitRecord) {
        if self.reads_output {
            let seen = self.read_output(record.bytes).await;
            self.observe(seen).await;
        }
        let exit = record.exit;
        self.leave_place(exit.success()).await;
        let shown = self.shown(&record).await;
        let mut result = match self.launch_error.take() {
            Some(error) => outcome::failed_launch(error),
            None => self.watcher.finish(exit, &shown),
        };
        // What it prints for programs is no word of its own.
        let own = self.reads_output.then(|| {
            result.last_line().unwrap_or_else(|| {
                lines::last_line(std::iter::once(self.watcher.words("")), LAST_LINE)
            })
        });
        let last_line =
            own.unwrap_or_else(|| lines::last_line(shown.iter().map(String::as_str), LAST_LINE));
        let gauge = KeeperGauge { bytes: record.bytes, last_line, ..KeeperGauge::default() };
        self.world.gauges.set(&self.plan.attempt.agent, &self.id, gauge);
        if self.inspect(&mut result).await {
            self.journal_end(n.unwrap_or(0), record.bytes, Some(exit), result).await;
        }
    }

    /// What it showed last: its printed lines as they are in the recording, where no size of
    /// a terminal has cut them; the screen of a program that drew on the alternate one.
    async fn shown(&self, record: &ExitRecord) -> Vec<String> {
        if record.screen.alternate {
            return record.screen.lines.clone();
        }
        let (dir, end) = (self.world.instance.attempt_dir(&self.id), record.bytes);
        let read = tokio::task::spawn_blocking(move || {
            last_lines(&Recording::open(&dir)?, end, LAST_LINES)
        });
        match read.await {
            Ok(Ok(lines)) => lines,
            Ok(Err(error)) => {
                tracing::warn!(attempt = %self.id, %error, "its recording does not read");
                record.screen.lines.clone()
            }
            Err(_) => record.screen.lines.clone(),
        }
    }

    /// What the shared process still does for this attempt ends with it. `well`: it ended by
    /// itself, so that nothing of it is under way there.
    async fn leave_place(&mut self, well: bool) {
        if let Some(place) = self.place.take() {
            place.leave(well).await;
        }
    }

    pub(super) async fn lost(&mut self) {
        self.leave_place(false).await;
        adopt::kill_leftovers(&self.world, &self.id);
        // A keeper that leaves takes its sockets along; this one could not.
        let instance = &self.world.instance;
        for socket in [instance.keeper_socket(&self.id), instance.agent_socket(&self.id)] {
            let _ = std::fs::remove_file(socket);
        }
        if let Some(own) = instance.agent_socket(&self.id).parent() {
            let _ = std::fs::remove_dir(own);
        }
        let mut result = AttemptResult {
            outcome: Outcome::Lost,
            stop_reason: "lost".to_owned(),
            text: String::new(),
            data: None,
            error: "its keeper vanished; what it did until then is in its log".to_owned(),
            files: None,
            reported: None,
            session: None,
        };
        if self.inspect(&mut result).await {
            self.journal_end(0, 0, None, result).await;
        }
    }

    /// Files and check; a stop ends a check that runs. False when the core leaves: then the
    /// next one inspects again.
    async fn inspect(&mut self, result: &mut AttemptResult) -> bool {
        let stop = async {
            loop {
                match self.orders.recv().await.map(Order::heard) {
                    Some(Heard::Stop) => return true,
                    Some(Heard::Goodbye(done)) => {
                        let _ = done.send(());
                        return false;
                    }
                    None => return false,
                    // There is no terminal any more.
                    Some(Heard::Hold | Heard::Verdict { .. } | Heard::Nothing) => {}
                }
            }
        };
        held::sweep(&self.world, &self.plan).await;
        let stopped = tokio::select! {
            () = outcome::inspect(&self.world, &self.plan, result) => return true,
            stopped = stop => stopped,
        };
        adopt::kill_leftovers(&self.world, &self.id);
        self.quiet = !stopped;
        if stopped {
            result.outcome = Outcome::Stopped;
            result.stop_reason = "stopped".to_owned();
        }
        stopped
    }

    async fn journal_end(&mut self, n: u64, bytes: u64, exit: Option<Exit>, result: AttemptResult) {
        if let Some(served) = self.served.take() {
            served.over().await;
        }
        let attempt = self.id.clone();
        let ended = Input::Ended { attempt, n, bytes, exit, result: Box::new(result) };
        if let Err(refusal) = self.world.feed(ended).await
            && !self.quiet
        {
            tracing::error!(attempt = %self.id, %refusal, "its end could not be journaled");
        }
    }
}

/// The last signal of each source and the last session, in their order.
fn last_words(seen: Vec<Observation>) -> Vec<Observation> {
    let mut last: Vec<Observation> = Vec::new();
    for observation in seen.into_iter().rev() {
        let later = last.iter().any(|later| match (&observation, later) {
            (Observation::Signal(one), Observation::Signal(other)) => one.source == other.source,
            (Observation::Session(_), Observation::Session(_)) => true,
            (Observation::Signal(_), Observation::Session(_))
            | (Observation::Session(_), Observation::Signal(_)) => false,
        });
        if !later {
            last.push(observation);
        }
    }
    last.reverse();
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AgentState, Signal, Source};

    fn says(source: Source, reason: &str) -> Observation {
        let (state, reason, detail) = (AgentState::Working, reason.to_owned(), String::new());
        Observation::Signal(Signal { source, state, reason, detail, progress: None })
    }

    #[test]
    fn of_what_is_read_again_only_the_end_is_told() {
        let seen = vec![
            says(Source::Output, ""),
            Observation::Session("one".to_owned()),
            says(Source::Output, "api retry"),
            says(Source::Terminal, ""),
            Observation::Session("two".to_owned()),
            says(Source::Output, ""),
        ];
        let told = last_words(seen.clone());
        assert_eq!(told, seen[3..].to_vec());
    }
}
