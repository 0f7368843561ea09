//! What each key of an adapter file means: for people (`dash doctor --adapter`), and as a JSON
//! schema for editors (`dash config schema adapter`). A test holds it against `format.rs`.

type Keys = &'static [(&'static str, Kind, &'static str)];

enum Kind {
    Text,
    /// Text, and the file is refused without it.
    Needed,
    Texts,
    NeededTexts,
    Flag,
    Number,
    NeededNumber,
    OneOf(&'static [&'static str]),
    NeededOneOf(&'static [&'static str]),
    /// Texts by names of the file's own.
    Named,
    /// A pattern of a JSON object.
    Pattern,
    Part(Keys),
    NeededPart(Keys),
    Parts(Keys),
}

use Kind::{
    Flag, Named, Needed, NeededNumber, NeededOneOf, NeededPart, NeededTexts, Number, OneOf, Part,
    Parts, Pattern, Text, Texts,
};

const STATES: &[&str] = &[
    "queued", "starting", "working", "waiting", "idle", "retrying", "paused", "done", "failed",
    "stopped", "lost",
];

const FILE: Keys = &[
    ("name", Needed, "what --agent takes: lower-case letters, digits and -; also the file's name"),
    ("summary", Needed, "one line for lists"),
    ("measured", Text, "the version that the facts in the file were measured with"),
    ("dialect", OneOf(&["anthropic", "openai", "gemini"]), "the API that it speaks, if only one"),
    ("program", NeededPart(PROGRAM), "what runs"),
    ("model", Part(MODEL), "how a model is chosen"),
    ("launch", NeededPart(LAUNCH), "how it is started"),
    ("shared", Part(SHARED), "how several runs of a swarm share one process of its own"),
    (
        "lend",
        Parts(LEND),
        "what of the user's own it can be lent, if [lend] of config.toml says so",
    ),
    ("interactive", Part(INTERACTIVE), "how it is started on its own screen, to be typed into"),
    (
        "footprint",
        Part(FOOTPRINT),
        "what one takes of the machine: others wait until there is room",
    ),
    ("watch", Part(WATCH), "what its output says, and who judges the end"),
    ("prompt", Part(PROMPT), "what is typed to answer its own permission prompts"),
    ("stop_reasons", Named, "an HTTP status, and the stop reason that it stands for"),
    ("output", Parts(OUTPUT), "rules over the JSON objects that it prints; all that fit apply"),
    ("hook", Parts(OUTPUT), "the same over what its own hooks tell (`dash __hook NAME`)"),
    ("screen", Parts(SCREEN), "patterns for the bottom rows of its screen; the first counts"),
    ("title", Parts(SCREEN), "patterns for its window title; the first counts"),
];

const PROGRAM: Keys = &[
    (
        "run",
        OneOf(&["program", "dash", "command"]),
        "a program on PATH (if not said), dash itself, or what follows --",
    ),
    ("name", Text, "the program that is looked up on PATH"),
    ("version", Texts, "arguments that make it print its version"),
    ("install", Text, "how to get it, told where it is missing"),
];

const MODEL: Keys = &[
    ("default", Text, "the model where none is asked for; empty: the agent's own choice"),
    ("by_dialect", Named, "the default for each dialect, for an agent that speaks several"),
    ("aliases", Named, "short names, and what they stand for"),
    ("args", Texts, "what {model_args} stands for where a model is known"),
];

const LAUNCH: Keys = &[
    ("args", Texts, "its arguments, with placeholders such as {task} and {cwd}"),
    ("resume", Texts, "the arguments that go on with {session}; none: it cannot"),
    (
        "sessions",
        Texts,
        "where it keeps its sessions: copied for the attempt that goes on with one",
    ),
    (
        "stdin",
        OneOf(&["terminal", "null", "task"]),
        "what it reads: its terminal, nothing, or the task",
    ),
    (
        "environment",
        OneOf(&["clear", "inherit"]),
        "nothing but what it needs and a home of its own, or the core's without keys",
    ),
    ("hook", Flag, "a hook of its own, set up here, asks about every command: no shim does"),
    ("keep", Texts, "variables of the core's that pass into a cleared environment"),
    ("env", Named, "variables set for it; one that comes out empty is not set"),
    ("files", Parts(FILES), "files written before it starts"),
];

const INTERACTIVE: Keys = &[
    ("args", Texts, "as launch.args, without a task"),
    ("resume", Texts, "as launch.resume, without a task; none: on its screen it cannot"),
    ("task", Texts, "these follow where there is a task: it is then the first prompt"),
    ("env", Named, "variables beside launch.env; of two alike this one counts"),
    ("files", Parts(FILES), "files beside launch.files; of two at one path this one counts"),
    ("go_on", Text, "typed, then Enter: it goes on with a turn that its budget refused"),
    ("go_on_keys", Texts, "keys that do that, after the text in place of Enter"),
];

const SHARED: Keys = &[
    ("from", NeededNumber, "agents of its kind in a swarm from which on they share"),
    ("seats", NeededNumber, "runs of one such process; for more there is another"),
    ("at_once", NeededNumber, "runs that start at once: the next begins after a first model call"),
    ("ready", Needed, "a regular expression for a line of its output: it takes runs from now on"),
    ("host", NeededPart(LAUNCH), "how the shared process is started"),
    ("guest", NeededPart(LAUNCH), "how a run is started that shares, in place of [launch]"),
];

const LEND: Keys = &[
    ("name", Needed, "what [lend] calls it: memory, skills, mcp, login …"),
    ("from", NeededTexts, "where it lies, below ~/ or $VARIABLE/: the first that is there"),
    ("to", Needed, "where the agent finds it, in {private} or {home}: a link to the user's own"),
    ("keys", Texts, "of a file of settings (JSON or TOML): a copy with these keys alone"),
    ("args", Texts, "what {lend_args} stands for then"),
    ("env", Named, "variables beside launch.env; of two alike this one counts"),
];

