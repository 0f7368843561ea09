//! Reading `config.toml`. A file that is not there gives the defaults; one that is wrong is
//! refused as a whole, with the place and the nearest right thing, so that no setting is
//! ever ignored in silence.

use super::{
    BreakerConfig, Config, Dirs, Provider,
    duration::duration,
    prices::{OwnPrice, wrong_figure},
    small::read_small,
};
use crate::model::Cores;
use serde::de::DeserializeOwned;
use std::{
    fmt, io,
    ops::Range,
    path::{Path, PathBuf},
};
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// What a start reads of the journal at most, twice.
const LEAST_EVENTS: u64 = 20_000;

/// Why a configuration file was refused; lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub file: PathBuf,
    /// None where the file could not be read at all.
    pub at: Option<(usize, usize)>,
    /// Dotted, such as `core.cols`; empty where the text is no TOML.
    pub key: String,
    pub message: String,
    /// The known key nearest to an unknown one.
    pub nearest: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.message)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

impl ConfigError {
    /// Of what stands there in `text`; `word`: of this one in the list there.
    pub fn at_key(
        file: &Path,
        text: &str,
        key: &[String],
        word: Option<&str>,
        message: String,
    ) -> Self {
        let word = word.and_then(|word| word_span(text, key, word));
        let span = word.or_else(|| key_span(text, key));
        Self {
            file: file.to_owned(),
            at: span.map(|span| line_column(text, span.start)),
            key: key.join("."),
            message,
            nearest: None,
        }
    }
}

impl Config {
    /// `config.toml` of the user's configuration directory, or the defaults without one.
    pub fn load(dirs: &Dirs) -> Result<Self, ConfigError> {
        Self::load_file(&Self::path(dirs))
    }

    pub fn path(dirs: &Dirs) -> PathBuf {
        dirs.config.join("config.toml")
    }

    pub fn load_file(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with_text(path).map(|(config, _)| config)
    }

    /// With the text that it was read from, for a place in it.
    pub fn load_with_text(path: &Path) -> Result<(Self, String), ConfigError> {
        let Some(text) = read(path)? else { return Ok((Self::default(), String::new())) };
        Ok((Self::parse(path, &text)?, text))
    }

    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self = from_toml(file, text)?;
        config
            .check()
            .map_err(|(key, message)| ConfigError::at_key(file, text, &key, None, message))?;
        Ok(config)
    }

    /// What the types cannot say: the key's path and what is wrong with it.
    fn check(&self) -> Result<(), (Vec<String>, String)> {
        let wrong = |key: &[&str], message: &str| {
            Err((key.iter().map(|&part| part.to_owned()).collect(), message.to_owned()))
        };
        if self.core.cols == 0 {
            return wrong(&["core", "cols"], "a terminal has at least one column");
        }
        if self.core.rows == 0 {
            return wrong(&["core", "rows"], "a terminal has at least one row");
        }
        if self.core.recording_mb == 0 {
            return wrong(&["core", "recording_mb"], "a recording needs at least 1 MB");
        }
        if self.core.events_kept < LEAST_EVENTS {
            let message = "at least 20000 events are kept: a start reads the newest ones";
            return wrong(&["core", "events_kept"], message);
        }
        if self.limits.memory_mb.is_some_and(|mb| (1..16).contains(&mb)) {
            let message = "less than 16 MB is too little for any program (0 sets no limit)";
            return wrong(&["limits", "memory_mb"], message);
        }
        if self.limits.processes.is_some_and(|most| (1..8).contains(&most)) {
            let message = "less than 8 leaves no room beside the sandbox's own (0 sets no limit)";
            return wrong(&["limits", "processes"], message);
        }
        if self
            .limits
            .cpu
            .is_some_and(|cores| (1..Cores::LEAST.thousandths()).contains(&cores.thousandths()))
        {
            return wrong(&["limits", "cpu"], Cores::TOO_FEW);
        }
        if self.delegation.breaker.failures > BreakerConfig::MOST {
            let message = "at most 1000 failures are remembered";
            return wrong(&["delegation", "breaker", "failures"], message);
        }
        if let Err(why) = duration(&self.approvals.timeout) {
            return wrong(&["approvals", "timeout"], &why);
        }
        if self.approvals.notify.first().is_some_and(String::is_empty) {
            return wrong(&["approvals", "notify"], "must name a program first");
        }
        if self.notify.command.first().is_some_and(String::is_empty) {
            return wrong(&["notify", "command"], "must name a program first");
        }
        if self.notify.webhook.as_ref().is_some_and(|address| !is_web(address)) {
            return wrong(&["notify", "webhook"], NOT_WEB);
        }
        for (name, provider) in &self.providers {
            provider.check().or_else(|(key, message)| wrong(&["providers", name, key], message))?;
            for (model, price) in &provider.prices {
                if let Some((key, message)) = wrong_figure(&OwnPrice::of_provider(price)) {
                    let place = ["providers", name, "prices", model].into_iter();
                    let place: Vec<&str> = place.chain(key.split('.')).collect();
                    return wrong(&place, &message);
                }
            }
        }
        Ok(())
    }
}

