//! What an expansion most likely is, where the line itself tells: `g=git; $g push`,
//! `${x:-git}`, `$(echo git)`, `git${IFS}push`; and what braces make: `{git,push}`.
//!
//! A guess takes no doubt away, since it may be wrong (another line may have set the variable):
//! the command is judged with its marks and, beside that, as it would be. So a guess makes a
//! verdict stricter, and never weaker. Of what is sure, see [`super::settled`].

use super::{
    script::{Item, Simple},
    settled::takes_paths,
    shell::Parser,
    word::{HERE, TEMP, is_mark, is_open},
    words::Word,
};

/// Words that one may become by its braces.
const WORDS: usize = 64;
/// Bytes of what is guessed of a word.
const LONGEST: usize = 1024;
/// Bytes of what is guessed of a command.
const MOST: usize = 64 * 1024;

pub const TOO_MANY: &str = "braces and variables become too many words";

/// What stands for one letter, a mark or a brace, in the text of a word.
#[derive(Debug)]
pub struct Guess {
    at: usize,
    /// Letters after it that belong to it: of braces.
    pub skip: usize,
    texts: Vec<String>,
    /// Its blanks end no word.
    quoted: bool,
    /// The line itself says so, and nothing else can.
    pub sure: bool,
}

impl Guess {
    pub fn is_several(&self) -> bool {
        self.texts.len() > 1
    }
}

/// The words of a command, as they are read and as they most likely are.
#[derive(Default)]
pub struct Words {
    pub read: Vec<String>,
    pub guessed: Option<Vec<String>>,
    /// Bytes that were guessed.
    bytes: usize,
    /// They were too many to be told.
    pub cut: bool,
}

impl Words {
    pub fn push(&mut self, word: Word) {
        let many = || self.read.first().is_some_and(|name| takes_paths(name));
        // The words of a loop come one after the other: together only where each is a path.
        if word.settled && (!word.several || many()) {
            let words = word.guess.unwrap_or_default();
            self.bytes += words.iter().map(String::len).sum::<usize>();
            self.cut |= self.bytes > MOST;
            self.guessed.iter_mut().for_each(|guessed| guessed.extend_from_slice(&words));
            return self.read.extend(words);
        }
        self.bytes += word.guess.iter().flatten().map(String::len).sum::<usize>();
        self.cut |= self.bytes > MOST && word.guess.is_some();
        if let Some(guess) = word.guess.filter(|_| self.bytes <= MOST) {
            self.guessed.get_or_insert_with(|| self.read.clone()).extend(guess);
        } else if let Some(guessed) = &mut self.guessed {
            guessed.push(word.text.clone());
        }
        self.read.push(word.text);
    }

    pub fn likely(&self) -> &[String] {
        self.guessed.as_ref().unwrap_or(&self.read)
    }
}

impl Parser {
    /// The mark that `text` ends in most likely stands for `likely`.
    pub fn guess(&mut self, text: &str, likely: Option<String>, quoted: bool) {
        self.guess_or(text, likely, None, quoted);
    }

    /// The same where it may be sure what it stands for.
    pub fn guess_or(
        &mut self,
        text: &str,
        likely: Option<String>,
        sure: Option<Vec<String>>,
        quoted: bool,
    ) {
        let at = text.len() - 1;
        if let Some(texts) = sure {
            return self.guesses.push(Guess { at, skip: 0, texts, quoted, sure: true });
        }
        let fits = |text: &String| text.len() <= LONGEST && !is_open(text);
        let Some(likely) = likely.filter(fits) else { return };
        let texts = vec![likely];
        self.guesses.push(Guess { at, skip: 0, texts, quoted, sure: false });
    }

    /// `{a,b}`, whose brace was read; its letters follow. A shell without braces leaves it as it
    /// is, so that is what is read; any other makes these words of it, which is no guess.
    /// False where it is left to be a mark.
    pub fn braces_of(&mut self, text: &mut String) -> bool {
        let plain = |c: &&char| c.is_alphanumeric() || "_-+./:@%^=,".contains(**c);
        let inside: String =
            self.text[self.at..].iter().take(WORDS * 8).take_while(plain).collect();
        let length = inside.chars().count();
        let ends = inside.contains(',') && self.peek_at(length) == Some('}');
        if ends {
            text.push('{');
            let texts = inside.split(',').map(str::to_owned).collect();
            let (at, skip) = (text.len() - 1, inside.len() + 1);
            self.guesses.push(Guess { at, skip, texts, quoted: true, sure: false });
        }
        ends
    }

    /// What a variable most likely holds.
    pub fn value(&self, name: &str) -> Option<String> {
        match self.values.get(name) {
            None if name == "IFS" => Some(" ".to_owned()),
            None if name == "PWD" => Some(HERE.to_string()),
            None if name == "TMPDIR" => Some(TEMP.to_string()),
            value => value.cloned(),
        }
    }

    /// After an assignment: `A=b`.
    pub fn set(&mut self, word: &Word) {
        let likely = word.guess.as_ref().map_or_else(|| word.text.clone(), |guess| guess.join(" "));
        self.keep(&likely);
    }

    fn keep(&mut self, assignment: &str) {
        let Some((name, value)) = assignment.split_once('=') else { return };
        // Where that was is not known any more after a `cd`.
        if value.len() <= LONGEST && !is_open(value) && !value.contains(HERE) {
            self.values.insert(name.to_owned(), value.to_owned());
        }
    }

