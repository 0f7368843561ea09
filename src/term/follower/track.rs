//! What the follower remembers of bytes that are not drawn yet: the modes at their end, and
//! the places that no skip may cross (barriers, a bounded list, in order of the recording),
//! and what of the screen may have changed.
//!
//! The follower owns it, feeds it each byte once, and drops the barriers that it has drawn.

use super::touched::Touched;
use crate::term::modes::{Effect, Modes};
use crate::term::token::{Sink, Span};
use std::collections::VecDeque;

/// Beyond so many barriers the rest of the backlog is parsed without skipping.
const BARRIERS: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier {
    pub start: u64,
    pub end: u64,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Switch,
    Save,
    Resize(u16, u16),
}

pub struct Track {
    pub modes: Modes,
    pub rows: u16,
    pub barriers: VecDeque<Barrier>,
    pub reset: Option<u64>,
    /// Barriers were dropped: no skipping before this offset.
    pub blind_until: u64,
    pub touched: Touched,
}

impl Track {
    pub fn new(rows: u16) -> Self {
        Self {
            modes: Modes::default(),
            rows,
            barriers: VecDeque::new(),
            reset: None,
            blind_until: 0,
            touched: Touched::new(),
        }
    }

    fn effect(&mut self, effect: Effect, at: Span) {
        let kind = match effect {
            Effect::None => return,
            Effect::Reset => {
                self.touched.stop();
                // Sizes still matter, the rest is over.
                self.barriers.retain(|b| matches!(b.kind, Kind::Resize(..)));
                self.blind_until = 0;
                self.reset = Some(at.start);
                return;
            }
            Effect::Save => {
                // Only the last saved cursor counts.
                if self.barriers.back().is_some_and(|b| b.kind == Kind::Save) {
                    self.barriers.pop_back();
                }
                Kind::Save
            }
            Effect::Switch => {
                self.touched.lose();
                Kind::Switch
            }
        };
        if self.barriers.len() >= BARRIERS {
            self.barriers.retain(|b| matches!(b.kind, Kind::Resize(..)));
            self.blind_until = at.end;
        }
        if self.blind_until > 0 && self.barriers.len() >= BARRIERS / 2 {
            self.blind_until = at.end;
            return;
        }
        self.barriers.push_back(Barrier { start: at.start, end: at.end, kind });
    }
}

impl Sink for Track {
    fn text(&mut self, bytes: &[u8]) {
        self.touched.text(bytes, &self.modes);
    }

    fn control(&mut self, byte: u8) {
        self.modes.control(byte);
    }

    fn esc(&mut self, intermediates: &[u8], last: u8, at: Span) {
        let effect = self.modes.esc(intermediates, last);
        self.touched.esc(intermediates, last, &self.modes);
        self.effect(effect, at);
    }

    fn csi(&mut self, raw: &[u8], last: u8, at: Span) {
        let effect = self.modes.csi(raw, last, self.rows);
        self.touched.csi(raw, last, &self.modes);
        self.effect(effect, at);
    }

    fn osc(&mut self, payload: &[u8], _: bool, truncated: bool) {
        if !truncated {
            self.modes.osc(payload);
        }
    }

    fn dcs(&mut self, _: &[u8], _: bool) {}
}
