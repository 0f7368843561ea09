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
}

impl Place {
    pub const ALL: [Self; 5] = [Self::Grid, Self::Focus, Self::Scroll, Self::Inbox, Self::Costs];

    pub fn word(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Focus => "focus",
            Self::Scroll => "scroll",
            Self::Inbox => "inbox",
            Self::Costs => "costs",
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
    Down "down" "next row" "down" [Grid Scroll Inbox Costs];
    Up "up" "previous row" "up" [Grid Scroll Inbox Costs];
    HalfPageDown "half-page-down" "half a page down" "½ page" [Grid Scroll Inbox Costs];
    HalfPageUp "half-page-up" "half a page up" "½ page" [Grid Scroll Inbox Costs];
    PageDown "page-down" "a page down" "page" [Grid Scroll Inbox Costs];
    PageUp "page-up" "a page up" "page" [Grid Scroll Inbox Costs];
    Top "top" "first row" "top" [Grid Scroll Inbox Costs];
    Bottom "bottom" "last row" "bottom" [Grid Scroll Inbox Costs];
    NextInNeed "next-in-need" "next agent that needs somebody" "in need" [Grid Focus];
    Focus "focus" "open the agent's terminal" "focus" [Grid Inbox];
    Stop "stop" "stop the agent, or all marked ones" "stop" [Grid Focus];
    StopSwarm "stop-swarm" "stop the whole swarm" "stop swarm" [Grid Focus];
    RemoveSwarm "remove-swarm" "forget a finished swarm, its recordings too" "remove" [Grid];
    Retry "retry" "try the last item again, the marked ones' too" "retry" [Grid Focus];
    Send "send" "type a text to it, or to all marked ones" "send" [Grid];
    Mark "mark" "mark or unmark the agent" "mark" [Grid];
    MarkAll "mark-all" "mark all that are shown, or none" "mark all" [Grid];
    ClearMarks "clear-marks" "unmark all" "unmark" [Grid];
    Filter "filter" "show only what fits" "filter" [Grid];
    Clear "clear" "clear the filter, then the marks, and let the order go" "clear" [Grid];
    Sort "sort" "sort by the next column" "sort" [Grid];
    Reverse "reverse" "turn the order round" "reverse" [Grid];
    OrderNow "order-now" "put rows that changed into their place" "order now" [Grid];
    Columns "columns" "choose, order and size columns" "columns" [Grid];
    Group "group" "group rows by swarm, or not" "group" [Grid];
    OnlySwarm "only-swarm" "show only this swarm, or all" "one swarm" [Grid];
    Tree "tree" "show who spawned whom, or the plain grid" "tree" [Grid];
    Fold "fold" "in the tree: fold or unfold a branch" "fold" [Grid];
    Events "events" "show or hide the events" "events" [Grid];
    EventsSize "events-size" "give the events more room" "events size" [Grid];
    Palette "palette" "type a command" "command" [Grid Focus Inbox Costs];
    Help "help" "show the keys in force" "keys" [Grid Focus Inbox Costs];
    NextTheme "next-theme" "switch to the next theme" "theme" [Grid Inbox Costs];
    Suspend "suspend" "go back to the shell; fg returns" "suspend" [Grid Inbox Costs];
    Quit "quit" "leave; the agents go on" "quit" [Grid Focus Inbox Costs];
    Detach "detach" "back to the grid" "detach" [Focus];
    NextAgent "next-agent" "the next agent's terminal" "next" [Focus];
    PreviousAgent "previous-agent" "the previous agent's terminal" "previous" [Focus];
    Zoom "zoom" "hide or show the side panel" "zoom" [Focus];
    Scroll "scroll" "look back through what was printed" "scroll" [Focus];
    Leave "leave" "back to typing" "leave" [Scroll];
    Inbox "inbox" "what waits for an answer" "inbox" [Grid Focus Costs];
    Costs "costs" "what was spent, and what it will come to" "costs" [Grid Focus Inbox];
    By "by" "costs by swarm, by model or by agent" "by…" [Costs];
    Span "span" "chart the last minutes or the last hours" "span" [Costs];
    Show "show" "show in the grid what the row stands for" "in the grid" [Costs];
    Approve "approve" "let what is asked happen, once" "approve" [Inbox];
    ApproveFor "approve-for" "let it happen, and choose for how long" "for…" [Inbox];
    Deny "deny" "refuse what is asked" "deny" [Inbox];
    Read "read" "show the whole question, to its end" "read" [Inbox];
    Close "close" "back to the grid" "grid" [Inbox Costs];
}

impl Action {
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }
}
