//! Who answers: the providers of the configuration and of the core's own environment, with
//! their keys. Keys stay in here: they are put into a request's headers and shown nowhere.

use super::{answer::QUERY_KEY, prices::Overrides};
use crate::config::{Config, Dialect, Provider};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path, process::Stdio, time::Duration};
use tokio::sync::OnceCell;

const KEY_COMMAND_LIMIT: Duration = Duration::from_secs(20);

/// Looks a variable up in the core's own environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A real provider.
pub struct Upstream {
    pub name: String,
    pub dialect: Dialect,
    /// Its own prices, before the table's.
    pub overrides: Overrides,
    /// As the SDKs want it: with `/v1` for openai, without for the others.
    base: Url,
    key: Key,
    /// Sent as `Authorization: Bearer`, whatever the dialect's habit.
    bearer: bool,
    /// What its calls cost is told, and paid by nobody; none: it depends on with whose login.
    notional: Option<bool>,
    /// The variable that the key is taken from.
    variable: Option<String>,
    /// An earlier core had the key, this one does not: its calls wait for one that does.
    held: bool,
}

/// A provider whose key came from the environment, for a later core that comes without:
/// everything but the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    pub name: String,
    pub dialect: Dialect,
    pub base_url: String,
    pub variable: String,
}

enum Key {
    /// A server that asks for none.
    None,
    Known(Secret),
    Missing(String),
    Command(Vec<String>, OnceCell<Secret>),
    /// The agent's own login, as it sends it.
    OfAgent,
}

#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Why a provider's key is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key missing for provider {provider}: {reason}")]
pub struct KeyMissing {
    pub provider: String,
    pub reason: String,
}

/// A provider that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProvider {
    #[error("providers.{name}.base_url is no http(s) address: {reason}")]
    Url { name: String, reason: String },
    #[error("providers.{name}: give one of key_env, key_file and key_command, not several")]
    SeveralKeys { name: String },
    #[error("the name `simulated` belongs to the built-in provider; rename providers.simulated")]
    Reserved,
}

/// Whether an address is on this machine.
pub fn is_local(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback() || ip.is_unspecified())
}

impl Upstream {
    fn configured(name: &str, provider: &Provider, env: Env<'_>) -> Result<Self, BadProvider> {
        if name == super::SIMULATED {
            return Err(BadProvider::Reserved);
        }
        let given = [
            provider.key_env.is_some(),
            provider.key_file.is_some(),
            provider.key_command.is_some(),
        ];
        if given.iter().filter(|given| **given).count() > 1 {
            return Err(BadProvider::SeveralKeys { name: name.to_owned() });
        }
        let key = if let Some(variable) = &provider.key_env {
            match env(variable).filter(|value| !value.trim().is_empty()) {
                Some(value) => Key::Known(Secret(value.trim().to_owned())),
                None => Key::Missing(format!(
                    "the core's environment has no {}: `dash core stop`, then any command of dash \
                     where it is set",
                    told(variable)
                )),
            }
        } else if let Some(path) = &provider.key_file {
            read_key_file(path)
        } else if let Some(command) = &provider.key_command {
            match command.is_empty() {
                true => Key::Missing("key_command is empty".to_owned()),
                false => Key::Command(command.clone(), OnceCell::new()),
            }
        } else if provider.login.is_some() {
            Key::OfAgent
        } else {
            Key::None
        };
        Ok(Self {
            name: name.to_owned(),
            dialect: provider.dialect,
            overrides: Overrides::new(&provider.prices),
            base: parse_base(name, &provider.base_url)?,
            key,
            bearer: false,
            notional: provider.notional,
            variable: provider.key_env.clone(),
            held: false,
        })
    }

