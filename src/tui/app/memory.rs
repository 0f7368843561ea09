//! What is left for the next screen, and what the one before left for this.

use super::App;
use crate::model::AgentId;
use crate::store::{By, Column, Filter};
use crate::tui::{
    field::{self, Chosen},
    memory::Memory,
    ui::{Costs, EventsPane, Inbox},
    wall::Wall,
};

impl App {
    /// True once after a person did something.
    pub fn take_used(&mut self) -> bool {
        std::mem::take(&mut self.used)
    }

    pub fn remember(&self) -> Memory {
        // Nothing of it was put to use yet.
        if let Some(memory) = &self.recalled {
            return memory.clone();
        }
        let grid = &self.ui.grid;
        let words = |list: &[Chosen]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let own = self.ui.columns != self.configured;
        let view = match (&self.ui.costs, &self.ui.inbox) {
            (_, Some(_)) => "inbox",
            (Some(_), None) => "costs",
            (None, None) if self.ui.wall.is_some() => "wall",
            (None, None) => "grid",
        };
        Memory {
            sort: grid.sort.word().to_owned(),
            reverse: grid.reverse,
            group: grid.group,
            tree: grid.tree,
            filter: grid.filter.text().to_owned(),
            swarm: grid.swarm.clone(),
            columns: own.then(|| words(&self.ui.columns)),
            configured: words(&self.configured),
            events: self.ui.events.word(),
            events_before: self.ui.stream.before.word(),
            events_filter: self.ui.stream.filter.text().to_owned(),
            events_end: self.ui.stream.end,
            events_cursor: self.ui.stream.cursor,
            view: view.to_owned(),
            costs_by: self.ui.costs.as_ref().map_or(By::Swarm, |costs| costs.by).word().to_owned(),
            costs_long: self.ui.costs.as_ref().is_some_and(|costs| costs.long),
            tiles: self.ui.wall.as_ref().map_or(self.tiles, |wall| wall.want),
            split: self.split,
            cursor: match &self.ui.focus {
                Some(focus) => Some(focus.agent.clone()),
                // One that was not moved stands on whoever comes first.
                None => self.ui.cursor.clone().filter(|_| !grid.hold.is_empty()),
            },
            marked: self.ui.marked.clone(),
            folded: grid.folded.clone(),
            form: self.form.clone(),
            history: self.ui.palette.history().to_vec(),
        }
    }

    /// Takes up where a screen was left. An agent's terminal is not opened by itself: what is
    /// typed would go to it before it was seen.
    pub fn recall(&mut self, memory: Memory) {
        let sort = Column::ALL.into_iter().find(|column| column.word() == memory.sort);
        self.form.clone_from(&memory.form);
        self.ui.palette.remember(memory.history.clone());
        let grid = &mut self.ui.grid;
        grid.sort = sort.unwrap_or_default();
        grid.filter = Filter::parse(&memory.filter);
        (grid.reverse, grid.group, grid.tree) = (memory.reverse, memory.group, memory.tree);
        let words: Vec<String> = self.configured.iter().map(ToString::to_string).collect();
        let own = memory.columns.as_ref().filter(|_| memory.configured == words);
        if let Some(Ok(list)) = own.map(|list| field::parse(list.iter().map(String::as_str))) {
            self.ui.columns = list;
        }
        self.ui.events = EventsPane::named(&memory.events).unwrap_or_default();
        let stream = &mut self.ui.stream;
        stream.before = EventsPane::named(&memory.events_before).unwrap_or_default();
        stream.sift(&memory.events_filter);
        (stream.end, stream.cursor) = (memory.events_end, memory.events_cursor);
        (self.tiles, self.split) = (memory.tiles, memory.split);
        match memory.view.as_str() {
            "wall" => self.ui.wall = Some(Wall::new(memory.tiles)),
            "inbox" => self.ui.inbox = Some(Inbox::default()),
            "costs" => {
                let by = By::ALL.into_iter().find(|by| by.word() == memory.costs_by);
                let (by, long) = (by.unwrap_or_default(), memory.costs_long);
                self.ui.costs = Some(Costs { by, long, stale: true, ..Costs::default() });
            }
            _ => {}
        }
        self.recalled = Some(memory);
    }

    /// The part that is about agents, once it is known which there are.
    pub(super) fn recall_agents(&mut self) {
        let Some(memory) = self.recalled.take() else { return };
        let known = |id: &AgentId| self.store.agent(id).is_some();
        let marked = memory.marked.into_iter().filter(&known).collect();
        let folded = memory.folded.into_iter().filter(&known).collect();
        let cursor = memory.cursor.filter(&known);
        // The one that was asked for on the command line goes before.
        let swarm = memory.swarm.filter(|id| self.store.swarm(id).is_some());
        if self.ui.grid.swarm.is_none() && self.select.is_none() {
            self.ui.grid.swarm = swarm;
        }
        self.ui.marked = marked;
        self.ui.grid.folded = folded;
        let shown = |id: &AgentId| self.ids().contains(id);
        if let Some(id) = cursor.filter(shown) {
            self.hold_here(id);
        }
        if self.ui.inbox.is_some() {
            self.open_inbox();
        }
    }
}