const NOT_WEB: &str = "must begin with http:// or https://";

const NO_VARIABLE: &str =
    "must be the name of a variable, such as ANTHROPIC_API_KEY, and never the key itself";

fn is_variable(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_web(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

impl Provider {
    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if !is_web(&self.base_url) {
            return Err(("base_url", NOT_WEB));
        }
        // What stands there instead is mostly the key: it is told to nobody.
        if self.key_env.as_ref().is_some_and(|name| !is_variable(name)) {
            return Err(("key_env", NO_VARIABLE));
        }
        // Nor is one looked for wherever a core happens to be started.
        if self.key_file.as_ref().is_some_and(|path| path.components().count() < 2) {
            return Err(("key_file", "must be the path of a file, and never the key itself"));
        }
        if self.key_command.as_ref().is_some_and(Vec::is_empty) {
            return Err(("key_command", "must name a program"));
        }
        let keys = [self.key_env.is_some(), self.key_file.is_some(), self.key_command.is_some()];
        if keys.into_iter().filter(|&set| set).count() > 1 {
            let last = if self.key_command.is_some() { "key_command" } else { "key_file" };
            return Err((last, "only one of key_env, key_file and key_command may be set"));
        }
        if self.login.is_some() && keys.contains(&true) {
            return Err(("login", "where logins pass through there is no key: leave one out"));
        }
        Ok(())
    }
}

/// A file's text; none where there is no file.
pub(super) fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    read_as(path, true)
}

/// The same; `links`: see [`read_small`].
pub(super) fn read_as(path: &Path, links: bool) -> Result<Option<String>, ConfigError> {
    let text = read_small(path, links)
        .and_then(|text| String::from_utf8(text).map_err(std::io::Error::other));
    match text {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError {
            file: path.to_owned(),
            at: None,
            key: String::new(),
            message: format!("cannot be read: {error}"),
            nearest: None,
        }),
    }
}

/// Reads TOML, with the place and the nearest known key in the error. Also for other files
/// in the user's hands: adapters, keymaps, `swarm.toml`.
pub fn from_toml<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let span = error.span();
        let (key, nearest) = match unknown_field(error.message()) {
            Some((field, known)) => (
                span.as_ref().and_then(|span| path_at(text, span)).unwrap_or(field.to_owned()),
                nearest(field, known.iter().copied()).map(str::to_owned),
            ),
            None => {
                let word = unknown(error.message(), "unknown variant `");
                // Words as short as `ask` are likened by their letters.
                let near = word.and_then(|(word, known)| {
                    let one_off = |other: &&str| strsim::damerau_levenshtein(word, other) == 1;
                    nearest(word, known.iter().copied())
                        .or_else(|| known.iter().copied().find(one_off))
                });
                let key = span.as_ref().and_then(|span| path_at(text, span)).unwrap_or_default();
                (key, near.map(str::to_owned))
            }
        };
        let message = match unknown_field(error.message()) {
            Some((_, known)) if nearest.is_none() && !known.is_empty() => {
                format!("there is no such key (known here: {})", known.join(", "))
            }
            Some(_) => "there is no such key".to_owned(),
            // A slip of the hand is told; what is like nothing may be a key.
            None if key.starts_with("providers.") && nearest.is_none() => {
                without_texts(error.message())
            }
            None => error.message().trim().replace('\n', "; "),
        };
        ConfigError {
            file: file.to_owned(),
            at: span.map(|span| line_column(text, span.start)),
            key,
            message,
            nearest,
        }
    })
}