    /// The provider that the usual variables of a dialect stand for, if they are set.
    fn from_env(dialect: Dialect, env: Env<'_>) -> Result<Option<Self>, BadProvider> {
        let set = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let (name, keys, base, default): (_, &[&str], _, _) = match dialect {
            Dialect::Anthropic => (
                "anthropic",
                &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"],
                "ANTHROPIC_BASE_URL",
                "https://api.anthropic.com",
            ),
            Dialect::Openai => {
                ("openai", &["OPENAI_API_KEY"], "OPENAI_BASE_URL", "https://api.openai.com/v1")
            }
            Dialect::Gemini => (
                "google",
                &["GEMINI_API_KEY"],
                "GOOGLE_GEMINI_BASE_URL",
                "https://generativelanguage.googleapis.com",
            ),
        };
        let found = keys.iter().find_map(|key| Some((*key, set(key)?)));
        let url = set(base);
        if found.is_none() && url.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            name: name.to_owned(),
            dialect,
            overrides: Overrides::default(),
            base: parse_base(name, url.as_deref().unwrap_or(default))?,
            bearer: found.as_ref().is_some_and(|(key, _)| *key == "ANTHROPIC_AUTH_TOKEN"),
            notional: None,
            variable: found.as_ref().map(|(key, _)| (*key).to_owned()),
            held: false,
            key: found.map_or(Key::None, |(_, v)| Key::Known(Secret(v.trim().to_owned()))),
        }))
    }

    /// One that only an earlier core had the key of.
    fn gone(known: &Remembered) -> Result<Self, BadProvider> {
        let reason = format!(
            "an earlier core had it from {}, this one was started without; its calls wait: \
             `dash core stop`, then any command of dash where the variable is set",
            known.variable
        );
        Ok(Self {
            name: known.name.clone(),
            dialect: known.dialect,
            overrides: Overrides::default(),
            base: parse_base(&known.name, &known.base_url)?,
            key: Key::Missing(reason),
            bearer: false,
            notional: None,
            variable: Some(known.variable.clone()),
            held: true,
        })
    }

    /// What a later core is to know; none where the key does not come from a variable.
    pub fn remembered(&self) -> Option<Remembered> {
        let had = matches!(self.key, Key::Known(_)) || self.held;
        let variable = self.variable.clone().filter(|_| had)?;
        let mut base = self.base.clone();
        // They would be keys, too. These fail only where there is no host.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        let (name, dialect) = (self.name.clone(), self.dialect);
        Some(Remembered { name, dialect, base_url: base.into(), variable })
    }

    /// Its calls are neither answered nor refused.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The address for a path that starts with `/v1`.
    pub fn url(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.base.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        let path = match self.dialect {
            Dialect::Openai => path.strip_prefix("/v1").unwrap_or(path),
            Dialect::Anthropic | Dialect::Gemini => path,
        };
        url.set_path(&format!("{base}{path}"));
        url.set_query(query);
        url
    }

    /// `host:port`, for messages; never what else the address may hold.
    pub fn place(&self) -> String {
        let host = self.base.host_str().unwrap_or("?");
        match self.base.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The port, if the provider is on this machine.
    pub fn local_port(&self) -> Option<u16> {
        is_local(&self.base).then(|| self.base.port_or_known_default()).flatten()
    }

    /// What is wrong with the key, as far as it is known without running anything.
    pub fn problem(&self) -> Option<KeyMissing> {
        match &self.key {
            Key::Missing(reason) => Some(self.missing(reason.clone())),
            Key::None | Key::Known(_) | Key::Command(..) | Key::OfAgent => None,
        }
    }

    fn missing(&self, reason: String) -> KeyMissing {
        KeyMissing { provider: self.name.clone(), reason }
    }

    /// True where agents' own logins go upstream.
    pub fn passes_logins(&self) -> bool {
        matches!(self.key, Key::OfAgent)
    }

    /// Nobody pays calls with these headers by the token. Of logins that pass, an API key is
    /// billed so, whatever else may be under a subscription.
    pub fn is_notional(&self, headers: &HeaderMap, query: Option<&str>) -> bool {
        self.notional.unwrap_or_else(|| self.passes_logins() && !is_api_key(headers, query))
    }

    /// What is to be expected of its calls, before there is one.
    pub fn terms(&self) -> Option<&'static str> {
        match self.notional {
            Some(notional) => notional.then_some("costs are notional"),
            None => self.passes_logins().then_some("costs are notional, but for API keys"),
        }
    }

    /// The header with the real key; none for a server that asks for none.
    pub async fn credential(&self) -> Result<Option<(HeaderName, HeaderValue)>, KeyMissing> {
        let secret = match &self.key {
            Key::None | Key::OfAgent => return Ok(None),
            Key::Known(secret) => secret,
            Key::Missing(reason) => return Err(self.missing(reason.clone())),
            Key::Command(command, cell) => cell
                .get_or_try_init(|| run_key_command(command))
                .await
                .map_err(|reason| self.missing(reason))?,
        };
        let (name, text) = match self.dialect {
            _ if self.bearer => (AUTHORIZATION, format!("Bearer {}", secret.0)),
            Dialect::Anthropic => (HeaderName::from_static("x-api-key"), secret.0.clone()),
            Dialect::Openai => (AUTHORIZATION, format!("Bearer {}", secret.0)),
            Dialect::Gemini => (HeaderName::from_static("x-goog-api-key"), secret.0.clone()),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            self.missing("the key has characters that no header can carry".to_owned())
        })?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }
}

