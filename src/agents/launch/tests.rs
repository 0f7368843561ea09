use super::*;
use crate::agents::{Catalog, Lender, Meeting};

const TASK: &str = "--say \"hi\"\nü";

/// A request that a test can bend before it is used.
struct Given {
    task: String,
    model: Option<&'static str>,
    command: Vec<String>,
    environment: Vec<(String, String)>,
    interactive: bool,
    session: Option<&'static str>,
    loans: Vec<Loan>,
    bin: tempfile::TempDir,
}

impl Given {
    fn new() -> Self {
        let bin = tempfile::tempdir().unwrap();
        for name in ["claude", "codex", "gemini", "openclaw", "opencode", "pi", "qwen"] {
            let file = bin.path().join(name);
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .unwrap();
        }
        let environment = [("HOME", "/home/u"), ("ANTHROPIC_API_KEY", "real"), ("EDITOR", "vi")];
        Self {
            task: TASK.to_owned(),
            model: None,
            command: Vec::new(),
            environment: environment.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
            interactive: false,
            session: None,
            loans: Vec::new(),
            bin,
        }
    }

    fn launch(&self, adapter: &str) -> Result<Launch, LaunchError> {
        self.launch_as(adapter, Part::Alone)
    }

    fn launch_as(&self, adapter: &str, part: Part<'_>) -> Result<Launch, LaunchError> {
        Catalog::load(None).get(adapter).unwrap().launch(&LaunchRequest {
            attempt: &AttemptId::new("ag-01-1"),
            agent: &AgentId::new("ag-01"),
            swarm: &SwarmId::new("sw-1"),
            task: &self.task,
            model: self.model,
            cwd: Path::new("/w/\"x\""),
            private: Path::new("/p"),
            command: &self.command,
            token: "dash-0123456789abcdefghij",
            path: self.bin.path().to_str().unwrap(),
            environment: &self.environment,
            agent_socket: Path::new("/run/a/ag-01-1"),
            dash: Path::new("/opt/dash"),
            confine: None,
            author: None,
            interactive: self.interactive,
            session: self.session,
            net: None,
            part,
            loans: &self.loans,
        })
    }

    fn program(&self, name: &str) -> String {
        self.bin.path().join(name).to_str().unwrap().to_owned()
    }
}

