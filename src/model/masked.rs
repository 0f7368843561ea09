//! Command lines as the audit may show them: keys stand in command lines, and an audit is
//! kept for ever and exported. What looks like a secret is masked; the SHA-256 of the words
//! as they were stays, so that a command which is known can be told to be the one.

use super::{hex, quoted};
use sha2::{Digest, Sha256};

/// In place of what looks like a secret.
const MASK: &str = "***";
/// Characters of a command line that are kept.
const MOST: usize = 1000;
/// Parts of names whose values are nobody's business.
const SECRET: [&str; 9] =
    ["token", "secret", "passw", "passphrase", "apikey", "credential", "auth", "cookie", "bearer"];
/// What the keys of well-known services begin with.
const PREFIXES: [&str; 8] =
    ["sk-", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "AKIA"];

/// The words as a shell reads them, secrets masked, cut to a sane length.
pub fn masked(argv: &[String]) -> String {
    let mut before = "";
    let mut words = Vec::new();
    for word in argv {
        let hidden = match before {
            // To most programs it is something else: a port, a patch, parents.
            "-p" => logs_in(argv),
            "-u" | "--user" => word.contains(':'),
            flag => takes_secret(flag),
        };
        words.push(if hidden && !word.starts_with('-') { MASK.to_owned() } else { mask(word) });
        before = word;
    }
    // The asterisks need no quotes to be read.
    cut(&quoted(&words).replace(&format!("'{MASK}'"), MASK))
}

/// A shell's line, likewise.
pub fn masked_line(line: &str) -> String {
    cut(&mask(line))
}

/// SHA-256, in hex, of the words, each with a NUL after it: `printf '%s\0' WORD… | sha256sum`.
pub fn argv_digest(argv: &[String]) -> String {
    let mut hasher = Sha256::new();
    for word in argv {
        hasher.update(word);
        hasher.update([0]);
    }
    hex(hasher.finalize())
}

/// SHA-256, in hex, of a shell's line as it stands.
pub fn line_digest(line: &str) -> String {
    hex(Sha256::digest(line))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// True for a name such as `GITHUB_TOKEN`, `api-key` or `Authorization`.
fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_lowercase();
    let key = |part: &str| matches!(part, "key" | "pass" | "pw" | "pwd" | "pat");
    SECRET.iter().any(|part| plain.contains(part))
        || name.to_ascii_lowercase().split(['-', '_', '.']).any(key)
}

/// True for a program that takes a password by `-p`.
fn logs_in(argv: &[String]) -> bool {
    let name = argv.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
    let known = ["mysql", "mariadb", "sshpass", "twine", "mongo"];
    known.iter().any(|known| name.starts_with(known)) || argv.iter().any(|word| word == "login")
}

/// A flag whose value is the next word.
fn takes_secret(word: &str) -> bool {
    let Some(name) = word.strip_prefix('-').filter(|name| !name.contains(['=', ' '])) else {
        return false;
    };
    is_secret(name.trim_start_matches('-'))
}

/// One word, or several in one, as in `sh -c 'TOKEN=x curl …'`.
fn mask(word: &str) -> String {
    let mut shown = String::new();
    let mut after = false;
    for part in word.split_inclusive(char::is_whitespace) {
        let bare = part.trim_end_matches(char::is_whitespace);
        let gap = &part[bare.len()..];
        let hidden = after && !bare.is_empty() && !bare.starts_with('-');
        // `Authorization: Bearer KEY`: what follows the scheme, too.
        let name = bare.trim_end_matches(':').trim_start_matches(['"', '\'']);
        let heads = bare.ends_with(':') && is_secret(name);
        let scheme = ["bearer", "basic", "token"].contains(&bare.to_ascii_lowercase().as_str());
        if !bare.is_empty() {
            after = heads || (hidden && scheme) || scheme && after || takes_secret(bare);
        }
        shown.push_str(&if hidden && !scheme { MASK.to_owned() } else { mask_part(bare) });
        shown.push_str(gap);
    }
    shown
}

