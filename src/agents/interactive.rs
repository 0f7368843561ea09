//! An agent on its own screen: what its file's `[interactive]` makes of `[launch]`.

use super::{
    adapter::{Adapter, Arg, FileRule, LaunchRules, check_path, typed},
    event::{Wrong, compile},
    format::{FilePart, InteractivePart, Stdin, Text},
    shared::Content,
    template::Template,
};

#[derive(Debug)]
pub(super) struct InteractiveRules {
    /// `[launch]`, changed.
    pub launch: LaunchRules,
    /// Arguments that follow where there is a task.
    pub task: Vec<Arg>,
    /// Text and keys that make it go on with a turn that was refused.
    go_on: (String, Vec<u8>),
}

impl InteractiveRules {
    /// `base` are the rules without a screen, as this file builds them.
    pub fn new(part: &InteractivePart, mut base: LaunchRules) -> Result<Self, Wrong> {
        base.args = args(&part.args)?;
        base.resume = args(&part.resume)?;
        base.stdin = Stdin::Terminal;
        for (key, text) in &part.env {
            base.env.retain(|(known, _)| known != key);
            base.env.push((key.clone(), compile(text, Template::parse)?));
        }
        for file in files(&part.files)? {
            base.files.retain(|known| known.path != file.path);
            base.files.push(file);
        }
        let mut keys = typed(&part.go_on_keys)?;
        if keys.is_empty() && !part.go_on.is_empty() {
            keys.push(b'\r');
        }
        Ok(Self { launch: base, task: args(&part.task)?, go_on: (part.go_on.clone(), keys) })
    }
}

impl Adapter {
    /// Text and keys that make one on its own screen go on with a turn that was refused for want
    /// of money; none where its file does not say.
    pub fn goes_on_by(&self) -> Option<(&str, &[u8])> {
        let (text, keys) = &self.interactive.as_ref()?.go_on;
        (!keys.is_empty()).then_some((text, keys))
    }
}

pub(super) fn args(texts: &[Text]) -> Result<Vec<Arg>, Wrong> {
    let arg = |text: &Text| match text.get_ref().as_str() {
        "{model_args}" => Ok(Arg::Model),
        "{lend_args}" => Ok(Arg::Lend),
        _ => compile(text, Template::parse).map(Arg::One),
    };
    texts.iter().map(arg).collect()
}

pub(super) fn files(parts: &[FilePart]) -> Result<Vec<FileRule>, Wrong> {
    let rule = |part: &FilePart| {
        Ok(FileRule {
            path: compile(&part.path, check_path)?,
            content: compile(&part.content, Content::parse)?,
            mode: part.mode,
            protected: part.protected,
        })
    };
    parts.iter().map(rule).collect()
}
