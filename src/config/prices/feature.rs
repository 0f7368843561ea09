//! What something adds to a request beside its tokens: the `[features]` of `prices.toml`.

use super::{PriceData, PriceFiles, edit, nowhere, own::OwnFile, replace, unwritten};
use crate::{
    config::{ConfigError, load::read},
    model::PriceRow,
};

/// The key that says it in `dash prices set`.
pub const REQUEST: &str = "request";

impl PriceFiles {
    /// Writes what `name` adds to a request at most, in dollars, by the name that a refusal
    /// gives it; whatever else stands in the file stays.
    ///
    /// # Errors
    /// When the file is wrong, is not to be changed so, or cannot be written.
    pub fn set_feature(&self, name: &str, dollars: f64) -> Result<(), ConfigError> {
        let path = self.own().ok_or_else(|| nowhere("prices.toml"))?;
        let before = read(&path)?.unwrap_or_default();
        let mut meant = OwnFile::parse(&path, &before)?;
        let after = edit::featured(&path, &before, name, dollars)?;
        meant.features.insert(name.to_owned(), dollars);
        // The edit is one of text: that it did what was meant is seen by reading it.
        if OwnFile::parse(&path, &after)? != meant {
            return Err(ConfigError {
                file: path,
                at: None,
                key: format!("features.{name:?}"),
                message: "it stands in a form that is not changed here: edit it by hand".to_owned(),
                nearest: None,
            });
        }
        replace(&path, &after).map_err(|error| unwritten(&path, &error))
    }
}

impl PriceData {
    pub(super) fn feature_rows(&self) -> impl Iterator<Item = PriceRow> {
        self.features.iter().map(|(name, dollars)| PriceRow {
            models: vec![format!("={name}")],
            request: Some(*dollars),
            source: self.own_from.clone(),
            ..PriceRow::default()
        })
    }
}