/// Without blanks in it.
fn mask_part(part: &str) -> String {
    if let Some((name, value)) = part.split_once('=')
        && !value.is_empty()
        && is_secret(name)
    {
        return format!("{name}={MASK}");
    }
    if let Some((name, value)) = part.split_once(':')
        && !value.is_empty()
        && !value.starts_with("//")
        && is_secret(name)
    {
        return format!("{name}:{MASK}");
    }
    if let Some((scheme, rest)) = part.split_once("://")
        && let Some((user, host)) = rest.split_once('@')
        && !user.contains('/')
    {
        return format!("{scheme}://{MASK}@{}", mask_runs(host));
    }
    mask_runs(part)
}

/// Long strings of base64 or hex.
fn mask_runs(part: &str) -> String {
    let digit = |c: char| c.is_ascii_alphanumeric() || "+_-".contains(c);
    let mut shown = String::new();
    let mut rest = part;
    while !rest.is_empty() {
        let end = rest.find(|c| !digit(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        shown.push_str(if is_key(run) { MASK } else { run });
        let between = after.find(digit).unwrap_or(after.len());
        shown.push_str(&after[..between]);
        rest = &after[between..];
    }
    shown
}

fn is_key(run: &str) -> bool {
    let any = |test: fn(&char) -> bool| run.chars().any(|c| test(&c));
    let hex = run.chars().all(|c| c.is_ascii_hexdigit());
    let mixed =
        any(char::is_ascii_digit) && any(char::is_ascii_uppercase) && any(char::is_ascii_lowercase);
    let known = run.len() >= 12 && PREFIXES.iter().any(|prefix| run.starts_with(prefix));
    known || (run.len() >= 32 && hex) || (run.len() >= 20 && mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str]) -> String {
        masked(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_looks_like_a_secret_is_masked_and_the_rest_stays() {
        for (words, text) in [
            (&["git", "push", "-u", "origin", "a b"][..], "git push -u origin 'a b'"),
            (&["mkdir", "-p", "a/b"], "mkdir -p a/b"),
            (&["curl", "-u", "ann:pw", "a.b"], "curl -u *** a.b"),
            (&["gh", "--token", "abc", "pr"], "gh --token *** pr"),
            (&["x", "--password=hunter2", "--keep=1"], "x '--password=***' --keep=1"),
            (&["mysql", "-p", "hunter2", "db"], "mysql -p *** db"),
            (
                &["env", "AWS_SECRET_ACCESS_KEY=abc", "A=b", "ls"],
                "env 'AWS_SECRET_ACCESS_KEY=***' A=b ls",
            ),
            (&["sh", "-c", "API_KEY=x curl -s a.b"], "sh -c 'API_KEY=*** curl -s a.b'"),
            (&["curl", "-H", "Authorization: Bearer abc"], "curl -H 'Authorization: Bearer ***'"),
            (&["curl", "https://ann:pw@a.b/c"], "curl 'https://***@a.b/c'"),
            (&["echo", "sk-ant-0123456789"], "echo ***"),
            (&["echo", "0123456789abcdef0123456789abcdef"], "echo ***"),
            (&["rm", "-rf", "/srv/data/target/debug/build"], "rm -rf /srv/data/target/debug/build"),
            (&["cargo", "test", "--test", "monkey"], "cargo test --test monkey"),
        ] {
            assert_eq!(shown(words), text);
        }
        assert!(shown(&["x"; 2000]).chars().count() <= MOST + 1);
        assert_eq!(masked_line("TOKEN=x ls; --token y"), "TOKEN=*** ls; --token ***");
    }

    #[test]
    fn the_digest_is_of_the_words_as_they_were() {
        let two = ["a".to_owned(), "b".to_owned()];
        let one = ["a b".to_owned()];
        assert_ne!(argv_digest(&two), argv_digest(&one));
        // printf 'a\0b\0' | sha256sum
        let known = hex(Sha256::digest(b"a\0b\0"));
        assert_eq!(argv_digest(&two), known);
    }
}
