//! The columns of the grid, and which of them a person wants to see.
//!
//! `state`, `agent:20` or `last` in `[ui] columns` or after `:columns`: the column, and how
//! wide it is to be. None at all leaves the choice to what there is to tell.

use super::nearest::nearest;
use crate::store::Column;
use std::fmt;

/// What a column of the grid shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    State,
    Agent,
    Kind,
    Model,
    Item,
    Progress,
    Tokens,
    Burn,
    /// By itself only where some are in no scope and others are in one.
    Scope,
    Cost,
    Age,
    Last,
}

impl Field {
    pub const ALL: [Self; 12] = [
        Self::State,
        Self::Agent,
        Self::Kind,
        Self::Model,
        Self::Item,
        Self::Progress,
        Self::Tokens,
        Self::Burn,
        Self::Scope,
        Self::Cost,
        Self::Age,
        Self::Last,
    ];
    /// As it is written in a configuration, in the order of [`Self::ALL`].
    pub const WORDS: [&str; 12] = [
        "state", "agent", "kind", "model", "item", "progress", "tokens", "burn", "scope", "cost",
        "age", "last",
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::State => "STATE",
            Self::Agent => "AGENT",
            Self::Kind => "KIND",
            Self::Model => "MODEL",
            Self::Item => "ITEM",
            Self::Progress => "PROGRESS",
            Self::Tokens => "TOKENS",
            Self::Burn => "BURN",
            Self::Scope => "SCOPE",
            Self::Cost => "COST",
            Self::Age => "AGE",
            Self::Last => "LAST",
        }
    }

    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// What it tells, for one who chooses.
    pub fn doc(self) -> &'static str {
        match self {
            Self::State => "how it stands",
            Self::Agent => "its name",
            Self::Kind => "its adapter",
            Self::Model => "the model that answers",
            Self::Item => "what it works on",
            Self::Progress => "how far it is, where it says so",
            Self::Tokens => "tokens so far",
            Self::Burn => "tokens over the last minute",
            Self::Scope => "what holds it",
            Self::Cost => "what it has cost",
            Self::Age => "since when it runs",
            Self::Last => "why it stands so, or what it printed last",
        }
    }

    pub fn right_aligned(self) -> bool {
        match self {
            Self::Tokens | Self::Cost | Self::Age => true,
            Self::State
            | Self::Agent
            | Self::Kind
            | Self::Model
            | Self::Item
            | Self::Progress
            | Self::Burn
            | Self::Scope
            | Self::Last => false,
        }
    }

    /// What rows are sorted by where they are sorted by this.
    pub fn column(self) -> Column {
        match self {
            Self::State => Column::Need,
            Self::Agent => Column::Agent,
            Self::Kind => Column::Kind,
            Self::Model => Column::Model,
            Self::Item => Column::Item,
            Self::Progress => Column::Progress,
            Self::Tokens => Column::Tokens,
            Self::Burn => Column::Burn,
            Self::Scope => Column::Scope,
            Self::Cost => Column::Cost,
            Self::Age => Column::Age,
            Self::Last => Column::Last,
        }
    }

    /// Whether the grid is sorted by this.
    pub fn sorts(self, by: Column) -> bool {
        self.column() == by || (self == Self::State && by == Column::State)
    }
}

/// A column that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub field: Field,
    /// None: as wide as fits what is there.
    pub width: Option<u16>,
}

/// No column is wider.
pub const WIDEST: u16 = 200;

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.width {
            Some(width) => write!(f, "{}:{width}", self.field.word()),
            None => f.write_str(self.field.word()),
        }
    }
}

/// Reads words such as `agent:20`; an error names the nearest right one.
pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Vec<Chosen>, String> {
    let mut chosen: Vec<Chosen> = Vec::new();
    for word in words {
        let (name, width) = match word.split_once(':') {
            Some((name, width)) => (name, Some(width)),
            None => (word, None),
        };
        let Some(at) = Field::WORDS.iter().position(|known| *known == name) else {
            let near = nearest(name, &Field::WORDS);
            let hint = near.map(|near| format!("; nearest: {near}")).unwrap_or_default();
            return Err(format!("no column is called {name:?}{hint}"));
        };
        let width = match width.map(str::parse::<u16>) {
            None => None,
            Some(Ok(width @ 1..=WIDEST)) => Some(width),
            Some(_) => return Err(format!("{word:?}: a width is a number from 1 to {WIDEST}")),
        };
        let field = Field::ALL[at];
        if chosen.iter().any(|other| other.field == field) {
            return Err(format!("the column {name:?} stands there twice"));
        }
        chosen.push(Chosen { field, width });
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_and_written() {
        let chosen = parse(["state", "agent:20", "last"]).unwrap();
        let words: Vec<String> = chosen.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["state", "agent:20", "last"]);
        for (word, says) in
            [("modle", "nearest: model"), ("age:0", "from 1 to"), ("age:x", "from 1 to")]
        {
            assert!(parse([word]).unwrap_err().contains(says), "{word}");
        }
        assert!(parse(["age", "age:3"]).unwrap_err().contains("twice"));
        for (field, word) in Field::ALL.iter().zip(Field::WORDS) {
            assert_eq!(field.word(), word);
            assert_eq!(field.title().to_lowercase(), word);
        }
    }
}
