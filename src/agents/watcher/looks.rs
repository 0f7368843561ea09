//! What is seen of its terminal: progress, title and bottom rows, by the rules of its file, which
//! may be others while it runs.

use super::{Observation, PERMISSION, Watcher};
use crate::{
    agents::{Adapter, format::PatternRule, pattern::Pattern},
    model::{AgentState, Signal, Source},
    protocol::keeper::KeeperGauge,
};
use std::sync::Arc;

impl Watcher {
    /// The keeper's latest values.
    pub fn gauge(&mut self, gauge: &KeeperGauge) -> Vec<Observation> {
        let rules = Arc::clone(&self.rules);
        let mut seen = Vec::new();
        let title = rules.title.iter().find_map(|title| {
            let asked = title.on_title(&gauge.title, &gauge.bottom)?;
            Some((&title.rule, asked))
        });
        // Who shows progress and waits for somebody waits.
        let waits = title.as_ref().is_some_and(|(rule, _)| rule.state == AgentState::Waiting);
        let title = title.map(|(rule, asked)| match asks(rule) {
            true => (rule, self.prompts.stands(asked)),
            false => (rule, asked),
        });
        if title.as_ref().is_none_or(|(rule, _)| !asks(rule)) {
            let over = title.as_ref().is_some_and(|(rule, _)| rule.state == AgentState::Idle);
            self.prompts.gone(over);
        }
        if gauge.busy && !waits {
            let detail = "OSC 9;4".to_owned();
            let state = AgentState::Working;
            let signal = Signal {
                source: Source::Terminal,
                state,
                reason: String::new(),
                detail,
                progress: gauge.progress,
            };
            self.tell(signal, &mut seen);
        } else if let Some((rule, asked)) = title {
            let detail = format!("title: {asked}");
            self.say(Source::Terminal, rule.state, &rule.reason, &detail, &mut seen);
        } else if self.busy && rules.progress_off_is_idle {
            self.say(Source::Terminal, AgentState::Idle, "", "OSC 9;4 off", &mut seen);
        }
        self.busy = gauge.busy;
        let screen =
            rules.screen.iter().find_map(|rule| Some((&rule.rule, rule.on_screen(&gauge.bottom)?)));
        if let Some((rule, asked)) = screen {
            let detail = format!("screen: {asked}");
            self.say(Source::Screen, rule.state, &rule.reason, &detail, &mut seen);
        }
        seen
    }

    /// Goes by the rules of `adapter` from now on, also for what is seen at this moment.
    pub fn go_by(&mut self, adapter: &Adapter, gauge: &KeeperGauge) -> Vec<Observation> {
        self.rules = Arc::clone(&adapter.watch);
        let mut seen = self.gauge(gauge);
        // What only the old rules said holds no longer.
        let said = |source: Source| self.last.iter().any(|last| last.source == source);
        let rows = self.rules.screen.iter().any(|rule| rule.on_screen(&gauge.bottom).is_some());
        let title = |rule: &_| Pattern::on_title(rule, &gauge.title, &gauge.bottom).is_some();
        let title = gauge.busy || self.rules.title.iter().any(title);
        let gone = [(Source::Screen, rows), (Source::Terminal, title)];
        let gone = gone.map(|(source, fits)| (source, !fits && said(source)));
        for (source, _) in gone.into_iter().filter(|(_, gone)| *gone) {
            self.say(source, AgentState::Working, "", "no rule of its file fits", &mut seen);
        }
        seen
    }
}

/// True of a rule for a title with which it shows a permission prompt.
fn asks(rule: &PatternRule) -> bool {
    (rule.state, rule.reason.as_str()) == (AgentState::Waiting, PERMISSION)
}
