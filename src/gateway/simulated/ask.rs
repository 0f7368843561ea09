//! What a request asks, read alike from all dialects.

use crate::gateway::wire::{Wire, generated};
use crate::model::{AgentId, AttemptId};
use serde_json::Value;

/// A request, as far as rules look at it.
#[derive(Clone, Debug)]
pub struct Ask {
    pub wire: Wire,
    pub stream: bool,
    /// A chat stream wants its usage at the end.
    pub include_usage: bool,
    pub model: String,
    /// The last prompt that a person or program wrote; not what tools gave back.
    pub task: String,
    /// Answers of the model since that prompt, plus one.
    pub turn: u32,
    /// Model calls of the attempt, this one included.
    pub call: u32,
    pub agent: AgentId,
    /// Number of the agent's attempt, from 1.
    pub attempt: u32,
    pub tools: Vec<Tool>,
    /// The agent's directory, where the request tells it.
    pub cwd: Option<String>,
    pub bytes: usize,
    /// As it came.
    body: String,
    /// The same for the same request; names answers.
    pub hash: u64,
}

/// A tool that the agent offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    pub name: String,
    /// JSON schema of its arguments; null where it has none.
    pub schema: Value,
    /// Takes plain text instead of arguments.
    pub freeform: bool,
}

impl Ask {
    pub fn read(
        wire: Wire,
        attempt: &AttemptId,
        agent: &AgentId,
        call: u32,
        body: &[u8],
    ) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        let (task, answers) = match wire {
            Wire::Responses => conversation(&json["input"], Answers::Items)?,
            Wire::Messages | Wire::Chat | Wire::CountTokens | Wire::Models(_) => {
                conversation(&json["messages"], Answers::Messages)?
            }
            Wire::Generate | Wire::StreamGenerate | Wire::CountGenerate => {
                conversation(&json["contents"], Answers::Messages)?
            }
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut tools = Vec::new();
        offered(&json["tools"], &mut tools);
        // Codex brings its tools with the conversation instead.
        for item in json["input"].as_array().into_iter().flatten() {
            if item["type"] == "additional_tools" {
                offered(&item["tools"], &mut tools);
            }
        }
        Ok(Self {
            wire,
            stream: json["stream"].as_bool().unwrap_or(false),
            include_usage: json["stream_options"]["include_usage"].as_bool().unwrap_or(false),
            model: text(&json["model"]),
            task,
            turn: answers + 1,
            call,
            agent: agent.clone(),
            attempt: attempt.as_str().rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(1),
            tools,
            cwd: cwd(&json),
            bytes: body.len(),
            body: String::from_utf8_lossy(body).into_owned(),
            hash: fnv(body),
        })
    }

    /// With what Gemini says in the path and its query, where others say it in the body.
    pub fn on(mut self, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if let (Wire::Generate | Wire::StreamGenerate, Some((model, _))) =
            (self.wire, generated(path))
        {
            self.model = model.to_owned();
            let events = query.split('&').any(|part| part == "alt=sse");
            self.stream = self.wire == Wire::StreamGenerate && events;
        }
        self
    }

    /// True if these words stand in it, in one text.
    pub fn says(&self, words: &str) -> bool {
        let quoted = Value::from(words).to_string();
        self.body.contains(&quoted[1..quoted.len() - 1])
    }

    /// The number in the agent's name: 12 of `ag-12` and of `ag-12.3`.
    pub fn agent_number(&self) -> u32 {
        let digits = self.agent.as_str().split(|c: char| !c.is_ascii_digit());
        digits.filter(|part| !part.is_empty()).find_map(|part| part.parse().ok()).unwrap_or(0)
    }
}

/// How a dialect shows that the model called tools.
#[derive(Clone, Copy, PartialEq)]
enum Answers {
    /// An assistant's message holds its calls: each message is an answer.
    Messages,
    /// Calls are items of their own. A message without one was the last answer, or was cut
    /// off: neither counts.
    Items,
}

/// The last prompt, and how many answers followed it.
fn conversation(list: &Value, shape: Answers) -> Result<(String, u32), String> {
    if let Some(text) = list.as_str() {
        return Ok((text.to_owned(), 0));
    }
    let list = list.as_array().ok_or("it has no messages")?;
    let mut answers = 0;
    let mut cut_off = false;
    for message in list.iter().rev() {
        // Gemini's word for it is `parts`.
        let content = match &message["content"] {
            Value::Null => &message["parts"],
            content => content,
        };
        if message["role"] == "user" && is_cut_note(content) {
            cut_off = true;
            continue;
        }
        if message["role"] == "user"
            && let Some(prompt) = prompt(content)
        {
            return Ok((prompt, answers));
        }
        answers += u32::from(match shape {
            Answers::Items => {
                let kind = message["type"].as_str().unwrap_or_default();
                matches!(kind, "function_call" | "custom_tool_call" | "local_shell_call")
            }
            // What was cut off is asked for again.
            Answers::Messages => {
                (message["role"] == "assistant" || message["role"] == "model")
                    && !std::mem::take(&mut cut_off)
            }
        });
    }
    Ok((String::new(), answers))
}