const FILES: Keys = &[
    ("path", Needed, "where, in {private}, {home} or {tmp}"),
    ("content", Needed, "what, with placeholders"),
    ("mode", Number, "its permissions; 0o600 if not said"),
    ("protected", Flag, "the agent cannot change it (in a sandbox of namespaces)"),
];

const FOOTPRINT: Keys = &[
    ("memory_mb", Number, "memory of all its processes together (PSS) at work, in MB"),
    ("start_cpu_ms", Number, "processor time until its first model call, in milliseconds"),
];

const WATCH: Keys = &[
    (
        "output",
        OneOf(&["none", "json-lines", "json"]),
        "JSON in what it prints: none, an object a line, or one over several lines",
    ),
    (
        "judge",
        OneOf(&["exit", "output"]),
        "who says whether it is done: the exit code, or the last rule with an outcome",
    ),
    ("done_needs_exit_zero", Flag, "done only if the exit code is 0 as well"),
    (
        "status_pattern",
        Text,
        "a regular expression whose first group is the HTTP status in an error's text",
    ),
    (
        "budget_pattern",
        Text,
        "a regular expression for an error that says that the money is spent, as good as a 402",
    ),
    (
        "stalled_after_s",
        Number,
        "seconds without output, computing or model calls until it is waiting: stalled; 300 if \
         not said, 0: never",
    ),
    ("progress_off_is_idle", Flag, "its progress (OSC 9;4) going off says that it is idle"),
];

const PROMPT: Keys = &[
    ("approve", NeededTexts, "keys that approve"),
    ("deny", NeededTexts, "keys that deny"),
    ("shown", Text, "a regular expression for the row that takes them: typed only while it stands"),
];

const OUTPUT: Keys = &[
    ("when", Pattern, "what must be in the object: \"*\" is anything, a list any of its members"),
    ("state", OneOf(STATES), "the state that it tells of"),
    ("reason", Text, "the reason beside the state"),
    ("detail", Text, "for `agent explain`: text with {/pointer} in it"),
    ("says", Texts, "the same for its last line: the first whose pointers all find something"),
    ("progress", Text, "a pointer to a percentage"),
    ("text", Texts, "pointers to the answer; the last one counts"),
    ("text_goes_on", Flag, "the text is a piece that goes on from the piece before"),
    ("text_ends", Flag, "an answer in pieces is over"),
    ("error", Texts, "pointers to what went wrong"),
    ("error_fills", Flag, "its error counts only where none was told before"),
    ("session", Text, "a pointer to the name of its session"),
    ("usage", Part(USAGE), "pointers to the tokens that it reports"),
    ("prompt", Text, "of [[hook]]: what the permission prompt asks that is shown next"),
    ("outcome", OneOf(&["done", "failed", "stopped", "lost"]), "its verdict; the last one counts"),
    ("status", Text, "a pointer to the HTTP status that ended it"),
    ("stop_reason", Text, "why it ended, where no status is known"),
];

const USAGE: Keys = &[
    ("input", Text, "a pointer to input tokens"),
    ("output", Text, "a pointer to output tokens"),
    ("cache_read", Text, "a pointer to tokens read from a cache"),
    ("cache_write", Text, "a pointer to tokens written to a cache"),
    ("input_includes_cache", Flag, "its input counts cached tokens too: they are taken out"),
    ("add", Flag, "added to what was reported before"),
];

const SCREEN: Keys = &[
    ("name", Needed, "for `agent explain`"),
    ("pattern", Needed, "a regular expression, tried on each row from the bottom up"),
    ("screen", Text, "counts only while a row fits this too; its first group is what is asked"),
    (
        "block",
        Text,
        "rows next to that one that fit this belong to what is asked: their first group",
    ),
    ("rows", Number, "how many of the bottom rows are looked at; 8 if not said"),
    ("state", NeededOneOf(STATES), "the state that it tells of"),
    ("reason", Text, "the reason beside the state"),
    ("approve", Texts, "of [[screen]]: keys that approve this, in place of those of [prompt]"),
    ("deny", Texts, "keys that deny it"),
];

/// A key that a file sets, with what it is set to, and what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `launch.args`
    pub key: String,
    /// In one line.
    pub value: String,
    pub means: String,
}

/// What the keys of a file say, in the order of the format. A file that does not read as TOML
/// says nothing.
pub fn meaning(text: &str) -> Vec<Said> {
    let mut said = Vec::new();
    if let Ok(table) = toml::from_str::<toml::Table>(text) {
        say(FILE, "", &table, &mut said);
    }
    said
}

fn say(keys: Keys, above: &str, table: &toml::Table, said: &mut Vec<Said>) {
    for (key, kind, means) in keys {
        let Some(value) = table.get(*key) else { continue };
        let path = format!("{above}{key}");
        match (kind, value) {
            (Part(below) | NeededPart(below), toml::Value::Table(table)) => {
                say(below, &format!("{path}."), table, said);
            }
            (Parts(below), toml::Value::Array(parts)) => {
                for (n, part) in parts.iter().enumerate() {
                    let Some(table) = part.as_table() else { continue };
                    say(below, &format!("{path}[{n}]."), table, said);
                }
            }
            (OneOf(words) | NeededOneOf(words), value) => {
                let means = format!("{means} ({})", words.join(", "));
                said.push(Said { key: path, value: value.to_string(), means });
            }
            (_, value) => {
                let means = (*means).to_owned();
                said.push(Said { key: path, value: value.to_string(), means });
            }
        }
    }
}

#[cfg(test)]
mod tests;
