//! What a user's `[lend]` asks for, held against the adapters.

use super::{Catalog, lend, problem::nearest};
use crate::config::{ConfigError, Lend};

impl Catalog {
    /// All that can never be lent as it is asked for, each with its place.
    pub fn wrong_lend(&self, asked: &Lend) -> Vec<ConfigError> {
        asked.wanted.keys().flat_map(|name| self.wrong_lend_to(name, asked)).collect()
    }

    /// Of what is asked for one adapter.
    pub fn wrong_lend_to(&self, name: &str, asked: &Lend) -> Vec<ConfigError> {
        let Some(adapter) = self.get(name) else {
            let why = match self.broken(name) {
                Some(problem) => format!("its file is wrong: {problem}"),
                None => format!("no adapter is called {name:?}"),
            };
            let nearest = self.nearest(name);
            return vec![ConfigError { nearest, ..asked.wrong(name, None, why) }];
        };
        let names = lend::names(&adapter.lend);
        let known = match names.as_slice() {
            [] => format!("{name} can be lent nothing"),
            names => format!("{name} can be lent {}", names.join(", ")),
        };
        let wrong = asked.of(name).iter().filter(|word| !names.contains(&word.as_str()));
        let told = wrong.map(|word| {
            let why = format!("unknown `{word}`: {known}");
            let nearest = nearest(word, names.iter().copied()).map(str::to_owned);
            ConfigError { nearest, ..asked.wrong(name, Some(word), why) }
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn wrong(text: &str) -> Vec<String> {
        let file = Path::new("config.toml");
        let wanted = Config::parse(file, text).unwrap().lend;
        let asked = Lend { file: file.to_owned(), text: text.to_owned(), wanted };
        let wrong = Catalog::load(None).wrong_lend(&asked);
        wrong.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_asked_for_and_cannot_be_is_told_where_it_stands() {
        assert_eq!(wrong("[lend]\nclaude = [\"memory\", \"mcp\"]\nmini = []\n"), [""; 0]);
        let text = "[lend]\nclaude = [\"memory\", \"memroy\"]\ncluade = []\nmini = [\"login\"]\n";
        assert_eq!(
            wrong(text),
            [
                "config.toml:2:21: lend.claude: unknown `memroy`: claude can be lent agents, \
                 commands, login, mcp, memory, skills; did you mean `memory`?",
                "config.toml:3:1: lend.cluade: no adapter is called \"cluade\"; did you mean \
                 `claude`?",
                "config.toml:4:9: lend.mini: unknown `login`: mini can be lent nothing",
            ]
        );
    }
}