/// What serde says of a value, without the value.
fn without_texts(message: &str) -> String {
    let mut shown = message.trim().replace('\n', "; ");
    if let Some((from, to)) = shown.find('"').zip(shown.rfind('"')) {
        shown.replace_range(from..=to, "(not shown)");
    }
    if let Some(rest) = shown.strip_prefix("unknown variant `")
        && let Some(at) = rest.find('`')
    {
        shown = format!("unknown variant{}", &rest[at + 1..]);
    }
    shown
}

/// The one of `known` that `word` was most likely meant to be, if any is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Takes serde's "unknown field `a`, expected one of `b`, `c`" apart.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    unknown(message, "unknown field `")
}

fn unknown<'a>(message: &'a str, begin: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let mut quoted = message.strip_prefix(begin)?.split('`');
    let field = quoted.next()?;
    Some((field, quoted.skip(1).step_by(2).collect()))
}

pub(super) fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The dotted path of the key whose name or value lies at `span`.
fn path_at(text: &str, span: &Range<usize>) -> Option<String> {
    fn search(table: &DeTable<'_>, span: &Range<usize>, path: &mut Vec<String>) -> bool {
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            let here = key.span() == *span || value.span() == *span;
            let below = match value.get_ref() {
                DeValue::Table(inner) => search(inner, span, path),
                DeValue::Array(items) => items.iter().any(|item| {
                    item.span() == *span
                        || matches!(item.get_ref(), DeValue::Table(t) if search(t, span, path))
                }),
                _ => false,
            };
            if below || here {
                return true;
            }
            path.pop();
        }
        false
    }
    let table = DeTable::parse(text).ok()?;
    let mut path = Vec::new();
    search(table.get_ref(), span, &mut path).then(|| path.join("."))
}

pub(super) fn key_span(text: &str, key: &[String]) -> Option<Range<usize>> {
    find(&DeTable::parse(text).ok()?, key, &|name, _| name.span())
}

/// Of a word in the list at `key`.
fn word_span(text: &str, key: &[String], word: &str) -> Option<Range<usize>> {
    let in_list = |_: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>| {
        let DeValue::Array(items) = value.get_ref() else { return None };
        let is_meant = |item: &DeValue<'_>| matches!(item, DeValue::String(s) if s == word);
        items.iter().find(|item| is_meant(item.get_ref())).map(Spanned::span)
    };
    find(&DeTable::parse(text).ok()?, key, &in_list)?
}

