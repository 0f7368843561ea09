//! What of the user's own he lends his agents: `[lend]` of his configuration, with its place.

use super::{Config, ConfigError};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lend {
    pub file: PathBuf,
    pub text: String,
    /// By adapter.
    pub wanted: BTreeMap<String, Vec<String>>,
}

impl Lend {
    /// # Errors
    /// When anything in the file is wrong.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let (config, text) = Config::load_with_text(file)?;
        Ok(Self { file: file.to_owned(), text, wanted: config.lend })
    }

    /// A mistake in what it says of `adapter`; `word`: in this one.
    pub fn wrong(&self, adapter: &str, word: Option<&str>, message: String) -> ConfigError {
        let key = ["lend", adapter].map(str::to_owned);
        ConfigError::at_key(&self.file, &self.text, &key, word, message)
    }

    pub fn of(&self, adapter: &str) -> &[String] {
        self.wanted.get(adapter).map(Vec::as_slice).unwrap_or_default()
    }
}
