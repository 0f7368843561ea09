//! Carrying out actions: who does what.

use super::{App, Want};
use crate::model::Level;
use crate::tui::{
    actions::{Action, Place},
    ui::EventsPane,
};

impl App {
    /// Carries out an action, wherever it came from.
    pub fn act(&mut self, action: Action) {
        if self.ui.focus.is_some() && self.focus_action(action) {
            return;
        }
        if self.place() == Place::Inbox && self.inbox_action(action) {
            return;
        }
        if self.place() == Place::Costs && self.costs_action(action) {
            return;
        }
        if self.place() == Place::Events && self.stream_action(action) {
            return;
        }
        self.find_cursor();
        if self.place() == Place::Wall && self.wall_action(action) {
            return;
        }
        match action {
            Action::Inbox => self.open_inbox(),
            Action::Costs => self.open_costs(),
            Action::Wall => self.open_wall(),
            Action::Palette => self.open_palette(""),
            Action::Help => self.open_help(),
            Action::Quit => self.leave(),
            Action::Suspend => self.want = Some(Want::Suspend),
            Action::NextTheme => self.next_theme(),
            Action::Stop => self.ask_stop(),
            Action::StopSwarm => self.ask_stop_swarm(None),
            Action::Pause => self.pause_of(self.chosen()),
            Action::PauseSwarm => self.pause_swarm(None, None),
            Action::RemoveSwarm => self.ask_remove_swarm(None),
            Action::Retry => self.retry_chosen(),
            Action::Send => self.write_letter(),
            Action::Columns => self.open_columns(),
            Action::NewSwarm => self.open_form(),
            Action::Tour => self.open_tour(),
            Action::Events => {
                self.ui.events = match self.ui.events {
                    EventsPane::Hidden => EventsPane::Small,
                    EventsPane::Small
                    | EventsPane::Half
                    | EventsPane::Rows(_)
                    | EventsPane::Full => EventsPane::Hidden,
                };
            }
            Action::EventsSize if self.ui.events == EventsPane::Half => self.open_stream(),
            Action::EventsSize => self.ui.events = self.ui.events.larger(),
            Action::Stream => self.open_stream(),
            Action::Down
            | Action::Up
            | Action::HalfPageDown
            | Action::HalfPageUp
            | Action::PageDown
            | Action::PageUp
            | Action::Top
            | Action::Bottom
            | Action::NextInNeed
            | Action::Focus
            | Action::Mark
            | Action::MarkAll
            | Action::ClearMarks
            | Action::Filter
            | Action::Clear
            | Action::Sort
            | Action::Reverse
            | Action::OrderNow
            | Action::Group
            | Action::Tree
            | Action::Fold
            | Action::OnlySwarm => self.grid_action(action),
            Action::Detach
            | Action::NextAgent
            | Action::PreviousAgent
            | Action::Zoom
            | Action::Split
            | Action::Scroll
            | Action::Leave => {
                self.say(Level::Info, format!("{} works in an agent's terminal", action.name()));
            }
            Action::Approve | Action::ApproveFor | Action::Deny | Action::Read | Action::Close => {
                self.say(Level::Info, format!("{} works in the inbox", action.name()));
            }
            Action::LineStart
            | Action::LineEnd
            | Action::NextWord
            | Action::PreviousWord
            | Action::Select
            | Action::SelectLines
            | Action::Copy
            | Action::Search
            | Action::SearchAgain
            | Action::SearchBack => {
                self.say(Level::Info, format!("{} works while looking back", action.name()));
            }
            Action::Left | Action::Right | Action::MoreTiles | Action::FewerTiles => {
                self.say(Level::Info, format!("{} works on the wall", action.name()));
            }
            Action::Follow | Action::Level | Action::OnlyAgent | Action::OnlyKind => {
                self.say(Level::Info, format!("{} works in the events", action.name()));
            }
            Action::By | Action::Span | Action::Show => {
                self.say(Level::Info, format!("{} works in the costs", action.name()));
            }
        }
    }
}