/// What `of` says of the last part of `key` that is there.
fn find<T>(
    table: &Spanned<DeTable<'_>>,
    key: &[String],
    of: &dyn Fn(&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>) -> T,
) -> Option<T> {
    let mut table = table.get_ref();
    let mut found = None;
    for part in key {
        let (name, value) = table.iter().find(|(name, _)| name.get_ref() == part.as_str())?;
        found = Some(of(name, value));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(text: &str) -> String {
        Config::parse(Path::new("config.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_the_nearest() {
        let text = "[core]\ncols = 100\n  recordings_mb = 5\n";
        assert_eq!(
            refuse(text),
            "config.toml:3:3: core.recordings_mb: there is no such key; did you mean \
             `recording_mb`?"
        );
        let error = refuse("[zzz]\n");
        assert!(
            error.contains("known here: core, agents, limits, delegation, approvals"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_type_and_broken_toml_have_a_place() {
        let error = refuse("[core]\ncols = \"wide\"\n");
        assert!(error.starts_with("config.toml:2:8: core.cols: invalid type"), "{error}");
        let error = refuse("[core]\ncols = \n");
        assert!(error.starts_with("config.toml:2:"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn values_that_cannot_work_are_refused_where_they_stand() {
        let error = refuse("[core]\nrows = 24\ncols = 0\n");
        assert!(error.starts_with("config.toml:3:1: core.cols: "), "{error}");
        let error = refuse("[limits]\nmemory_mb = 1\n");
        assert!(error.starts_with("config.toml:2:1: limits.memory_mb: less than"), "{error}");
        let error = refuse("[limits]\nmemory_mb = 0\nprocesses = 2\n");
        assert!(error.starts_with("config.toml:3:1: limits.processes: less than"), "{error}");
        let error = refuse("[limits]\ncpu = 0.001\n");
        assert!(error.starts_with("config.toml:2:1: limits.cpu: less than"), "{error}");
        let provider = "[providers.x]\ndialect = \"openai\"\nbase_url = \"example.org\"\n";
        assert!(refuse(provider).starts_with("config.toml:3:1: providers.x.base_url"));
        let two = "[providers.x]\ndialect = \"openai\"\nbase_url = \"http://h\"\n\
                   key_env = \"A\"\nkey_file = \"/b\"\n";
        assert!(refuse(two).starts_with("config.toml:5:1: providers.x.key_file: only one"));
    }

    #[test]
    fn delegation_is_capped_and_a_wrong_span_has_a_place() {
        let text = "[delegation]\ndepth = 1\nbreaker = { failures = 2, within = \"90s\" }\n";
        let config = Config::parse(Path::new("config.toml"), text).unwrap();
        assert_eq!((config.delegation.depth, config.delegation.children), (1, 16));
        let limit = config.delegation.breaker.limit();
        assert_eq!((limit.failures, limit.within_ms), (2, 90_000));
        let error = refuse("[delegation.breaker]\nwithin = \"soon\"\n");
        assert!(error.starts_with("config.toml:2:10: delegation.breaker.within"), "{error}");
        let error = refuse("[delegation.breaker]\nfailures = 1001\n");
        assert!(error.starts_with("config.toml:2:1: delegation.breaker.failures: "), "{error}");
    }

    #[test]
    fn approvals_are_checked_where_they_stand() {
        for (text, says) in [
            ("[approvals]\ntimeout = \"10\"\n", "2:1: approvals.timeout: the unit is missing"),
            ("[approvals]\nnotify = [\"\"]\n", "2:1: approvals.notify: must name a program"),
            ("[notify]\ncommand = [\"\"]\n", "2:1: notify.command: must name a program"),
            ("[notify]\nwebhook = \"ftp://x\"\n", "2:1: notify.webhook: must begin with http"),
            ("[approvals]\nnotify = \"beep\"\n", "2:10: approvals.notify: invalid type"),
            ("[approvals]\nfour_eye = true\n", "did you mean `four_eyes`?"),
        ] {
            let error = refuse(text);
            assert!(error.contains(says), "{error}");
        }
        let text = "[approvals]\ntimeout = \"1h30m\"\nnotify = [\"beep\", \"-n\"]\n";
        let config = Config::parse(Path::new("config.toml"), text).unwrap();
        assert_eq!(config.approvals.timeout_ms(), 5_400_000);
        assert_eq!(Config::default().approvals.timeout_ms(), 600_000);
    }

    #[test]
    fn a_word_of_a_list_has_a_place_of_its_own() {
        let text = "[lend]\nx = [\n  \"a\",\n  \"b\",\n]\n";
        let key = ["lend", "x"].map(str::to_owned);
        let place =
            |word| ConfigError::at_key(Path::new("c"), text, &key, word, String::new()).to_string();
        assert_eq!(place(Some("b")), "c:4:3: lend.x: ");
        assert_eq!(place(Some("c")), "c:2:1: lend.x: ");
        assert_eq!(place(None), "c:2:1: lend.x: ");
    }

    #[test]
    fn a_full_file_and_a_missing_one_load() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = Dirs { config: dir.path().to_owned(), state: dir.path().to_owned() };
        assert_eq!(Config::load(&dirs), Ok(Config::default()));
        let text = toml::to_string(&Config::default()).unwrap();
        std::fs::write(Config::path(&dirs), text).unwrap();
        assert_eq!(Config::load(&dirs), Ok(Config::default()));
        std::fs::create_dir(dir.path().join("d")).unwrap();
        let error = Config::load_file(&dir.path().join("d")).unwrap_err();
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }

    const PROVIDER: &str = "[providers.x]\ndialect = \"openai\"\nbase_url = \"http://h\"\n";

    #[test]
    fn a_price_that_is_none_is_refused_where_it_stands() {
        for (price, says) in [
            ("input = nan\noutput = 1", "5:1: providers.x.prices.m.input: NaN is no price"),
            ("input = 1\noutput = -1", "6:1: providers.x.prices.m.output: -1 is no price"),
            ("input = inf\noutput = 1", "5:1: providers.x.prices.m.input: inf is no price"),
            ("input = 1\noutput = 1e300", "6:1: providers.x.prices.m.output: 1e300 is no price"),
            ("input = 1\noutput = 1\ncontext = 0", "7:1: providers.x.prices.m.context: "),
            ("input = 1\noutput = 1\nlong.input = 1", "missing field `from`"),
            ("input = 1", "missing field `output`"),
        ] {
            let error = refuse(&format!("{PROVIDER}[providers.x.prices.m]\n{price}\n"));
            assert!(error.starts_with("config.toml:") && error.contains(says), "{error}");
        }
        let long = "long = { from = 9, input = 2, output = 2, cache_write = -1 }";
        let all = format!("[providers.x.prices.m]\ninput = 1\noutput = 1\n{long}\n");
        let error = refuse(&format!("{PROVIDER}{all}"));
        assert!(error.contains("providers.x.prices.m.long.cache_write: -1 is no price"), "{error}");
        let all = all.replace("-1", "3").replace("[pro", "cache_write_1h = 2\n[pro");
        let all = all.replace("cache_write_1h = 2\n", "") + "cache_write_1h = 2\n";
        assert!(Config::parse(Path::new("c"), &format!("{PROVIDER}{all}")).is_ok(), "{all}");
    }

    #[test]
    fn a_key_in_the_place_of_its_variable_is_refused_and_not_told() {
        const SECRET: &str = "sk-ant-api03-secret";
        for line in [
            format!("key_env = \"{SECRET}\""),
            format!("key_command = \"{SECRET}\""),
            format!("key_env = [\"{SECRET}\"]"),
            format!("key_file = [\"{SECRET}\"]"),
            format!("key_file = \"{SECRET}\""),
            format!("login = \"{SECRET}\""),
            format!("key_env = {SECRET}"),
            format!("notional = \"{SECRET}\""),
        ] {
            let error = refuse(&format!("{PROVIDER}{line}\n"));
            assert!(error.starts_with("config.toml:4:"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let error = refuse(&format!("{PROVIDER}key_env = \"{SECRET}\"\n"));
        assert!(error.contains("providers.x.key_env: ") && error.contains("variable"), "{error}");
        for name in ["", "1A", "A-B", "A B"] {
            assert!(refuse(&format!("{PROVIDER}key_env = \"{name}\"\n")).contains("key_env"));
        }
        let named = format!("{PROVIDER}key_env = \"_My_KEY2\"\n");
        assert!(Config::parse(Path::new("config.toml"), &named).is_ok());
    }
}
