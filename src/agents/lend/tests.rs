use super::*;
use crate::agents::Adapter;
use std::fs;

const FILE: &str = r#"
name = "x"
summary = "X"
[program]
name = "x"
[launch]
args = ["{lend_args}", "{task}"]
[[lend]]
name = "memory"
from = ["$X_HOME/NOTES.md", "~/.x/NOTES.md"]
to = "{private}/x/NOTES.md"
[[lend]]
name = "memory"
from = ["~/.x/more"]
to = "{private}/x/more"
[[lend]]
name = "mcp"
from = ["~/.x/settings.json"]
to = "{private}/x/settings.json"
keys = ["servers"]
[[lend]]
name = "tables"
from = ["~/.x/settings.toml"]
to = "{private}/x/settings.toml"
keys = ["servers"]
"#;

struct Home(tempfile::TempDir);

impl Home {
    fn new(files: &[(&str, &str)]) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = home.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        home
    }

    fn loans(&self, wanted: &[&str], more: &[(&str, &str)]) -> Vec<Loan> {
        let home = self.0.path().to_str().unwrap();
        let variables = [("HOME", home)].into_iter().chain(more.iter().copied());
        let variables: Vec<_> = variables.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
        let real = |path: &Path| fs::canonicalize(path).ok();
        let from = Lender { variables: &variables, real: &real };
        Adapter::parse("x.toml", FILE).unwrap().loans(&wanted, &from)
    }

    fn told(&self, wanted: &[&str], more: &[(&str, &str)]) -> Vec<String> {
        let short = |loan: &Loan| {
            let path = loan.path.strip_prefix(self.0.path()).unwrap_or(&loan.path);
            let lack = loan.lack.as_deref().unwrap_or("lent");
            format!("{} {}: {lack}", loan.name, path.display())
        };
        self.loans(wanted, more).iter().map(short).collect()
    }
}

#[test]
fn what_is_wanted_and_there_is_lent() {
    let home = Home::new(&[(".x/NOTES.md", "be brief"), ("other/NOTES.md", "be long")]);
    assert_eq!(home.told(&["memory"], &[]), ["memory .x/NOTES.md: lent"]);
    let other = home.0.path().join("other");
    let variable = [("X_HOME", other.to_str().unwrap())];
    assert_eq!(home.told(&["memory"], &variable), ["memory other/NOTES.md: lent"]);
    assert_eq!(home.told(&["mcp"], &[]), ["mcp .x/settings.json: nothing there"]);
    assert!(home.told(&[], &[]).is_empty());
    assert_eq!(Home::new(&[]).told(&["memory"], &[]), ["memory .x/NOTES.md: nothing there"]);
}

#[test]
fn of_settings_only_the_keys_in_question_are_lent() {
    let json = r#"{"secret": "s", "servers": {"db": {"command": "db-mcp"}}}"#;
    let toml = "secret = \"s\"\n[servers.db]\ncommand = \"db-mcp\"\n";
    let home = Home::new(&[(".x/settings.json", json), (".x/settings.toml", toml)]);
    for (name, end) in [("mcp", "json"), ("tables", "toml")] {
        let loans = home.loans(&[name], &[]);
        let path = PathBuf::from(format!("/p/x/settings.{end}"));
        let mut files = Vec::new();
        assert!(!loans[0].is_link() && settle(&loans[0], &path, &mut files));
        let (text, mode) = (&files[0].content, files[0].mode);
        assert!(text.contains("db-mcp") && !text.contains("secret"), "{text}");
        assert_eq!((files.len(), mode), (1, 0o600));
    }
}

