//! What an agent finds in its environment, and what of the core's it never sees.

use crate::model::{Host, Net};
use crate::protocol::keeper::{GATEWAY_ADDRESS_MARK, GATEWAY_MARK};
use std::{collections::BTreeMap, path::Path};

/// Where the gateway is, in a sandbox too.
const GATEWAY_HOST: &str = "127.0.0.1";
const LOOPBACK: &str = "127.0.0.1,localhost";

/// Variables of agents, of the gateway and of Dash itself: an agent gets its own or none.
const OWN: &[&str] = &[
    "ANTHROPIC_*",
    "CLAUDE*",
    "OPENAI_*",
    "CODEX_*",
    "GEMINI_*",
    "GOOGLE_*KEY*",
    "GOOGLE_GEMINI_*",
    "DASH_*",
    "OPENCODE*",
    "OPENCLAW*",
    "PI_*",
    "QWEN_*",
];

/// Keys of other providers: real keys stay in the core.
const KEYS: &[&str] = &[
    "AWS_BEARER_TOKEN_BEDROCK",
    "AZURE_OPENAI_*",
    "CEREBRAS_API_KEY",
    "COHERE_API_KEY",
    "DASHSCOPE_API_KEY",
    "DEEPSEEK_API_KEY",
    "FIREWORKS_API_KEY",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
    "MOONSHOT_API_KEY",
    "OPENROUTER_API_KEY",
    "PERPLEXITY_API_KEY",
    "TOGETHER_API_KEY",
    "XAI_API_KEY",
    "ZAI_API_KEY",
];

/// What passes into a cleared environment: language, who the user is, certificates and
/// proxies, and where toolchains lie (with a HOME of its own an agent would find none).
const KEPT: &[&str] = &[
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "USER",
    "LOGNAME",
    "SHELL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GIT_CONFIG_GLOBAL",
    "GOPATH",
    "GOMODCACHE",
    "GOCACHE",
    "JAVA_HOME",
    "VIRTUAL_ENV",
    "NVM_DIR",
    "PNPM_HOME",
];

/// Where tools look under HOME unless told: they are told the user's own, else `git commit`
/// has no author and `cargo` no toolchain. (variable, path under the user's home)
const TOOLS: &[(&str, &str)] =
    &[("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"), ("GIT_CONFIG_GLOBAL", ".gitconfig")];

/// Read by programs that reach others through a proxy; each in both cases.
const PROXIES: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY"];

pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The core's own, without keys and agents' variables.
    pub fn inherited(core: &[(String, String)]) -> Self {
        Self(core.iter().filter(|(name, _)| !is_private_variable(name)).cloned().collect())
    }

    /// Only what [`KEPT`] and `keep` let through, and directories of the attempt's own.
    pub fn cleared(core: &[(String, String)], keep: &[String], home: &Path, tmp: &Path) -> Self {
        let kept = |name: &str| {
            any(KEPT, name) || keep.iter().any(|pattern| glob(pattern, name) && !any(KEYS, name))
        };
        let mut variables =
            Self(core.iter().filter(|(name, _)| kept(name)).cloned().collect::<BTreeMap<_, _>>());
        if let Some((_, user)) = core.iter().find(|(name, _)| name == "HOME") {
            for (name, under) in TOOLS {
                let path = Path::new(user).join(under).to_string_lossy().into_owned();
                variables.0.entry((*name).to_owned()).or_insert(path);
            }
        }
        variables.set("HOME", &home.to_string_lossy());
        variables.set("TMPDIR", &tmp.to_string_lossy());
        for (name, under) in [
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_CACHE_HOME", ".cache"),
            ("XDG_DATA_HOME", ".local/share"),
            ("XDG_STATE_HOME", ".local/state"),
        ] {
            variables.set(name, &home.join(under).to_string_lossy());
        }
        variables
    }

    /// As [`cleared`](Self::cleared), for a sandbox: nothing points to the user's own files,
    /// and to no proxy that cannot be reached. Toolchains are where they were.
    pub fn confined(core: &[(String, String)], keep: &[String], home: &Path, tmp: &Path) -> Self {
        let mut variables = Self::cleared(core, keep, home, tmp);
        variables.0.retain(|name, _| !name.to_ascii_lowercase().ends_with("_proxy"));
        variables.set("GIT_CONFIG_GLOBAL", &home.join(".gitconfig").to_string_lossy());
        variables.set("CARGO_HOME", &home.join(".cargo").to_string_lossy());
        // Seen by its real name only.
        if let Some(real) =
            variables.0.get("RUSTUP_HOME").and_then(|dir| Path::new(dir).canonicalize().ok())
        {
            variables.set("RUSTUP_HOME", &real.to_string_lossy());
        }
        variables
    }

    /// An empty value takes the variable away.
    pub fn set(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The gateway as every SDK expects it. `NO_PROXY` gains the loopback, since some SDKs
    /// ask a proxy even for that.
    pub fn point_at_gateway(&mut self, token: &str) {
        self.set("ANTHROPIC_BASE_URL", GATEWAY_MARK);
        self.set("ANTHROPIC_API_KEY", token);
        self.set("OPENAI_BASE_URL", &format!("{GATEWAY_MARK}/v1"));
        self.set("OPENAI_API_KEY", token);
        self.set("GOOGLE_GEMINI_BASE_URL", GATEWAY_MARK);
        self.set("GEMINI_API_KEY", token);
        let known = self.0.get("NO_PROXY").or_else(|| self.0.get("no_proxy"));
        let mut direct = known.cloned().unwrap_or_default();
        for host in ["127.0.0.1", "localhost"] {
            if direct.split(',').all(|known| known.trim() != host && known.trim() != "*") {
                if !direct.is_empty() {
                    direct.push(',');
                }
                direct.push_str(host);
            }
        }
        self.set("NO_PROXY", &direct);
        self.set("no_proxy", &direct);
    }

    /// What reaches the network `net` of a sandbox: the egress proxy, with the attempt's token
    /// as its password, or nothing. A network that is not closed keeps the user's own proxies.
    pub fn point_at_proxy(&mut self, net: &Net, token: &str) {
        let hosts = match net {
            Net::Any => return,
            Net::None => None,
            Net::Hosts(hosts) => Some(hosts),
        };
        self.0.retain(|name, _| !PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy)));
        if let Some(hosts) = hosts {
            // This machine's own `localhost` is on the other side of the proxy, and of the user's
            // exceptions none leads anywhere in here.
            let granted = |host: &Host| host.to_string().split(':').next() == Some("localhost");
            let direct = if hosts.iter().any(granted) { GATEWAY_HOST } else { LOOPBACK };
            self.set("NO_PROXY", direct);
            self.set("no_proxy", direct);
            let url = format!("http://dash:{token}@{GATEWAY_ADDRESS_MARK}");
            for name in PROXIES.iter().filter(|name| **name != "FTP_PROXY") {
                self.set(name, &url);
                self.set(&name.to_ascii_lowercase(), &url);
            }
        }
    }

    pub fn into_list(self) -> Vec<(String, String)> {
        self.0.into_iter().collect()
    }
}

/// What every command in a sandbox finds, with these directories for its own.
pub fn confined_variables(
    core: &[(String, String)],
    home: &Path,
    tmp: &Path,
) -> Vec<(String, String)> {
    Variables::confined(core, &[], home, tmp).into_list()
}

/// True for the variables of agents, providers and Dash itself, which no agent inherits.
pub fn is_private_variable(name: &str) -> bool {
    any(OWN, name) || any(KEYS, name)
}

fn any(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| glob(pattern, name))
}

