//! Every action, declared once: its name, what it does, where it applies. The keymap, the
//! palette, the help overlay and the footer all read this list.

/// Where an action can be bound. In `Focus` its key follows the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    Grid,
    Focus,
    Scroll,
    Inbox,
    Costs,
    Wall,
    Events,
}

impl Place {
    pub const ALL: [Self; 7] =
        [Self::Grid, Self::Focus, Self::Scroll, Self::Inbox, Self::Costs, Self::Wall, Self::Events];

    pub fn word(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Focus => "focus",
            Self::Scroll => "scroll",
            Self::Inbox => "inbox",
            Self::Costs => "costs",
            Self::Wall => "wall",
            Self::Events => "events",
        }
    }
}

macro_rules! actions {
    ($($variant:ident $name:literal $doc:literal $short:literal [$($place:ident)*];)*) => {
        /// Something a key or a command can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = $doc] $variant,)*
        }

        impl Action {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// Names as keymaps and the palette know them.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it does, in a line.
            pub fn doc(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc,)*
                }
            }

            /// A word or two for the footer.
            pub fn short(self) -> &'static str {
                match self {
                    $(Self::$variant => $short,)*
                }
            }

            pub fn places(self) -> &'static [Place] {
                match self {
                    $(Self::$variant => &[$(Place::$place,)*],)*
                }
            }
        }
    };
}

