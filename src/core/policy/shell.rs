//! Reads a shell line as sh and bash do, far enough to find every simple command in it. It
//! runs nothing and knows no variable: what a shell would put in becomes a mark. A line that
//! it does not understand for sure is said to be so (`Script::unread`), never taken for good.
//!
//! Structure is read flat: `if`, `while`, `{` and their like only begin and end a stage of a
//! pipeline. Parentheses and substitutions recurse, to a bounded depth; each letter is read
//! once, those in backquotes once for each level.

use super::{
    guess::{Guess, TOO_MANY, Words},
    redirect::Waiting,
    script::{Item, Link, Script, Simple},
    settled::{Seen, Settled},
    words::Word,
};
use std::{collections::HashMap, ops::Range};

/// Parentheses and substitutions in each other.
const DEEPEST: usize = 48;

pub const UNCLOSED: &str = "a quote, a parenthesis or a compound command is not closed";
pub const DEEP: &str = "it is nested too deeply";
/// `a[$(…)]` in quotes runs its substitution where a builtin takes it for a name.
pub const SUBSCRIPT: &str = "a name that a builtin reads may run a command";

/// A line that uses what it settles itself is read once more, with that put in.
pub fn parse(line: &str) -> Script {
    let first = read(Parser::new(line, 0));
    let Some(settled) = first.seen.settled() else { return first.script };
    let mut again = Parser::new(line, 0);
    again.settled = Some(settled);
    read(again).script
}

pub(super) fn parse_at(line: &str, depth: usize) -> Script {
    read(Parser::new(line, depth)).script
}

fn read(mut parser: Parser) -> Parser {
    parser.list(false);
    parser.documents_now();
    parser
}

pub fn runs_by_subscript(text: &str) -> bool {
    text.contains('[') && (text.contains("$(") || text.contains('`'))
}

pub(super) struct Parser {
    pub text: Vec<char>,
    pub at: usize,
    pub depth: usize,
    pub script: Script,
    /// What was put into the words of the command that is read.
    pub put_in: Vec<Range<usize>>,
    /// What reads what it prints: `>(…)`.
    pub put_out: Vec<Range<usize>>,
    /// What the marks in the word that is read may stand for.
    pub guesses: Vec<Guess>,
    /// Variables that were set to a text, with the latest.
    pub values: HashMap<String, String>,
    /// What the line does to variables.
    pub seen: Seen,
    /// On the second reading: what is sure of them.
    pub settled: Option<Settled>,
    pub waiting: Vec<Waiting>,
}

/// A compound command that is open.
struct Open {
    is_case: bool,
    /// The variable of a loop, which holds its words up to the end of it.
    variable: Option<String>,
    stage: usize,
    from: Option<Range<usize>>,
}

/// Where in a list the reader is.
#[derive(Default)]
struct Place {
    /// Where the stage began that is read.
    stage: usize,
    /// The stage before it, if that is piped into it.
    from: Option<Range<usize>>,
    open: Vec<Open>,
    /// What is read is run only if something before it succeeds or fails, or beside it.
    conditional: bool,
}

impl Parser {
    pub fn new(text: &str, depth: usize) -> Self {
        Self {
            text: text.chars().collect(),
            at: 0,
            depth,
            script: Script::default(),
            put_in: Vec::new(),
            put_out: Vec::new(),
            guesses: Vec::new(),
            values: HashMap::new(),
            seen: Seen::default(),
            settled: None,
            waiting: Vec::new(),
        }
    }