/// `*` stands for anything, also for nothing.
fn glob(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    tail.is_empty() || (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|r| glob(tail, r)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core() -> Vec<(String, String)> {
        [
            ("HOME", "/home/u"),
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("ANTHROPIC_API_KEY", "real"),
            ("CLAUDECODE", "1"),
            ("GOOGLE_CLOUD_KEY_FILE", "k"),
            ("GOOGLE_CLOUD_PROJECT", "p"),
            ("OPENROUTER_API_KEY", "real"),
            ("DASH_TOKEN", "outer"),
            ("NO_PROXY", "corp"),
            ("EDITOR", "vi"),
            ("RUSTUP_HOME", "/opt/rustup"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    fn names(variables: &Variables) -> Vec<&str> {
        variables.0.keys().map(String::as_str).collect()
    }

    #[test]
    fn inherits_all_but_keys_and_agents_variables() {
        let variables = Variables::inherited(&core());
        let expected =
            ["EDITOR", "GOOGLE_CLOUD_PROJECT", "HOME", "LC_ALL", "NO_PROXY", "PATH", "RUSTUP_HOME"];
        assert_eq!(names(&variables), expected);
    }

    #[test]
    fn a_cleared_environment_keeps_tools_working() {
        let keep = ["EDIT*".to_owned(), "OPENROUTER_*".to_owned()];
        let variables =
            Variables::cleared(&core(), &keep, Path::new("/p/home"), Path::new("/p/tmp"));
        assert!(!names(&variables).contains(&"ANTHROPIC_API_KEY"));
        assert!(!names(&variables).contains(&"OPENROUTER_API_KEY"));
        assert!(names(&variables).contains(&"EDITOR"));
        assert_eq!(variables.0["HOME"], "/p/home");
        assert_eq!(variables.0["CARGO_HOME"], "/home/u/.cargo");
        assert_eq!(variables.0["RUSTUP_HOME"], "/opt/rustup");
        assert_eq!(variables.0["XDG_STATE_HOME"], "/p/home/.local/state");
    }

    #[test]
    fn loopback_is_never_proxied() {
        for (given, expected) in [
            ("", "127.0.0.1,localhost"),
            ("corp", "corp,127.0.0.1,localhost"),
            ("localhost, x", "localhost, x,127.0.0.1"),
            ("*", "*"),
        ] {
            let mut variables = Variables::inherited(&[("no_proxy".to_owned(), given.to_owned())]);
            variables.point_at_gateway("t");
            assert_eq!(variables.0["NO_PROXY"], expected);
            assert_eq!(variables.0["no_proxy"], expected);
        }
    }

    #[test]
    fn proxies_of_a_sandbox_are_its_own() {
        let given = [("https_proxy", "http://corp:1"), ("FTP_PROXY", "x"), ("NO_PROXY", "y")];
        let given = given.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let pointed = |net: &Net| {
            let mut variables = Variables::inherited(&given);
            variables.point_at_proxy(net, "secret");
            variables.0
        };
        assert_eq!(pointed(&Net::Any), Variables::inherited(&given).0);
        assert_eq!(pointed(&Net::None).into_keys().collect::<Vec<_>>(), ["NO_PROXY"]);
        let host = Host::parse("a.com").unwrap();
        let open = pointed(&Net::Hosts([host].into()));
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            assert_eq!(open[name], "http://dash:secret@@DASH_GATEWAY_ADDRESS@", "{name}");
            assert_eq!(open[&name.to_ascii_lowercase()], open[name]);
        }
        assert_eq!(open.len(), 8);
        assert_eq!((&*open["NO_PROXY"], &*open["no_proxy"]), (LOOPBACK, LOOPBACK));
        let ours = pointed(&Net::Hosts([Host::parse("localhost:80").unwrap()].into()));
        assert_eq!(ours["NO_PROXY"], GATEWAY_HOST);
    }

    #[test]
    fn globs() {
        assert!(glob("GOOGLE_*KEY*", "GOOGLE_API_KEY"));
        assert!(!glob("GOOGLE_*KEY*", "GOOGLE_CLOUD_PROJECT"));
        assert!(glob("CLAUDE*", "CLAUDECODE") && glob("LANG", "LANG") && !glob("LANG", "LANGUAGE"));
    }
}