actions! {
    Down "down" "next row" "down" [Grid Scroll Inbox Costs Wall Events];
    Up "up" "previous row" "up" [Grid Scroll Inbox Costs Wall Events];
    HalfPageDown "half-page-down" "half a page down" "½ page" [Grid Scroll Inbox Costs Wall Events];
    HalfPageUp "half-page-up" "half a page up" "½ page" [Grid Scroll Inbox Costs Wall Events];
    PageDown "page-down" "a page down" "page" [Grid Scroll Inbox Costs Wall Events];
    PageUp "page-up" "a page up" "page" [Grid Scroll Inbox Costs Wall Events];
    Top "top" "first row" "top" [Grid Scroll Inbox Costs Wall Events];
    Bottom "bottom" "last row" "bottom" [Grid Scroll Inbox Costs Wall Events];
    NextInNeed "next-in-need" "next agent that needs somebody" "in need" [Grid Focus Wall];
    Focus "focus" "open the agent's terminal" "focus" [Grid Inbox Wall Events];
    Stop "stop" "stop the agent, or all marked ones" "stop" [Grid Focus Wall];
    StopSwarm "stop-swarm" "stop the whole swarm" "stop swarm" [Grid Focus Wall];
    Pause "pause" "hold it, or all marked ones; again: it goes on" "pause" [Grid Focus Wall];
    PauseSwarm "pause-swarm" "hold the whole swarm; again: it goes on" "pause swarm" [Grid Wall];
    RemoveSwarm "remove-swarm" "forget a finished swarm, its recordings too" "remove" [Grid];
    Retry "retry" "try the last item again, the marked ones' too" "retry" [Grid Focus Wall];
    Send "send" "type a text to it, or to all marked ones" "send" [Grid Wall];
    Mark "mark" "mark or unmark the agent" "mark" [Grid Wall];
    MarkAll "mark-all" "mark all that are shown, or none" "mark all" [Grid Wall];
    ClearMarks "clear-marks" "unmark all" "unmark" [Grid Wall];
    Filter "filter" "show only what fits" "filter" [Grid Wall Events];
    Clear "clear" "clear the filter, then the marks, and let the order go" "clear" [Grid Events];
    Sort "sort" "sort by the next column" "sort" [Grid];
    Reverse "reverse" "turn the order round" "reverse" [Grid];
    OrderNow "order-now" "put rows that changed into their place" "order now" [Grid Wall];
    Columns "columns" "choose, order and size columns" "columns" [Grid];
    Group "group" "group rows by swarm, or not" "group" [Grid];
    OnlySwarm "only-swarm" "show only this swarm, or all" "one swarm" [Grid Events];
    Tree "tree" "show who spawned whom, or the plain grid" "tree" [Grid];
    Fold "fold" "in the tree: fold or unfold a branch" "fold" [Grid];
    NewSwarm "new-swarm" "fill in a new swarm" "new swarm" [Grid];
    Tour "tour" "Dash in one screen" "tour" [Grid];
    Events "events" "show or hide the events" "events" [Grid];
    EventsSize "events-size" "give the events more room" "events size" [Grid Events];
    Stream "stream" "read the events: filter, pause, jump" "read events" [Grid];
    Follow "follow" "stand still to be read, or follow what happens" "pause" [Events];
    Level "level" "only warnings, only errors, or all" "level" [Events];
    OnlyAgent "only-agent" "only the events of this line's agent, or all" "one agent" [Events];
    OnlyKind "only-kind" "only events of this line's kind, or all" "one kind" [Events];
    Palette "palette" "type a command" "command" [Grid Focus Inbox Costs Wall Events];
    Help "help" "show the keys in force" "keys" [Grid Focus Inbox Costs Wall Events];
    NextTheme "next-theme" "switch to the next theme" "theme" [Grid Inbox Costs Wall Events];
    Suspend "suspend" "go back to the shell; fg returns" "suspend" [Grid Inbox Costs Wall Events];
    Quit "quit" "leave; the agents go on" "quit" [Grid Focus Inbox Costs Wall Events];
    Detach "detach" "back to the grid" "detach" [Focus];
    NextAgent "next-agent" "the next agent's terminal" "next" [Focus];
    PreviousAgent "previous-agent" "the previous agent's terminal" "previous" [Focus];
    Zoom "zoom" "hide or show the side panel" "zoom" [Focus];
    Split "split" "beside grid and events, or alone" "split" [Focus];
    Scroll "scroll" "look back through what was printed" "scroll" [Focus];
    Leave "leave" "back to typing" "leave" [Scroll];
    LineStart "line-start" "to the line's first column" "start" [Scroll];
    LineEnd "line-end" "to the line's last letter" "end" [Scroll];
    NextWord "next-word" "to the next word" "word" [Scroll];
    PreviousWord "previous-word" "to the word before" "back" [Scroll];
    Select "select" "begin or drop a selection" "select" [Scroll];
    SelectLines "select-lines" "the same, of whole lines" "lines" [Scroll];
    Copy "copy" "the selection, or the line, to the clipboard" "copy" [Scroll];
    Search "search" "search upwards" "search" [Scroll];
    SearchAgain "search-again" "the next hit upwards" "again" [Scroll];
    SearchBack "search-back" "the next hit downwards" "back" [Scroll];
    Inbox "inbox" "what waits for an answer" "inbox" [Grid Focus Costs Wall Events];
    Costs "costs" "what was spent, and what it will come to" "costs" [Grid Focus Inbox Wall Events];
    Wall "wall" "the terminals themselves, side by side" "wall" [Grid Focus Inbox Costs Events];
    Left "left" "to the left" "left" [Scroll Wall];
    Right "right" "to the right" "right" [Scroll Wall];
    MoreTiles "more-tiles" "more and smaller tiles" "more" [Wall];
    FewerTiles "fewer-tiles" "fewer and larger tiles" "fewer" [Wall];
    By "by" "costs by swarm, by model or by agent" "by…" [Costs];
    Span "span" "chart the last minutes or the last hours" "span" [Costs];
    Show "show" "show in the grid what the row stands for" "in the grid" [Costs Events];
    Approve "approve" "let what is asked happen, once" "approve" [Inbox];
    ApproveFor "approve-for" "let it happen, and choose for how long" "for…" [Inbox];
    Deny "deny" "refuse what is asked" "deny" [Inbox];
    Read "read" "show the whole question, to its end" "read" [Inbox];
    Close "close" "back to the grid" "grid" [Inbox Costs Wall Events];
}

impl Action {
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }
}
