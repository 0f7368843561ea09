//! What models cost: a table of prices with its date, source and licence, and the user's own
//! prices before it.
//!
//! The table is the newer one of that which is built in (`assets/prices.json`) and the user's
//! `prices.json`, which `dash prices update` writes. Own prices stand in `prices.toml`, by a
//! model's exact name; what a provider of `config.toml` says of its own models comes before
//! both. A file that is wrong is refused as a whole, with its place.

mod change;
mod edit;
mod feature;
mod own;
mod table;

pub use change::{PriceChange, changes};
pub use feature::REQUEST;
pub use own::{LongPrice, OwnPrice, wrong_figure};
pub use table::{PriceEntry, PriceTable, Rates, Tier};

use super::{
    Config, ConfigError, Dirs,
    load::{from_toml, read},
};
use crate::model::{LongRow, PriceRow};
use own::OwnFile;
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Days after which prices are called old.
pub const OLD_AFTER: i32 = 60;
/// Where a row comes from, if not from a file.
pub const BUILT_IN: &str = "built in";

/// Where a user's prices lie; none: what is built in counts alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceFiles(Option<PathBuf>);

/// All prices in force.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceData {
    pub table: PriceTable,
    /// [`BUILT_IN`], or the file.
    pub from: String,
    /// By the model's name.
    pub own: BTreeMap<String, OwnPrice>,
    /// What else is paid for: dollars a request, at most.
    pub features: BTreeMap<String, f64>,
    /// Where these come from.
    pub own_from: String,
}

/// Tells two states of the files apart without reading them.
pub type PriceMark = [Option<(i64, i64, u64, u64)>; 2];

impl PriceFiles {
    /// In the user's configuration directory.
    pub fn of(dirs: &Dirs) -> Self {
        Self::at(&dirs.config)
    }

    pub fn at(directory: &Path) -> Self {
        Self(Some(directory.to_owned()))
    }

    /// The user's newer table.
    pub fn table(&self) -> Option<PathBuf> {
        Some(self.0.as_ref()?.join("prices.json"))
    }

    /// The user's own prices.
    pub fn own(&self) -> Option<PathBuf> {
        Some(self.0.as_ref()?.join("prices.toml"))
    }

    /// # Errors
    /// When a file is wrong, or there and cannot be read.
    pub fn load(&self) -> Result<PriceData, ConfigError> {
        let mut data = PriceData {
            table: PriceTable::built_in()?,
            from: BUILT_IN.to_owned(),
            own: BTreeMap::new(),
            features: BTreeMap::new(),
            own_from: String::new(),
        };
        if let Some(path) = self.table()
            && let Some(text) = read(&path)?
        {
            let table = PriceTable::parse(&path, &text)?;
            if table.date >= data.table.date {
                (data.table, data.from) = (table, path.display().to_string());
            }
        }
        if let Some(path) = self.own()
            && let Some(text) = read(&path)?
        {
            let file = OwnFile::parse(&path, &text)?;
            (data.own, data.features) = (file.models, file.features);
            data.own_from = path.display().to_string();
        }
        Ok(data)
    }

    /// Whether anything was changed is seen by this.
    pub fn mark(&self) -> PriceMark {
        [self.table(), self.own()].map(|path| {
            let meta = fs::metadata(path?).ok()?;
            Some((meta.mtime(), meta.mtime_nsec(), meta.len(), meta.ino()))
        })
    }

    /// Writes what `model` costs into the user's own prices, whose comments stay; `changes` are
    /// keys as they stand there (`input`, `long.from`) with their values.
    ///
    /// # Errors
    /// When the file is wrong, is not to be changed so, or cannot be written.
    pub fn set(
        &self,
        model: &str,
        changes: &[(String, f64)],
        date: &str,
    ) -> Result<OwnPrice, ConfigError> {
        let path = self.own().ok_or_else(|| nowhere("prices.toml"))?;
        let before = read(&path)?.unwrap_or_default();
        let old = OwnFile::parse(&path, &before)?;
        let after = edit::edited(&path, &before, model, changes, date)?;
        let new = OwnFile::parse(&path, &after)?;
        let price = new.models.get(model).cloned();
        // The edit is one of text: that it did what was meant is seen by reading it.
        let others = |file: &OwnFile| {
            let mut models = file.models.clone();
            models.remove(model);
            models
        };
        let kept = old.models.get(model).map(own::figures).unwrap_or_default();
        let meant: BTreeMap<String, f64> = kept.into_iter().chain(changes.to_vec()).collect();
        match price {
            Some(price) if others(&old) == others(&new) && own::figures(&price) == meant => {
                replace(&path, &after).map_err(|error| unwritten(&path, &error))?;
                Ok(price)
            }
            Some(_) | None => Err(ConfigError {
                file: path,
                at: None,
                key: format!("models.{model:?}"),
                message: "it stands in a form that is not changed here: edit it by hand".to_owned(),
                nearest: None,
            }),
        }
    }

    /// A table that is to take the place of the one in force, with its text.
    ///
    /// # Errors
    /// When it is wrong, older than that, or not yet of today.
    pub fn offered(
        &self,
        path: &Path,
        now: &PriceData,
        today: jiff::civil::Date,
    ) -> Result<(PriceTable, String), ConfigError> {
        let refused = |key: &str, message: String| ConfigError {
            file: path.to_owned(),
            at: None,
            key: key.to_owned(),
            message,
            nearest: None,
        };
        let text = read(path)?.ok_or_else(|| refused("", "there is no such file".to_owned()))?;
        let table = PriceTable::parse(path, &text)?;
        if table.date < now.table.date {
            let why = format!("{} is older than {}, which is in force", table.date, now.table.date);
            return Err(refused("date", why));
        }
        // It would never be called old.
        if table.date > today.to_string() {
            return Err(refused("date", format!("{} is yet to come", table.date)));
        }
        Ok((table, text))
    }