fn value<'a>(launch: &'a Launch, name: &str) -> Option<&'a str> {
    launch.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn every_agent_finds_dash_and_the_gateway() {
    let given = Given::new();
    for adapter in Catalog::load(None).names() {
        let launch = given.launch(&adapter).unwrap();
        for (name, expected) in [
            ("DASH_SOCKET", "/run/a/ag-01-1"),
            ("DASH_AGENT", "ag-01"),
            ("DASH_ATTEMPT", "ag-01-1"),
            ("DASH_TOKEN", "dash-0123456789abcdefghij"),
            ("ANTHROPIC_BASE_URL", "@DASH_GATEWAY@"),
            ("ANTHROPIC_API_KEY", "dash-0123456789abcdefghij"),
            ("OPENAI_BASE_URL", "@DASH_GATEWAY@/v1"),
            ("OPENAI_API_KEY", "dash-0123456789abcdefghij"),
            ("GOOGLE_GEMINI_BASE_URL", "@DASH_GATEWAY@"),
            ("GEMINI_API_KEY", "dash-0123456789abcdefghij"),
            ("NO_PROXY", "127.0.0.1,localhost"),
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("PATH", given.bin.path().to_str().unwrap()),
        ] {
            assert_eq!(value(&launch, name), Some(expected), "{adapter} {name}");
        }
        assert!(launch.env.iter().all(|(_, value)| value != "real"), "{adapter}");
        let names: Vec<_> = launch.env.iter().map(|(name, _)| name).collect();
        assert!(names.is_sorted() && names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

#[test]
fn a_command_runs_as_it_is_and_a_task_in_a_shell() {
    let mut given = Given::new();
    let launch = given.launch("command").unwrap();
    assert_eq!(launch.argv, ["/bin/sh", "-c", TASK]);
    assert!(!launch.stdin_null);
    assert_eq!(value(&launch, "HOME"), Some("/home/u"));
    assert_eq!(value(&launch, "EDITOR"), Some("vi"));
    assert_eq!(launch.files, []);
    given.command = ["echo", "$HOME; x"].map(str::to_owned).to_vec();
    assert_eq!(given.launch("command").unwrap().argv, ["echo", "$HOME; x"]);
    given.command.clear();
    given.task = " \n".to_owned();
    assert_eq!(
        given.launch("command"),
        Err(LaunchError::NoCommand { adapter: "command".to_owned() })
    );
}

#[test]
fn claude_starts_headless_in_a_home_of_its_own() {
    let mut given = Given::new();
    given.model = Some("sonnet");
    let launch = given.launch("claude").unwrap();
    assert_eq!(launch.argv[0], given.program("claude"));
    assert_eq!(launch.argv[1..3], ["-p", "--output-format"]);
    let end = ["--model", "sonnet", "--", TASK];
    assert_eq!(launch.argv[launch.argv.len() - 4..], end);
    assert!(launch.stdin_null);
    assert_eq!(value(&launch, "HOME"), Some("/p/home"));
    assert_eq!(value(&launch, "TMPDIR"), Some("/p/tmp"));
    assert_eq!(value(&launch, "CLAUDE_CONFIG_DIR"), Some("/p/claude"));
    assert_eq!(value(&launch, "ANTHROPIC_MODEL"), Some("sonnet"));
    assert_eq!(value(&launch, "EDITOR"), None);
    let file = |path: &str| launch.files.iter().find(|f| f.path == Path::new(path)).unwrap();
    let known: serde_json::Value =
        serde_json::from_str(&file("/p/claude/.claude.json").content).unwrap();
    assert_eq!(known["customApiKeyResponses"]["approved"][0], "0123456789abcdefghij");
    assert_eq!(known["projects"]["/w/\"x\""]["hasTrustDialogAccepted"], true);
    assert_eq!(file("/p/claude/.claude.json").mode, 0o600);
    assert!(file("/p/home/.keep").content.is_empty() && file("/p/tmp/.keep").content.is_empty());
    given.model = None;
    let launch = given.launch("claude").unwrap();
    assert!(!launch.argv.contains(&"--model".to_owned()));
    assert_eq!(value(&launch, "ANTHROPIC_MODEL"), None);
    given.session = Some("s-1");
    assert!(given.launch("claude").unwrap().argv.windows(2).any(|w| w == ["--resume", "s-1"]));
}

#[test]
fn codex_is_configured_by_arguments() {
    let mut given = Given::new();
    let launch = given.launch("codex").unwrap();
    assert_eq!(launch.argv[1], "exec");
    assert_eq!(launch.argv[launch.argv.len() - 2..], ["--", TASK]);
    let provider = launch.argv.iter().find(|a| a.starts_with("model_providers")).unwrap();
    let provider: toml::Table = provider.parse().unwrap();
    assert_eq!(provider["model_providers"]["dash"]["base_url"].as_str(), Some("@DASH_GATEWAY@/v1"));
    assert_eq!(value(&launch, "CODEX_HOME"), Some("/p/codex"));
    given.session = Some("t-1");
    let argv = given.launch("codex").unwrap().argv;
    assert_eq!(argv[1..3], ["exec", "resume"]);
    assert_eq!(argv[argv.len() - 3..], ["--", "t-1", TASK]);
}

#[test]
fn mini_gets_a_dialect_and_a_model() {
    let mut given = Given::new();
    let launch = given.launch("mini").unwrap();
    assert_eq!(launch.argv, ["/opt/dash", "__mini"]);
    assert_eq!(value(&launch, "DASH_TASK"), Some(TASK));
    assert!(value(&launch, "DASH_MODEL").unwrap().starts_with("claude"));
    for (model, variables, expected) in [
        (None, vec![], "anthropic"),
        (None, vec![("OPENAI_API_KEY", "k")], "openai"),
        (None, vec![("OPENAI_API_KEY", "k"), ("ANTHROPIC_API_KEY", "k")], "anthropic"),
        (Some("gpt-x"), vec![("ANTHROPIC_API_KEY", "k")], "openai"),
        (Some("claude-x"), vec![("OPENAI_API_KEY", "k")], "anthropic"),
        (Some("claude-x"), vec![("DASH_DIALECT", "openai")], "openai"),
    ] {
        given.model = model;
        given.environment =
            variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let launch = given.launch("mini").unwrap();
        assert_eq!(value(&launch, "DASH_DIALECT"), Some(expected), "{model:?} {variables:?}");
        if model.is_some() {
            assert_eq!(value(&launch, "DASH_MODEL"), model);
        }
    }
}

/// The JSON of a file, or of a variable.
fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn pi_has_a_provider_for_each_dialect_and_one_model() {
    let mut given = Given::new();
    for (model, expected) in [
        (None, ["dash-anthropic", "claude-sonnet-5-5"]),
        (Some("gpt-5.1"), ["dash-openai", "gpt-5.1"]),
        (Some("gemini-2.5-pro"), ["dash-gemini", "gemini-2.5-pro"]),
    ] {
        given.model = model;
        let launch = given.launch("pi").unwrap();
        let at = launch.argv.iter().position(|argument| argument == "--provider").unwrap();
        let chosen = [&launch.argv[at + 1], &launch.argv[at + 3]];
        assert_eq!(chosen, [expected[0], expected[1]]);
        assert_eq!(launch.argv.last(), Some(&format!(" {TASK}")));
        let models = launch.files.iter().find(|file| file.path.ends_with("models.json")).unwrap();
        let provider = &json(&models.content)["providers"][expected[0]];
        assert_eq!(provider["models"][0]["id"], expected[1]);
        assert!(provider["baseUrl"].as_str().unwrap().starts_with("@DASH_GATEWAY@"));
    }
    given.session = Some("s-1");
    assert!(given.launch("pi").unwrap().argv.windows(2).any(|w| w == ["--session", "s-1"]));
}

#[test]
fn opencode_reads_its_task_from_a_file() {
    let mut given = Given::new();
    let launch = given.launch("opencode").unwrap();
    assert!(!launch.argv.iter().any(|argument| argument.contains("say")), "{:?}", launch.argv);
    let file = launch.files.iter().find(|file| Some(&file.path) == launch.stdin_file.as_ref());
    assert_eq!(file.map(|file| (file.content.as_str(), file.mode)), Some((TASK, 0o600)));
    let config = json(value(&launch, "OPENCODE_CONFIG_CONTENT").unwrap());
    let options = &config["provider"]["dash-anthropic"]["options"];
    assert_eq!(options["baseURL"], "@DASH_GATEWAY@/v1");
    assert_eq!(options["apiKey"], "dash-0123456789abcdefghij");
    given.model = Some("gpt-5.1");
    let launch = given.launch("opencode").unwrap();
    assert!(launch.argv.windows(2).any(|w| w == ["-m", "dash-openai/gpt-5.1"]));
}

#[test]
fn says_why_it_cannot_launch() {
    let mut given = Given::new();
    std::fs::remove_file(given.program("codex")).unwrap();
    assert_eq!(
        given.launch("codex").unwrap_err().to_string(),
        "codex is not installed: no `codex` on PATH (install it with `npm install -g @openai/codex`)"
    );
    given.session = Some("s");
    assert_eq!(given.launch("mini"), Err(LaunchError::CannotResume { adapter: "mini".to_owned() }));
    given.session = None;
    given.task = String::new();
    assert_eq!(given.launch("mini"), Err(LaunchError::NoTask { adapter: "mini".to_owned() }));
    given.task = "a\0b".to_owned();
    assert_eq!(given.launch("mini"), Err(LaunchError::Nul { what: "the task" }));
    given.task = "x".repeat(200_000);
    let said = given.launch("claude").unwrap_err().to_string();
    assert!(said.starts_with("the task of 200000 bytes does not fit"), "{said}");
}

#[test]
fn on_its_own_screen_an_agent_needs_no_task() {
    let mut given = Given::new();
    given.interactive = true;
    for adapter in ["claude", "codex"] {
        given.task = TASK.to_owned();
        let with = given.launch(adapter).unwrap();
        assert_eq!(with.argv[with.argv.len() - 2..], ["--", TASK], "{adapter}");
        given.task.clear();
        let without = given.launch(adapter).unwrap();
        assert_eq!(without.argv, with.argv[..with.argv.len() - 2], "{adapter}");
        assert!(!without.stdin_null && without.argv.iter().all(|arg| arg != "-p" && arg != "exec"));
        let hooks: Vec<_> = without.files.iter().filter(|f| f.content.contains("Stop")).collect();
        assert!(matches!(hooks[..], [file] if file.protected), "{adapter}: {hooks:#?}");
        let paths: Vec<_> = without.files.iter().map(|file| &file.path).collect();
        assert!(paths.iter().all(|path| paths.iter().filter(|other| other == &path).count() == 1));
        serde_json::from_str::<serde_json::Value>(&hooks[0].content).unwrap();
    }
    let refused = given.launch("mini").unwrap_err();
    assert_eq!(refused, LaunchError::NoScreen { adapter: "mini".to_owned() });
    // Without the wish all is as it was.
    given.interactive = false;
    assert!(matches!(given.launch("claude"), Err(LaunchError::NoTask { .. })));
}

#[test]
fn runs_of_openclaw_find_the_gateway_that_they_share() {
    let mut given = Given { model: Some("m-1"), ..Given::new() };
    let meeting = Meeting { dir: "/run/m".into(), key: "k".to_owned() };
    let seats = ["seat-01", "seat-02"].map(|name| Seat { name: name.into(), token: name.into() });
    let file = |launch: &Launch, name: &str| -> serde_json::Value {
        let path = Path::new("/p/openclaw").join(name);
        let file = launch.files.iter().find(|file| file.path == path).unwrap();
        serde_json::from_str(&file.content).unwrap()
    };

    let host = given.launch_as("openclaw", Part::Host(&meeting, &seats)).unwrap();
    assert_eq!(host.argv[1..], ["gateway", "run", "--port", "41415"]);
    assert_eq!(value(&host, "OPENCLAW_MEET"), Some("/run/m/s"));
    let settings = file(&host, "openclaw.json");
    assert_eq!(settings["gateway"]["auth"]["token"], "k");
    let providers = settings["models"]["providers"].as_object().unwrap();
    assert_eq!(providers.len(), 6);
    assert_eq!(providers["seat-02-openai"]["apiKey"], "seat-02");
    assert_eq!(providers["seat-02-openai"]["baseUrl"], "@DASH_GATEWAY@/v1");
    let agents = settings["agents"]["entries"].as_object().unwrap();
    assert_eq!(agents["seat-01"]["tools"]["exec"]["pathPrepend"][0], "/run/m/seat-01");
    assert!(!host.files.iter().any(|file| file.content.contains(TASK)));

    let guest = given.launch_as("openclaw", Part::Guest(&meeting, &seats[1])).unwrap();
    let line = guest.argv.join(" ");
    assert!(line.contains("--agent seat-02 --session-key agent:seat-02:ag-01-1"), "{line}");
    assert!(line.contains("--model seat-02-anthropic/m-1"), "{line}");
    assert_eq!(file(&guest, "openclaw.json")["gateway"]["remote"]["token"], "k");
    assert!(!guest.files.iter().any(|file| file.content.contains("seat-01")));
    let task = guest.stdin_file.as_ref().unwrap();
    assert_eq!(guest.files.iter().find(|file| file.path == *task).unwrap().content, TASK);

    // Goes on with what an earlier attempt said at that seat.
    given.session = Some("ag-01-0");
    let again = given.launch_as("openclaw", Part::Guest(&meeting, &seats[1])).unwrap();
    let line = again.argv.join(" ");
    assert!(line.contains("--session-key agent:seat-02:ag-01-0"), "{line}");
    assert!(line.contains("--model seat-02-anthropic/m-1"), "{line}");
}

/// A home with what an agent may be lent; `login`: of a subscription.
fn home(files: &[&str]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for file in files {
        let path = home.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let servers = r#"{"mcpServers": {"db": {"command": "db"}}, "secret": 1}"#;
        std::fs::write(path, servers).unwrap();
    }
    home
}

#[test]
fn what_is_lent_is_linked_and_told_to_the_agent() {
    let mut given = Given::new();
    let home = home(&[".claude/CLAUDE.md", ".claude.json", ".claude/.credentials.json"]);
    let variables = [("HOME".to_owned(), home.path().display().to_string())];
    let real = |path: &Path| path.canonicalize().ok();
    let from = Lender { variables: &variables, real: &real };
    let wanted = ["memory", "skills", "mcp", "login"].map(str::to_owned);
    given.loans = Catalog::load(None).get("claude").unwrap().loans(&wanted, &from);
    let launch = given.launch("claude").unwrap();
    let to: Vec<_> = launch.links.iter().map(|link| link.path.to_str().unwrap()).collect();
    assert_eq!(to, ["/p/claude/.credentials.json", "/p/claude/CLAUDE.md"]);
    assert_eq!(launch.links[1].to, home.path().canonicalize().unwrap().join(".claude/CLAUDE.md"));
    let at = launch.argv.iter().position(|arg| arg == "--mcp-config").unwrap();
    let file = launch.files.iter().find(|file| file.path.ends_with("mcp.json")).unwrap();
    assert_eq!(launch.argv[at + 1], file.path.to_str().unwrap());
    assert!(file.content.contains("db") && !file.content.contains("secret"), "{}", file.content);
    // The login stands in place of the key, and the token beside it.
    assert_eq!(value(&launch, "ANTHROPIC_API_KEY"), None);
    let headers = value(&launch, "ANTHROPIC_CUSTOM_HEADERS").unwrap();
    assert_eq!(headers, "x-dash-token: dash-0123456789abcdefghij");
    given.interactive = true;
    assert_eq!(given.launch("claude").unwrap().links, launch.links);
}

#[test]
fn nothing_is_lent_by_itself() {
    let given = Given::new();
    for adapter in Catalog::load(None).names() {
        let launch = given.launch(&adapter).unwrap();
        assert!(launch.links.is_empty());
        assert!(!launch.argv.iter().any(|arg| arg.contains("lend_args") || arg == "--mcp-config"));
    }
}