#[test]
fn what_the_launch_writes_itself_counts_before_what_is_lent() {
    let json = r#"{"servers": {"db": {"url": "u"}, "own": {"command": "o"}}}"#;
    let home = Home::new(&[(".x/settings.json", json)]);
    let path = PathBuf::from("/p/x/settings.json");
    let own = |content: &str| LaunchFile {
        path: path.clone(),
        content: content.to_owned(),
        mode: 0o600,
        protected: true,
    };
    let loans = home.loans(&["mcp"], &[]);
    for (mine, expected) in [
        (r#"{"update": false}"#, json.replacen('{', r#"{"update": false, "#, 1).as_str()),
        (r#"{"servers": {}}"#, r#"{"servers": {}}"#),
    ] {
        let mut files = vec![own(mine)];
        assert!(settle(&loans[0], &path, &mut files));
        let is: Value = serde_json::from_str(&files[0].content).unwrap();
        assert_eq!(is, serde_json::from_str::<Value>(expected).unwrap());
        assert!(files.len() == 1 && files[0].protected);
    }
}

#[test]
fn settings_that_do_not_read_are_told() {
    for (text, why) in [
        ("{", "no JSON: EOF"),
        ("{}", "no servers in it"),
        (r#"{"servers": {}}"#, "no servers in it"),
        ("", "no servers in it"),
    ] {
        let home = Home::new(&[(".x/settings.json", text)]);
        let told = home.told(&["mcp"], &[]).join("\n");
        assert!(told.contains(why), "{text}: {told}");
    }
    let home = Home::new(&[(".x/settings.toml", "a =")]);
    assert!(home.told(&["tables"], &[])[0].contains("no TOML"));
}

#[test]
fn what_is_no_tool_server_is_left_out_and_told() {
    for (servers, why) in [
        ("5", "servers: no table of tool servers"),
        (r#"["db"]"#, "servers: no table of tool servers"),
        (r#"{"db": 5}"#, "db: no table"),
        (r#"{"db": {"command": 5}}"#, "db: command is no text"),
        (r#"{"db": {"command": ["a", 5]}}"#, "db: command is no text"),
        (r#"{"db": {"command": "a", "args": "b"}}"#, "db: args is no list of texts"),
        (r#"{"db": {"url": "a", "headers": {"b": 5}}}"#, "db: headers is no table of texts"),
        (r#"{"db": {"url": "a", "enabled": "b"}}"#, "db: enabled is no true or false"),
        (r#"{"db": {"args": []}}"#, "db: names neither command nor url"),
    ] {
        let home = Home::new(&[(".x/settings.json", &format!(r#"{{"servers": {servers}}}"#))]);
        assert_eq!(home.told(&["mcp"], &[]), [format!("mcp .x/settings.json: {why}")]);
    }
    let toml = "[servers.db]\ncommand = 5\n[servers.own]\ncommand = 'o'\nmore = 5\n";
    // Of settings that are not tool servers nothing is known.
    let home = Home::new(&[
        (".x/settings.toml", toml),
        (
            ".x/settings.json",
            r#"{"servers":
        {"db": {"command": 5}, "own": {"command": "o"}, "off": {"enabled": false}}}"#,
        ),
    ]);
    let loans = home.loans(&["mcp", "tables"], &[]);
    let left_out = [("db".to_owned(), "command is no text".to_owned())];
    assert_eq!((loans[0].left_out.as_slice(), loans[1].left_out.len()), (&left_out[..], 0));
    let mut files = Vec::new();
    assert!(settle(&loans[0], Path::new("/p/x/settings.json"), &mut files));
    let text = &files[0].content;
    assert!(text.contains("own") && text.contains("off") && !text.contains("db"), "{text}");
}

#[test]
fn a_place_that_agents_lead_to_is_not_lent() {
    let home = Home::new(&[(".x/NOTES.md", "x"), (".x/settings.json", r#"{"servers": 1}"#)]);
    let variables = [("HOME".to_owned(), home.0.path().to_str().unwrap().to_owned())];
    let from = Lender { variables: &variables, real: &|_| None };
    let wanted = ["memory", "mcp"].map(str::to_owned);
    let loans = Adapter::parse("x.toml", FILE).unwrap().loans(&wanted, &from);
    assert_eq!(loans.len(), 2);
    for loan in loans {
        let mut files = Vec::new();
        assert!(!loan.is_held() && !loan.is_link());
        assert!(!settle(&loan, Path::new("/p/x/settings.json"), &mut files) && files.is_empty());
    }
}

#[test]
fn a_wrong_part_of_a_file_is_refused_with_its_line() {
    for (wrong, why) in [
        (r#"from = ["~/.x/more"]"#, r#"from = [".x/more"]"#),
        (r#"from = ["~/.x/more"]"#, r#"from = ["~/../x"]"#),
        (r#"from = ["~/.x/more"]"#, r#"from = ["$/x"]"#),
        (r#"to = "{private}/x/more""#, r#"to = "/etc/x""#),
    ] {
        let error = Adapter::parse("x.toml", &FILE.replace(wrong, why)).unwrap_err();
        assert!(error.starts_with("x.toml:"), "{error}");
    }
}
