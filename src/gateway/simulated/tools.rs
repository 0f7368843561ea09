//! Which of the tools that an agent offers does what a rule wants, and how it is called.

use super::ask::{Ask, Tool};
use super::pattern::sh_quote;
use serde_json::{Value, json};

/// A call of one of the agent's own tools.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub name: String,
    pub input: Value,
    /// The input is a string for a tool that takes plain text.
    pub freeform: bool,
}

/// Names under which agents offer a shell, the likelier first.
const SHELLS: [&str; 9] = [
    "bash",
    "Bash",
    "shell",
    "shell_command",
    "exec_command",
    "run_shell_command",
    "exec",
    "execute_command",
    "local_shell",
];

/// Runs a command in the agent's directory.
pub fn shell(ask: &Ask, command: &str) -> Option<ToolCall> {
    let tool = SHELLS.iter().find_map(|name| ask.tools.iter().find(|tool| tool.name == *name))?;
    if tool.freeform {
        let input = freeform(command);
        return Some(ToolCall { name: tool.name.clone(), input, freeform: true });
    }
    let properties = &tool.schema["properties"];
    let key = ["command", "cmd", "script"].into_iter().find(|key| !properties[*key].is_null());
    let key = key.unwrap_or("command");
    let list = properties[key]["type"] == "array" || tool.name == "local_shell";
    let value = if list { json!(["sh", "-c", command]) } else { json!(command) };
    Some(called(tool, vec![(key, value)]))
}

/// Codex's `exec` takes a program; the shell is a function in it.
fn freeform(command: &str) -> Value {
    Value::String(format!("text(await tools.exec_command({}));\n", json!({"cmd": command})))
}

/// Writes a file: by the tool made for it where the whole path is known, else by the shell.
pub fn write(ask: &Ask, path: &str, content: &str) -> Option<ToolCall> {
    let whole = match (path.starts_with('/'), &ask.cwd) {
        (true, _) => Some(path.to_owned()),
        (false, Some(cwd)) => Some(format!("{}/{path}", cwd.trim_end_matches('/'))),
        (false, None) => None,
    };
    let writer = ask.tools.iter().find(|tool| matches!(tool.name.as_str(), "Write" | "write_file"));
    if let (Some(tool), Some(whole)) = (writer, whole) {
        let properties = &tool.schema["properties"];
        let key = ["file_path", "path"].into_iter().find(|key| !properties[*key].is_null());
        let content = format!("{content}\n");
        return Some(called(
            tool,
            vec![(key.unwrap_or("file_path"), json!(whole)), ("content", json!(content))],
        ));
    }
    let file = sh_quote(path);
    let parent = match path.rsplit_once('/') {
        Some((parent, _)) if !parent.is_empty() => format!("mkdir -p {} && ", sh_quote(parent)),
        _ => String::new(),
    };
    shell(ask, &format!("{parent}printf '%s\\n' {} > {file}", sh_quote(content)))
}

/// Fills in what the schema wants besides.
fn called(tool: &Tool, given: Vec<(&str, Value)>) -> ToolCall {
    let mut input: serde_json::Map<String, Value> =
        given.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    for required in tool.schema["required"].as_array().into_iter().flatten() {
        let Some(key) = required.as_str() else { continue };
        if !input.contains_key(key) {
            // In capitals, where Gemini's own schema says it.
            let kind = tool.schema["properties"][key]["type"].as_str();
            let value = match kind.map(str::to_ascii_lowercase).as_deref() {
                Some("boolean") => json!(false),
                Some("number" | "integer") => json!(0),
                Some("array") => json!([]),
                Some("object") => json!({}),
                _ => json!("a step of the scenario"),
            };
            input.insert(key.to_owned(), value);
        }
    }
    ToolCall { name: tool.name.clone(), input: Value::Object(input), freeform: false }
}