    /// After a command that sets variables by its words.
    pub fn set_by(&mut self, words: &Words) {
        if words.guessed.is_some() {
            self.seen.note_command(&words.read);
        }
        let words = words.likely();
        if matches!(
            words.first().map(String::as_str),
            Some("export" | "declare" | "typeset" | "local" | "readonly")
        ) {
            words.iter().for_each(|word| self.keep(word));
        }
        self.seen.note_command(words);
    }
}

/// The words that `text` most likely becomes; none where nothing of it is guessed.
pub fn filled(text: &str, guesses: &[Guess]) -> Option<Vec<String>> {
    if guesses.is_empty() {
        return None;
    }
    // Each word so far that its braces make, in pieces that blanks cut.
    let mut words = vec![vec![String::new()]];
    let mut from = 0;
    let grow = |words: &mut Vec<Vec<String>>, text: &str, quoted: bool| {
        for word in words {
            let mut parts = text.split(|c: char| !quoted && c.is_whitespace());
            if let (Some(last), Some(first)) = (word.last_mut(), parts.next()) {
                last.push_str(first);
            }
            word.extend(parts.map(str::to_owned));
        }
    };
    for guess in guesses {
        grow(&mut words, text.get(from..guess.at)?, true);
        from = guess.at + 1 + guess.skip;
        let bytes: usize = words.iter().flatten().map(String::len).sum();
        if bytes > LONGEST || words.len() * guess.texts.len() > WORDS {
            return None;
        }
        let before = std::mem::take(&mut words);
        for text in &guess.texts {
            let mut next = before.clone();
            grow(&mut next, text, guess.quoted);
            words.append(&mut next);
        }
    }
    grow(&mut words, text.get(from..)?, true);
    let bytes: usize = words.iter().flatten().map(String::len).sum();
    let words = words.into_iter().flatten().filter(|word| !word.is_empty());
    (bytes <= LONGEST).then(|| words.collect())
}

/// What a substitution prints, where it is one command that says so itself.
pub fn printed(items: Option<&[Item]>) -> Option<String> {
    let mut commands = items?.iter().filter_map(|item| match item {
        Item::Command(simple) => Some(simple),
        Item::Enter | Item::Leave => None,
    });
    let only = commands.next().filter(|simple| simple.files.is_empty())?;
    if commands.next().is_some() {
        return None;
    }
    said_by(only).filter(|text| text.len() <= LONGEST && !is_open(text))
}

fn said_by(simple: &Simple) -> Option<String> {
    let words = simple.guess.as_ref().unwrap_or(&simple.words);
    let (name, args) = words.split_first()?;
    let options = args.iter().take_while(|arg| arg.starts_with('-')).count();
    let rest = &args[options..];
    match name.as_str() {
        "pwd" if rest.is_empty() => Some(HERE.to_string()),
        "mktemp" => made(args),
        "echo" => Some(rest.join(" ")),
        "printf" => match rest {
            [only] => Some(only.trim_end_matches("\\n").to_owned()),
            [format, texts @ ..] if format.starts_with("%s") => Some(texts.join(" ")),
            _ => None,
        },
        // The path of a program ends in its name.
        "which" => rest.first().cloned(),
        "command" | "type" if options > 0 => rest.first().cloned(),
        _ => None,
    }
}

/// Where `mktemp` makes what it names: its own place, where it is told no other.
fn made(args: &[String]) -> Option<String> {
    let flag = |arg: &&String| {
        matches!(arg.as_str(), "-d" | "-u" | "-q" | "-t" | "-dt" | "--directory" | "--quiet")
    };
    let at = args.iter().take_while(flag).count();
    match &args[at..] {
        [] => Some(TEMP.to_string()),
        [template] if !template.starts_with('-') && !template.contains(is_mark) => {
            let there = args[..at].iter().any(|arg| arg.ends_with('t'));
            if there && template.contains('/') {
                return None;
            }
            Some(if there { format!("{TEMP}/{template}") } else { template.clone() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::shell::parse_at;
    use super::*;

    fn guessed(line: &str) -> Vec<Vec<String>> {
        // Read once: what is sure is no guess any more.
        let items = parse_at(line, 0).items.into_iter();
        let simple = items.filter_map(|item| match item {
            Item::Command(simple) => simple.guess,
            Item::Enter | Item::Leave => None,
        });
        simple.collect()
    }

    #[test]
    fn what_the_line_tells() {
        for (line, wanted) in [
            ("g=git; $g push", &["git", "push"][..]),
            ("g='git push'; $g -f", &["git", "push", "-f"]),
            ("g='git push'; \"$g\" -f", &["git push", "-f"]),
            ("export g=git; a ${g}x", &["a", "gitx"]),
            ("for g in git x; do $g y; done", &["git", "y"]),
            ("a${IFS}b $IFS", &["a", "b"]),
            ("${x:-git} y", &["git", "y"]),
            ("${x:=\"a b\"}", &["a", "b"]),
            ("x=1; ${x:-2} ${x:+3} ${y-4}", &["1", "3", "4"]),
            ("$(echo git) y", &["git", "y"]),
            ("`printf '%s' git`x", &["gitx"]),
            ("\"$(command -v git)\" y", &["git", "y"]),
            ("{git,push,-f}", &["git", "push", "-f"]),
            ("a{b,c}d-{x,y}", &["abd-x", "acd-x", "abd-y", "acd-y"]),
        ] {
            let wanted: Vec<String> = wanted.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(guessed(line), [wanted], "{line}");
        }
        for line in ["$g x", "$(git x)", "{a..b}", "${g#x}", "x=$y; $x", "echo {} a", "${g/a/b}"] {
            assert_eq!(guessed(line), [] as [Vec<String>; 0], "{line}");
        }
    }
}
