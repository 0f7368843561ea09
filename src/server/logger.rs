//! What the core says about itself, a line each: to its log, or to the terminal that it was
//! started on.

use jiff::Timestamp;
use std::{
    fmt::{self, Write as _},
    fs::File,
    io::Write,
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

/// Lines of at least a level.
pub struct Logger {
    pub most: LevelFilter,
    /// None: to standard error.
    pub file: Option<File>,
    pub colours: bool,
}

impl Subscriber for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.most
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most)
    }

    fn event(&self, event: &Event<'_>) {
        let line = line(*event.metadata().level(), self.colours, event);
        // In one piece: others write to the same file. There is nowhere else to say that it failed.
        let _ = match &self.file {
            Some(file) => (&*file).write_all(line.as_bytes()),
            None => std::io::stderr().write_all(line.as_bytes()),
        };
    }

    // Spans are not told.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn line(level: Level, colours: bool, event: &Event<'_>) -> String {
    let colour = match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    };
    let (colour, plain) = if colours { (colour, "\x1b[0m") } else { ("", "") };
    let mut words = Words::default();
    event.record(&mut words);
    let Words { message, fields } = words;
    format!("{} {colour}{level:>5}{plain} {message}{fields}\n", Timestamp::now())
}

/// What an event says, and what stands beside it.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Into a string nothing fails.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    #[test]
    fn a_line_says_when_how_bad_what_and_of_whom() {
        let mut file = tempfile::tempfile().unwrap();
        let most = LevelFilter::INFO;
        let logger = Logger { most, file: Some(file.try_clone().unwrap()), colours: false };
        tracing::subscriber::with_default(logger, || {
            let attempt = "ag-01-1";
            tracing::warn!(%attempt, name = "x y", "held: {}", 7);
            tracing::debug!("not told");
        });
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        let (at, rest) = text.split_once(' ').unwrap();
        assert!(at.parse::<Timestamp>().is_ok(), "{text}");
        assert_eq!(rest, " WARN held: 7 attempt=ag-01-1 name=\"x y\"\n");
    }
}
