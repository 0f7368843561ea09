//! An agent on its own screen: what its file's `[interactive]` makes of `[launch]`.

use super::{
    adapter::{Arg, FileRule, LaunchRules, check_path},
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
        Ok(Self { launch: base, task: args(&part.task)? })
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