/// An API key among the logins that a request brings. Where only keys are expected whatever is
/// no known login counts as one.
fn is_api_key(headers: &HeaderMap, query: Option<&str>) -> bool {
    // Anthropic's own logins begin so, in either header.
    let is_login = |text: &str| text.starts_with("sk-ant-oat") || text.starts_with("sk-ant-ort");
    let texts = |name: &str| headers.get_all(name).iter().map(|value| value.to_str());
    texts("x-api-key").any(|text| !text.is_ok_and(|text| is_login(text.trim())))
        || headers.contains_key("x-goog-api-key")
        || query.is_some_and(|query| query.split('&').any(|part| part.starts_with(QUERY_KEY)))
        || texts("authorization").any(|text| {
            let bearer = text.ok().and_then(|text| text.strip_prefix("Bearer "));
            // Written otherwise it is no login that anybody sends.
            bearer.is_none_or(|text| {
                let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
                let of_key = text.starts_with("sk-") || text.starts_with("AIza");
                !plain || (of_key && !is_login(text))
            })
        })
}

/// A variable's name as it is told to agents and in logs: some write the key itself there, and
/// that has small letters.
fn told(variable: &str) -> &str {
    let is_usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if variable.chars().all(is_usual) { variable } else { "variable of the name in key_env" }
}

/// All real providers: those of the configuration by name, then those of the environment,
/// then those of `before` for a dialect whose key is gone.
pub fn all(
    config: &Config,
    env: Env<'_>,
    before: &[Remembered],
) -> Result<Vec<Upstream>, BadProvider> {
    let mut found = Vec::new();
    for (name, provider) in &config.providers {
        found.push(Upstream::configured(name, provider, env)?);
    }
    for dialect in [Dialect::Anthropic, Dialect::Openai, Dialect::Gemini] {
        // What the configuration says in full needs no stand-in.
        if found.iter().any(|upstream| upstream.dialect == dialect) {
            continue;
        }
        let keyed = Upstream::from_env(dialect, env)?;
        // An address alone, where there was a key: that is what a keeper passes on.
        let keyless = |upstream: &Upstream| matches!(upstream.key, Key::None);
        match before.iter().find(|known| known.dialect == dialect) {
            Some(known) if keyed.as_ref().is_none_or(keyless) => {
                found.push(Upstream::gone(known)?);
            }
            Some(_) | None => found.extend(keyed),
        }
    }
    for upstream in &mut found {
        let missing = matches!(upstream.key, Key::Missing(_));
        upstream.held |= missing && before.iter().any(|known| known.name == upstream.name);
    }
    Ok(found)
}

fn parse_base(name: &str, text: &str) -> Result<Url, BadProvider> {
    let bad = |reason: String| BadProvider::Url { name: name.to_owned(), reason };
    let url = Url::parse(text).map_err(|e| bad(e.to_string()))?;
    match (url.scheme(), url.host_str()) {
        ("http" | "https", Some(_)) => Ok(url),
        (other, _) => Err(bad(format!("its scheme is `{other}`"))),
    }
}

fn read_key_file(path: &Path) -> Key {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            return Key::Missing(format!("{shown} can be read by others: chmod 600 {shown}"));
        }
        Ok(_) => {}
        Err(e) => return Key::Missing(format!("cannot read {shown}: {e}")),
    }
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Key::Missing(format!("{shown} is empty")),
        Ok(text) => Key::Known(Secret(text.trim().to_owned())),
        Err(e) => Key::Missing(format!("cannot read {shown}: {e}")),
    }
}

async fn run_key_command(command: &[String]) -> Result<Secret, String> {
    let Some((program, args)) = command.split_first() else {
        return Err("key_command is empty".to_owned());
    };
    let run = tokio::process::Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(KEY_COMMAND_LIMIT, run).await {
        Ok(Ok(output)) => output,
        Ok(Err(e)) => return Err(format!("cannot run {program}: {e}")),
        Err(_) => return Err(format!("{program} took longer than {KEY_COMMAND_LIMIT:?}")),
    };
    let key = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match output.status.success() {
        true if key.is_empty() => Err(format!("{program} printed nothing")),
        true => Ok(Secret(key)),
        false => Err(format!("{program} failed: {}", output.status)),
    }
}