    /// Puts a table in the place of the one in force.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn replace_table(&self, text: &str) -> Result<PathBuf, ConfigError> {
        let path = self.table().ok_or_else(|| nowhere("prices.json"))?;
        replace(&path, text).map_err(|error| unwritten(&path, &error))?;
        Ok(path)
    }
}

fn nowhere(name: &str) -> ConfigError {
    ConfigError {
        file: PathBuf::from(name),
        at: None,
        key: String::new(),
        message: "there is no configuration directory".to_owned(),
        nearest: None,
    }
}

fn unwritten(path: &Path, error: &io::Error) -> ConfigError {
    ConfigError {
        file: path.to_owned(),
        at: None,
        key: String::new(),
        message: format!("cannot be written: {error}"),
        nearest: None,
    }
}

/// In one step: whoever reads meanwhile sees the old file or the new one. A link is followed,
/// since people keep their configuration elsewhere.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let written = fs::File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o644)
        .open(&fresh)
        .and_then(|mut file| {
            io::Write::write_all(&mut file, text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // It is no use to anybody, and the first error is the one to tell.
        let _ = fs::remove_file(&fresh);
    }
    written
}

impl PriceData {
    /// A row for each price, the overriding ones first; of `config` those of its providers.
    pub fn rows(&self, config: &Config) -> Vec<PriceRow> {
        let of_providers = config.providers.iter().flat_map(|(provider, it)| {
            it.prices.iter().map(move |(model, price)| PriceRow {
                provider: provider.clone(),
                models: vec![format!("={model}")],
                source: format!("config.toml, providers.{provider}.prices"),
                context: price.context,
                ..own_row(&OwnPrice::of_provider(price))
            })
        });
        let own = self.own.iter().map(|(model, price)| PriceRow {
            models: vec![format!("={model}")],
            source: self.own_from.clone(),
            date: price.date.clone(),
            context: price.context,
            ..own_row(price)
        });
        let of_table = self.table.vendors.iter().flat_map(|(vendor, entries)| {
            entries.iter().map(|entry| PriceRow {
                provider: vendor.clone(),
                models: entry.rules.clone(),
                source: match self.from.as_str() {
                    BUILT_IN => self.table.source.clone(),
                    file => format!("{} ({file})", self.table.source),
                },
                licence: self.table.licence.clone(),
                date: self.table.date.clone(),
                overridden: self.overridden(entry),
                context: entry.context,
                ..row(entry.rates, &entry.tiers)
            })
        });
        of_providers.chain(own).chain(self.feature_rows()).chain(of_table).collect()
    }

    /// The names of own prices that come before this entry.
    fn overridden(&self, entry: &PriceEntry) -> Vec<String> {
        self.own.keys().filter(|model| entry.score(model) > 0).cloned().collect()
    }

    /// Days that the table is old, today.
    pub fn age_days(&self, today: jiff::civil::Date) -> i32 {
        age(&self.table.date, today)
    }

    /// What is to be said of old prices, of the table's and of the user's own.
    pub fn warnings(&self, today: jiff::civil::Date) -> Vec<String> {
        let days = self.age_days(today);
        let table = (days > OLD_AFTER).then(|| {
            format!(
                "the prices are {days} days old (from {}): `dash prices update --from FILE` takes \
                 newer ones",
                self.table.date
            )
        });
        let own = self.own.iter().map(|(model, price)| (age(&price.date, today), model, price));
        let old: Vec<_> = own.filter(|(days, ..)| *days > OLD_AFTER).collect();
        let oldest = old.iter().max_by_key(|(days, ..)| *days).map(|(days, model, price)| {
            let others = match old.len() {
                1 => String::new(),
                n => format!(", and {} more are old", n - 1),
            };
            format!(
                "your own price of {model:?} is {days} days old (from {}){others}: `dash prices \
                 set` says what holds today",
                price.date
            )
        });
        table.into_iter().chain(oldest).collect()
    }
}

fn own_row(price: &OwnPrice) -> PriceRow {
    row(price.rates(), &price.tiers())
}

fn row(rates: Rates, tiers: &[Tier]) -> PriceRow {
    let dollars = table::dollars;
    PriceRow {
        input: dollars(rates.input),
        output: dollars(rates.output),
        cache_read: dollars(rates.cache_read),
        cache_write_5m: dollars(rates.cache_write),
        cache_write_1h: dollars(rates.cache_write_1h),
        long: tiers
            .iter()
            .map(|(from, rates)| LongRow {
                from: *from,
                input: dollars(rates.input),
                output: dollars(rates.output),
                cache_read: dollars(rates.cache_read),
                cache_write_5m: dollars(rates.cache_write),
                cache_write_1h: dollars(rates.cache_write_1h),
            })
            .collect(),
        ..PriceRow::default()
    }
}

/// Days from a date to today, 0 for one that is none or is yet to come.
fn age(date: &str, today: jiff::civil::Date) -> i32 {
    let Ok(date) = date.parse::<jiff::civil::Date>() else { return 0 };
    (today - date).get_days().max(0)
}

/// Whether a rule is for `model`, or has that in its own name.
pub fn is_about(rule: &str, model: &str) -> bool {
    table::score(rule, model) > 0 || rule.get(1..).is_some_and(|name| name.contains(model))
}

/// In UTC, as the dates of prices are meant.
pub fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

#[cfg(test)]
mod tests;