/// Claude's words to a model whose answer broke off.
fn is_cut_note(content: &Value) -> bool {
    let note = |text: &Value| {
        text.as_str().is_some_and(|text| text.starts_with("Your response above was cut off"))
    };
    let mut blocks = content.as_array().into_iter().flatten();
    note(content) || blocks.any(|block| note(&block["text"]))
}

/// What a user's message says, without the notes that agents slip in.
fn prompt(content: &Value) -> Option<String> {
    let said = |text: &str| {
        let text = text.trim();
        let note = text.is_empty()
            || text.starts_with("<system-reminder>")
            || text.starts_with("<environment_context>")
            || text.starts_with("<user_instructions>")
            || text.starts_with("<permissions")
            || text.starts_with("<session_context>")
            || text.starts_with("# AGENTS.md")
            || text.starts_with("<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>");
        (!note).then(|| unstamped(text).to_owned())
    };
    if let Some(text) = content.as_str() {
        return said(text);
    }
    let blocks = content.as_array()?;
    let given =
        |block: &Value| block["type"] == "tool_result" || block["functionResponse"].is_object();
    if blocks.iter().any(given) {
        return None;
    }
    let texts: Vec<String> =
        blocks.iter().filter_map(|block| block["text"].as_str()).filter_map(said).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// Without the time that OpenClaw puts before a prompt: `[Sun 2026-11-29 12:38 UTC] `.
fn unstamped(text: &str) -> &str {
    let stamped = |text: &str| {
        let (stamp, rest) = text.strip_prefix('[')?.split_once("] ")?;
        let words: Vec<&str> = stamp.split(' ').collect();
        let digits = |text: &str| text.bytes().map(|b| b.is_ascii_digit()).collect::<Vec<_>>();
        let like = |word: &str, form: &str| digits(word) == digits(form);
        let [day, date, time, _zone] = words[..] else { return None };
        let fits = day.len() == 3 && like(date, "2026-11-29") && like(time, "12:38");
        fits.then_some(rest.len())
    };
    stamped(text).map_or(text, |rest| &text[text.len() - rest..])
}

/// The tools of a list, and those of the namespaces in it.
fn offered(list: &Value, tools: &mut Vec<Tool>) {
    for value in list.as_array().into_iter().flatten() {
        if value["type"] == "namespace" {
            offered(&value["tools"], tools);
        } else if value["functionDeclarations"].is_array() {
            offered(&value["functionDeclarations"], tools);
        } else {
            tools.extend(tool(value));
        }
    }
}

fn tool(value: &Value) -> Option<Tool> {
    let inner = if value["function"].is_object() { &value["function"] } else { value };
    let kind = value["type"].as_str().unwrap_or("function");
    let name = inner["name"].as_str().or((kind == "local_shell").then_some("local_shell"))?;
    let schemas = ["input_schema", "parametersJsonSchema", "parameters"];
    let schema = schemas.into_iter().map(|key| &inner[key]).find(|schema| !schema.is_null());
    let schema = schema.cloned().unwrap_or_default();
    Some(Tool {
        name: name.to_owned(),
        schema,
        freeform: kind == "custom" && inner["input_schema"].is_null(),
    })
}

/// Agents tell the model where they work, each in its own words.
fn cwd(json: &Value) -> Option<String> {
    const MARKS: [&str; 4] =
        ["orking directory: ", "<cwd>", "Current directory: ", "orking in the directory: "];
    fn walk(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => MARKS.iter().find_map(|mark| {
                let rest = &text[text.find(mark)? + mark.len()..];
                let path = rest.split(['\n', '<']).next()?.trim();
                path.starts_with('/').then(|| path.to_owned())
            }),
            Value::Array(items) => items.iter().find_map(walk),
            Value::Object(map) => map.values().find_map(walk),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }
    ["system", "messages", "input", "instructions", "systemInstruction", "contents"]
        .iter()
        .find_map(|key| walk(&json[*key]))
}

/// FNV-1a.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(wire: Wire, body: &Value) -> Ask {
        Ask::read(wire, &"ag-12-2".into(), &"ag-12".into(), 3, body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn finds_task_and_turn_in_every_dialect() {
        let messages = json!({"messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "<system-reminder>x</system-reminder>"},
                {"type": "text", "text": "do it"}]},
            {"role": "assistant", "content": [{"type": "tool_use"}]},
            {"role": "user", "content": [{"type": "tool_result"}, {"type": "text", "text": "n"}]},
        ], "system": "Working directory: /w/x\nmore", "tools": [{"name": "Bash", "input_schema": {}}]});
        let ask = read(Wire::Messages, &messages);
        assert_eq!((ask.task.as_str(), ask.turn, ask.agent_number()), ("do it", 2, 12));
        assert_eq!(ask.attempt, 2);
        assert_eq!(ask.cwd.as_deref(), Some("/w/x"));

        let chat = json!({"messages": [
            {"role": "system", "content": "s"}, {"role": "user", "content": "do it"},
            {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "out"},
        ]});
        assert_eq!(read(Wire::Chat, &chat).turn, 2);

        let responses = json!({"input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "do it"}]},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "<environment_context><cwd>/w</cwd>"}]},
            {"type": "message", "role": "assistant", "content": []},
            {"type": "function_call"}, {"type": "function_call_output"},
        ]});
        let ask = read(Wire::Responses, &responses);
        assert!(ask.tools.is_empty());
        assert_eq!((ask.task.as_str(), ask.turn, ask.cwd.as_deref()), ("do it", 2, Some("/w")));
        assert_eq!(read(Wire::Responses, &json!({"input": "hi"})).task, "hi");
    }

    #[test]
    fn reads_gemini_whose_model_stands_in_the_path() {
        let body = json!({
            "contents": [
                {"role": "user", "parts": [{"text": "<session_context>\nx"}, {"text": "do it"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}],
            "systemInstruction": {"parts": [{"text": "You are working in the directory: /w/x\n."}]},
            "tools": [{"functionDeclarations": [
                {"name": "f", "parametersJsonSchema": {"type": "object"}}, {"name": "g"}]}],
        });
        let path = "/v1beta/models/m-1:streamGenerateContent?alt=sse";
        let ask = read(Wire::StreamGenerate, &body).on(path);
        assert_eq!((ask.task.as_str(), ask.turn, ask.model.as_str()), ("do it", 2, "m-1"));
        assert_eq!((ask.stream, ask.cwd.as_deref()), (true, Some("/w/x")));
        assert_eq!(ask.tools[0].schema, json!({"type": "object"}));
        assert_eq!(ask.tools.len(), 2);
        let list = read(Wire::StreamGenerate, &body).on("/v1beta/models/m-1:streamGenerateContent");
        assert!(!list.stream);
    }

    #[test]
    fn reads_a_prompt_with_the_time_before_it() {
        let context = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nnone";
        for (said, expected) in [
            ("[Sun 2026-11-29 12:38 UTC] do [it]", "do [it]"),
            ("[Sun 2026-11-29 12:38 UTC]", "[Sun 2026-11-29 12:38 UTC]"),
            ("[a list] do it", "[a list] do it"),
        ] {
            let messages = json!({"messages": [
                {"role": "user", "content": [{"type": "text", "text": said}]},
                {"role": "user", "content": [{"type": "text", "text": context}]},
            ]});
            assert_eq!(read(Wire::Messages, &messages).task, expected);
        }
    }

    #[test]
    fn an_answer_that_was_cut_off_does_not_count() {
        let messages = json!({"messages": [
            {"role": "user", "content": "do it"},
            {"role": "assistant", "content": [{"type": "text", "text": "I will"}]},
            {"role": "user", "content": [
                {"type": "text", "text": "Your response above was cut off mid-stream. Resume"}]},
        ]});
        let ask = read(Wire::Messages, &messages);
        assert_eq!((ask.task.as_str(), ask.turn), ("do it", 1));

        let responses = json!({"input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "do it"}]},
            {"type": "message", "role": "assistant", "content": []},
        ]});
        assert_eq!(read(Wire::Responses, &responses).turn, 1);
    }

    #[test]
    fn finds_tools_that_come_with_the_conversation() {
        let ask = read(
            Wire::Responses,
            &json!({"input": [{"type": "additional_tools", "role": "developer", "tools": [
                {"type": "namespace", "name": "functions", "tools": [
                    {"type": "custom", "name": "exec", "format": {}},
                    {"type": "function", "name": "wait", "parameters": {"type": "object"}}]}]}]}),
        );
        let seen: Vec<_> =
            ask.tools.iter().map(|tool| (tool.name.as_str(), tool.freeform)).collect();
        assert_eq!(seen, [("exec", true), ("wait", false)]);
    }
}