    pub fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub fn peek_at(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    pub fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += 1;
        }
        found
    }

    pub fn doubt(&mut self, why: &'static str) {
        self.script.doubt(why);
    }

    /// Gives up on the rest.
    pub fn stop(&mut self, why: &'static str) {
        self.doubt(why);
        self.at = self.text.len();
    }

    /// A list in parentheses, whose opening was read.
    pub fn nested(&mut self) -> Range<usize> {
        let start = self.script.items.len();
        if self.depth >= DEEPEST {
            self.stop(DEEP);
            return start..start;
        }
        self.depth += 1;
        let outer = (std::mem::take(&mut self.put_in), std::mem::take(&mut self.put_out));
        self.script.items.push(Item::Enter);
        self.list(true);
        self.script.items.push(Item::Leave);
        (self.put_in, self.put_out) = outer;
        self.depth -= 1;
        start..self.script.items.len()
    }

    /// Blanks, continued lines and comments.
    pub fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('\\') if self.peek_at(1) == Some('\n') => self.at += 2,
                Some('#') => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn end_stage(&mut self, place: &mut Place) -> Range<usize> {
        let stage = place.stage..self.script.items.len();
        if let Some(from) = place.from.take()
            && !from.is_empty()
            && !stage.is_empty()
        {
            self.script.links.push(Link { from, to: stage.clone(), pipe: true });
        }
        place.stage = self.script.items.len();
        stage
    }

    /// Commands up to the end, or to the parenthesis that closes.
    fn list(&mut self, in_parentheses: bool) {
        let mut place = Place { stage: self.script.items.len(), ..Place::default() };
        loop {
            self.skip_blanks();
            match self.peek() {
                None => {
                    if in_parentheses {
                        self.doubt(UNCLOSED);
                    }
                    break;
                }
                Some('\n') => {
                    self.at += 1;
                    self.documents_now();
                    // A line may end after `&&`.
                    place.conditional &= place.stage == self.script.items.len();
                    self.end_stage(&mut place);
                }
                Some(';') => {
                    self.at += 1;
                    place.conditional = false;
                    self.end_stage(&mut place);
                    if matches!(self.peek(), Some(';' | '&')) {
                        while matches!(self.peek(), Some(';' | '&')) {
                            self.at += 1;
                        }
                        self.pattern(&mut place);
                    }
                }
                Some('&') if self.peek_at(1) == Some('>') => self.simple(None, false),
                Some('&') => {
                    self.at += 1;
                    place.conditional = self.take('&');
                    self.end_stage(&mut place);
                }
                Some('|') => {
                    self.at += 1;
                    place.conditional = true;
                    if self.take('|') {
                        self.end_stage(&mut place);
                    } else {
                        self.take('&');
                        place.from = Some(self.end_stage(&mut place));
                    }
                }
                Some('(') => {
                    self.at += 1;
                    self.nested();
                }
                Some(')') => {
                    self.at += 1;
                    if in_parentheses {
                        break;
                    }
                    self.doubt(UNCLOSED);
                }
                Some('<' | '>') => self.simple(None, false),
                Some(_) => self.command(&mut place),
            }
        }
        self.end_stage(&mut place);
        if !place.open.is_empty() {
            self.doubt(UNCLOSED);
        }
    }

    /// What begins with a word: a reserved one, or a simple command.
    fn command(&mut self, place: &mut Place) {
        let before = self.put_in.len();
        let word = self.word();
        let reserved = if word.plain { word.text.as_str() } else { "" };
        if matches!(reserved, "if" | "while" | "until" | "{" | "for" | "select" | "case") {
            let is_case = reserved == "case";
            let (stage, from) = (place.stage, place.from.take());
            place.open.push(Open { is_case, variable: None, stage, from });
        }
        match reserved {
            "if" | "while" | "until" | "{" => place.stage = self.script.items.len(),
            "then" | "elif" | "else" | "do" | "!" => {}
            "coproc" => self.seen.unclear = true,
            "for" | "select" => {
                let variable = self.heading();
                if let Some(open) = place.open.last_mut() {
                    open.variable = variable;
                }
                place.stage = self.script.items.len();
            }
            "case" => {
                self.skip_blanks();
                self.word();
                self.skip_blanks();
                if self.word().text != "in" {
                    self.doubt(UNCLOSED);
                }
                self.pattern(place);
                place.stage = self.script.items.len();
            }
            "function" => {
                self.seen.unclear = true;
                self.skip_blanks();
                self.word();
                self.skip_blanks();
                if self.take('(') {
                    self.skip_blanks();
                    self.take(')');
                }
            }
            "fi" | "done" | "}" | "esac" => self.close(place),
            "[[" => self.condition(),
            _ => {
                let sure = place.open.is_empty() && !place.conditional && self.depth == 0;
                self.simple(Some(word), sure);
                return;
            }
        }
        self.put_in.truncate(before);
    }

    fn close(&mut self, place: &mut Place) {
        self.end_stage(place);
        match place.open.pop() {
            Some(open) => {
                (place.stage, place.from) = (open.stage, open.from);
                if let (Some(settled), Some(name)) = (&mut self.settled, &open.variable) {
                    settled.forget(name);
                }
            }
            None => self.doubt(UNCLOSED),
        }
    }

    /// Of `for` and `select`, up to its `;`, newline or `do`.
    fn heading(&mut self) -> Option<String> {
        self.skip_blanks();
        if self.peek() == Some('(') && self.peek_at(1) == Some('(') {
            self.at += 2;
            self.arithmetic();
            return None;
        }
        let mut words = Words::default();
        loop {
            self.skip_blanks();
            match self.peek() {
                None | Some(';' | '\n' | '&' | '|' | ')') => break,
                Some('(' | '<' | '>') => {
                    self.doubt(UNCLOSED);
                    return None;
                }
                Some(_) => words.push(self.word()),
            }
        }
        // `NAME in WORD…`: the first that it becomes.
        if let [name, _, first, ..] = words.likely() {
            self.values.insert(name.clone(), first.clone());
        }
        let (name, rest) = words.read.split_first()?;
        self.seen.note(name);
        let texts = rest.get(1..).unwrap_or_default();
        self.settled.as_mut()?.hold(name, texts).then(|| name.clone())
    }

    /// The pattern of a `case`, up to its parenthesis, or the end of it all.
    fn pattern(&mut self, place: &mut Place) {
        if !place.open.last().is_some_and(|open| open.is_case) {
            return self.doubt(UNCLOSED);
        }
        let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
        while self.peek().is_some_and(blank) {
            self.at += 1;
        }
        self.take('(');
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(')') => {
                    self.at += 1;
                    return;
                }
                Some('|') => self.at += 1,
                None | Some('(' | '<' | '>' | ';' | '&' | '\n') => return self.doubt(UNCLOSED),
                Some(_) => {
                    let word = self.word();
                    if word.plain && word.text == "esac" {
                        return self.close(place);
                    }
                }
            }
        }
    }

    /// `[[ … ]]`, which runs nothing but what is put into it.
    fn condition(&mut self) {
        loop {
            match self.peek() {
                None => return self.doubt(UNCLOSED),
                Some(' ' | '\t' | '\r' | '\n' | '&' | '|' | '(' | ')' | ';') => self.at += 1,
                Some('<' | '>') if self.peek_at(1) != Some('(') => self.at += 1,
                Some(_) => {
                    let word = self.word();
                    if word.plain && word.text == "]]" {
                        return;
                    }
                    if runs_by_subscript(&word.text) {
                        self.doubt(SUBSCRIPT);
                    }
                }
            }
        }
    }

    /// `sure` where it is run whenever the line is, and before all that follows.
    fn simple(&mut self, first: Option<Word>, sure: bool) {
        let mut simple = Simple::default();
        let mut words = Words::default();
        let mut holds = Vec::new();
        // The descriptor before a redirection.
        let mut number = None;
        let mut next = first;
        loop {
            let word = match next.take() {
                Some(word) => word,
                None => {
                    self.skip_blanks();
                    match self.peek() {
                        None | Some('\n' | ';' | '|' | ')') => break,
                        Some('&') if self.peek_at(1) != Some('>') => break,
                        Some('(') => {
                            if words.read.len() == 1 && self.is_definition() {
                                self.seen.unclear = true;
                                // Its body follows, and is judged where it stands.
                                return;
                            }
                            self.doubt("a parenthesis stands where none is read");
                            break;
                        }
                        Some('<' | '>') if self.peek_at(1) == Some('(') => self.word(),
                        Some('<' | '>' | '&') => {
                            let number = number.take();
                            self.redirect(&mut simple, number.as_deref());
                            continue;
                        }
                        Some(_) => self.word(),
                    }
                }
            };
            let digits = word.plain && word.text.bytes().all(|b| b.is_ascii_digit());
            if digits && matches!(self.peek(), Some('<' | '>')) {
                number = Some(word.text);
                continue;
            }
            match word.assignment().filter(|_| words.read.is_empty()) {
                Some((name, value)) => {
                    if value.is_empty() && self.take('(') {
                        self.array();
                    }
                    self.set(&word);
                    self.seen.note(&name);
                    let text = word.into_text();
                    if text.starts_with(&format!("{name}=")) {
                        holds.push((name.clone(), text[name.len() + 1..].to_owned()));
                    }
                    simple.assigned.push((name, value));
                }
                None => words.push(word),
            }
        }
        if words.cut {
            self.doubt(TOO_MANY);
        }
        self.set_by(&words);
        if sure && words.read.is_empty() && simple.files.is_empty() {
            self.settle(holds);
        }
        (simple.words, simple.guess) = (words.read, words.guessed);
        let index = self.script.items.len();
        for from in std::mem::take(&mut self.put_in) {
            self.script.links.push(Link { from, to: index..index + 1, pipe: false });
        }
        for to in std::mem::take(&mut self.put_out) {
            self.script.links.push(Link { from: index..index + 1, to, pipe: true });
        }
        self.script.items.push(Item::Command(simple));
    }

    /// The `()` of a function.
    fn is_definition(&mut self) -> bool {
        let start = self.at;
        self.at += 1;
        self.skip_blanks();
        if self.take(')') {
            return true;
        }
        self.at = start;
        false
    }

    fn array(&mut self) {
        loop {
            match self.peek() {
                None => return self.doubt(UNCLOSED),
                Some(' ' | '\t' | '\r' | '\n') => self.at += 1,
                Some(')') => {
                    self.at += 1;
                    return;
                }
                Some('(' | '<' | '>' | ';' | '&' | '|') => return self.doubt(UNCLOSED),
                Some(_) => {
                    self.word();
                }
            }
        }
    }
}
