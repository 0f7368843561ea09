//! Which version of a program is installed, read from where it lies. The program is not run for
//! it: it may have been put there by an agent.

use std::path::Path;

/// Directories above a program in which its package is looked for.
const ABOVE: usize = 4;
/// Nobody's package file is longer.
const MOST: u64 = 1 << 20;

/// What its npm package says, else a directory or file that is called like a version.
pub fn installed(program: &Path) -> Option<String> {
    let real = std::fs::canonicalize(program).ok()?;
    let package = real.ancestors().skip(1).take(ABOVE).find_map(of_package);
    package.or_else(|| of_name(&real))
}

fn of_package(dir: &Path) -> Option<String> {
    let file = dir.join("package.json");
    let small = std::fs::metadata(&file).is_ok_and(|meta| meta.is_file() && meta.len() <= MOST);
    let text = small.then(|| std::fs::read(&file).ok())??;
    let package: serde_json::Value = serde_json::from_slice(&text).ok()?;
    package["version"].as_str().filter(|version| is_version(version)).map(str::to_owned)
}

/// `versions/2.1.330`, `Cellar/codex/0.169.0/bin/codex`.
fn of_name(real: &Path) -> Option<String> {
    let names = real.ancestors().take(ABOVE).filter_map(|path| path.file_name()?.to_str());
    names
        .map(|name| name.strip_prefix('v').unwrap_or(name))
        .find(|name| is_version(name))
        .map(str::to_owned)
}

fn is_version(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-+_".contains(c);
    let mut parts = text.split('.');
    let starts = parts.next().is_some_and(digits);
    starts && parts.next().is_some() && text.len() <= 40 && text.chars().all(plain)
}

/// True if `measured` is the version in `seen`, and not the beginning of another.
pub fn names(seen: &str, measured: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '.';
    seen.match_indices(measured).any(|(at, _)| {
        let before = seen[..at].chars().next_back().is_none_or(|c| c == 'v' || !part(c));
        before && seen[at + measured.len()..].chars().next().is_none_or(|c| !part(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn a_version_is_found_in_what_a_program_says() {
        for (seen, measured, same) in [
            ("2.1.330 (Claude Code)", "2.1.330", true),
            ("codex-cli 0.169.0", "0.169.0", true),
            ("v1.2", "1.2", true),
            ("1.18.33", "1.18.3", false),
            ("11.2.0", "1.2.0", false),
            ("1.2.0.1", "1.2.0", false),
        ] {
            assert_eq!(names(seen, measured), same, "{seen} {measured}");
        }
    }

    #[test]
    fn a_program_is_known_by_its_package_or_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let at = |path: &str| dir.path().join(path);
        put("node_modules/x/package.json", r#"{"version": "1.2.3-rc.1"}"#);
        // One inside it, which says only how its files are to be read.
        put("node_modules/x/dist/package.json", r#"{"type": "module"}"#);
        let real = put("node_modules/x/dist/cli.js", "");
        fs::create_dir_all(at("node_modules/.bin")).unwrap();
        symlink("../x/dist/cli.js", at("node_modules/.bin/x")).unwrap();
        for program in [real, at("node_modules/.bin/x")] {
            assert_eq!(installed(&program).as_deref(), Some("1.2.3-rc.1"), "{program:?}");
        }
        assert_eq!(installed(&put("versions/2.1.330", "")).as_deref(), Some("2.1.330"));
        assert_eq!(installed(&put("c/v0.169.0/bin/c", "")).as_deref(), Some("0.169.0"));
        for odd in ["none", "\u{1b}[31m1.2", "1", "1.2 or so"] {
            put("odd/package.json", &serde_json::json!({ "version": odd }).to_string());
            assert_eq!(installed(&put("odd/bin/odd", "")), None, "{odd:?}");
        }
        assert_eq!(installed(&at("nowhere")), None);
    }
}
