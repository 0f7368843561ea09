//! A command line of this program, run within it: what it would have printed.

use super::super::{
    args::Cli,
    command,
    context::{Context, Terminal},
    failure::Code,
    report, usage,
};
use crate::client::Target;
use clap::Parser;
use rmcp::model::{CallToolResult, ContentBlock};

/// Bytes of an answer: beyond it a model's window fills with one.
const MOST: usize = 60_000;

pub struct Printed {
    pub text: String,
    /// Nothing came of it; otherwise the text is an answer, good news or not.
    pub failed: bool,
}

impl From<Printed> for CallToolResult {
    fn from(printed: Printed) -> Self {
        let content = vec![ContentBlock::text(printed.text)];
        if printed.failed { Self::error(content) } else { Self::success(content) }
    }
}

/// Runs `dash WORDS…` against the core of `target`.
pub async fn run(target: &Target, words: Vec<String>) -> Printed {
    let target = target.clone();
    // A command prints into buffers that belong to one thread, and may wait for files.
    let ran = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok::<_, std::io::Error>(runtime.block_on(captured(target, words)))
    });
    match ran.await {
        Ok(Ok(printed)) => printed,
        Ok(Err(error)) => Printed { text: format!("cannot start: {error}"), failed: true },
        Err(error) => Printed { text: error.to_string(), failed: true },
    }
}

async fn captured(target: Target, words: Vec<String>) -> Printed {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut context = Context {
        out: &mut out,
        err: &mut err,
        term: Terminal::default(),
        socket: None,
        target: Some(target),
    };
    let words = std::iter::once("dash".to_owned()).chain(words);
    let code = match Cli::try_parse_from(words) {
        Ok(cli) => match command(cli.command, &mut context).await {
            Ok(code) => code,
            Err(failure) => report(failure, &mut context),
        },
        Err(error) => usage(&error, &mut context),
    };
    let failed = match code {
        Code::Error | Code::Usage | Code::Denied | Code::NoCore => true,
        Code::Ok | Code::SomeFailed | Code::Budget | Code::TimedOut => false,
    };
    let mut text = String::from_utf8_lossy(&out).into_owned();
    text.push_str(&String::from_utf8_lossy(&err));
    // What a shell's user reads from silence, a model does not.
    let text = if text.trim().is_empty() { "ok".to_owned() } else { cut(text) };
    Printed { text, failed }
}

/// Without its middle where it is too long.
fn cut(text: String) -> String {
    if text.len() <= MOST {
        return text.trim_end().to_owned();
    }
    let (head, tail) =
        (text.floor_char_boundary(MOST / 2), text.ceil_char_boundary(text.len() - MOST / 2));
    format!("{}\n… {} bytes left out …\n{}", &text[..head], tail - head, text[tail..].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_loses_its_middle() {
        assert_eq!(cut("a\n".to_owned()), "a");
        let long = cut(format!("begin{}end", "ä".repeat(MOST)));
        assert!(long.starts_with("beginä") && long.ends_with("äend"), "{}", long.len());
        assert!(long.contains(" bytes left out …") && long.len() < MOST + 60);
    }
}
