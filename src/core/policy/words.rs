//! The words of a shell line: quotes, escapes, expansions.

use super::{
    guess::{self, Guess},
    shell::{DEEP, Parser, UNCLOSED, parse_at},
    word::{MANY, ONE, QUERY, STAR, TILDE, is_mark},
};

/// Substitutions in backquotes, in words, in here-documents within each other.
const DEEPEST: usize = 48;
/// Letters of a class that are looked through for its end.
const CLASS: usize = 64;

#[derive(Debug, Default)]
pub struct Word {
    pub text: String,
    /// Without quotes, escapes and expansions: only so a word is a reserved one.
    pub plain: bool,
    /// The words that it most likely becomes, where there are marks that may be guessed.
    pub guess: Option<Vec<String>>,
    /// What is guessed is sure: the line itself says it, once.
    pub settled: bool,
    /// It is sure to be one of these words after the other: of a loop.
    pub several: bool,
}

impl Word {
    /// As one word, with what is sure put in.
    pub fn into_text(self) -> String {
        match self.guess {
            Some(guess) if self.settled && guess.len() == 1 => guess.concat(),
            _ => self.text,
        }
    }

    /// `NAME=value`, `NAME+=value`, `NAME[…]=value`.
    pub fn assignment(&self) -> Option<(String, String)> {
        let (name, value) = self.text.split_once('=')?;
        let name = name.strip_suffix('+').unwrap_or(name);
        let name = name.split_once(QUERY).map_or(name, |(name, _)| name);
        let letter = |c: char| c == '_' || c.is_ascii_alphanumeric();
        let is_name = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(letter);
        is_name.then(|| (name.to_owned(), value.to_owned()))
    }
}

fn ends_word(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>')
}

impl Parser {
    /// The word that begins here; at least one letter is taken.
    pub fn word(&mut self) -> Word {
        let start = self.at;
        let known = self.guesses.len();
        let mut word = Word { plain: true, ..Word::default() };
        while let Some(c) = self.peek() {
            match c {
                '<' | '>' if self.peek_at(1) == Some('(') => {
                    self.at += 2;
                    let range = self.nested();
                    let reads = if c == '<' { &mut self.put_in } else { &mut self.put_out };
                    reads.push(range);
                    word.text.push(ONE);
                    word.plain = false;
                    continue;
                }
                c if ends_word(c) => break,
                _ => {}
            }
            self.at += 1;
            match c {
                '\\' => {
                    match self.peek() {
                        Some('\n') => {}
                        Some(c) => word.text.push(c),
                        None => self.doubt(UNCLOSED),
                    }
                    self.at = (self.at + 1).min(self.text.len());
                    word.plain = false;
                }
                '\'' => {
                    word.plain = false;
                    self.single(&mut word.text);
                }
                '"' => {
                    word.plain = false;
                    self.double(&mut word.text);
                }
                '$' => {
                    word.plain = false;
                    self.dollar(&mut word.text, false);
                }
                '`' => {
                    word.plain = false;
                    let likely = self.backquote();
                    word.text.push(MANY);
                    self.guess(&word.text, likely, false);
                }
                '*' => word.text.push(STAR),
                '?' => word.text.push(QUERY),
                '[' => self.bracket(self.at == start + 1, &mut word.text),
                '~' if word.text.is_empty() || word.text.ends_with(['=', ':']) => {
                    word.text.push(TILDE);
                }
                '{' if self.peek() == Some('}') => word.text.push('{'),
                '{' if self.at == start + 1 && self.peek().is_none_or(ends_word) => {
                    word.text.push('{');
                }
                // It may be as many words as it has commas.
                '{' => {
                    word.plain = false;
                    if !self.braces_of(&mut word.text) {
                        word.text.push(MANY);
                    }
                }
                c => word.text.push(c),
            }
        }
        if self.at == start {
            // Never reached by a letter that begins a word; it must not stand still.
            self.at += 1;
        }
        let guesses = self.guesses.split_off(known);
        word.guess = guess::filled(&word.text, &guesses);
        let marks = word.text.matches([MANY, ONE]).count();
        word.settled = word.guess.is_some()
            && guesses.len() == marks
            && guesses.iter().all(|guess| guess.sure);
        word.several = guesses.iter().any(Guess::is_several);
        if word.guess.is_none() && guesses.iter().any(|guess| guess.skip > 0) {
            self.doubt(guess::TOO_MANY);
        }
        word
    }

    /// After a `[`: a class of letters is one mark; `[` and `[[` are commands.
    fn bracket(&mut self, first: bool, out: &mut String) {
        if first && self.peek().is_none_or(ends_word) {
            return out.push('[');
        }
        if first && self.peek() == Some('[') && self.peek_at(1).is_none_or(ends_word) {
            self.at += 1;
            return out.push_str("[[");
        }
        let class = self.text[self.at..].iter().take(CLASS).take_while(|&&c| !ends_word(c));
        if let Some(length) = class.skip(1).position(|&c| c == ']') {
            self.at += length + 2;
        }
        out.push(QUERY);
    }

    fn single(&mut self, out: &mut String) {
        loop {
            match self.peek() {
                None => return self.doubt(UNCLOSED),
                Some('\'') => {
                    self.at += 1;
                    return;
                }
                Some(c) => out.push(c),
            }
            self.at += 1;
        }
    }

    fn double(&mut self, out: &mut String) {
        loop {
            let Some(c) = self.peek() else { return self.doubt(UNCLOSED) };
            self.at += 1;
            match c {
                '"' => return,
                c => self.in_double(c, out),
            }
        }
    }

    /// What one letter means where only expansions mean something.
    fn in_double(&mut self, c: char, out: &mut String) {
        match c {
            '\\' => match self.peek() {
                Some('\n') => self.at += 1,
                Some(c @ ('$' | '`' | '"' | '\\')) => {
                    self.at += 1;
                    out.push(c);
                }
                _ => out.push('\\'),
            },
            '$' => self.dollar(out, true),
            '`' => {
                let likely = self.backquote();
                out.push(ONE);
                self.guess(out, likely, true);
            }
            c => out.push(c),
        }
    }

    /// The whole text as in double quotes: a here-document.
    pub fn expanded(&mut self) -> String {
        let mut out = String::new();
        if self.depth >= DEEPEST {
            self.stop(DEEP);
        }
        while let Some(c) = self.peek() {
            self.at += 1;
            self.in_double(c, &mut out);
        }
        out
    }

    /// After a `$`.
    fn dollar(&mut self, out: &mut String, quoted: bool) {
        let mark = if quoted { ONE } else { MANY };
        match self.peek() {
            Some('(') if self.peek_at(1) == Some('(') => {
                self.at += 2;
                self.arithmetic();
                out.push(mark);
            }
            Some('(') => {
                self.at += 1;
                let range = self.nested();
                let likely = guess::printed(self.script.items.get(range.clone()));
                self.put_in.push(range);
                out.push(mark);
                let sure = self.is_own_path(likely.as_deref()).then(|| likely.clone()).flatten();
                self.guess_or(out, likely, sure.map(|text| vec![text]), quoted);
            }
            Some('{') => {
                self.at += 1;
                let (likely, sure) = self.braces();
                out.push(mark);
                self.guess_or(out, likely, sure, quoted);
            }
            Some('\'') if !quoted => {
                self.at += 1;
                self.ansi(out);
            }
            Some('"') if !quoted => {
                self.at += 1;
                self.double(out);
            }
            Some(c) if c == '_' || c.is_ascii_alphabetic() => {
                let name = self.name();
                out.push(mark);
                let likely = self.value(&name);
                let sure = self.settled_value(&name);
                self.guess_or(out, likely, sure, quoted);
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-[".contains(c) => {
                self.at += 1;
                out.push(mark);
            }
            _ => out.push('$'),
        }
    }

    pub fn name(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|c| c == '_' || c.is_ascii_alphanumeric()) {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect()
    }

    /// `${…}`, after its brace; and what it most likely is.
    fn braces(&mut self) -> (Option<String>, Option<Vec<String>>) {
        if self.depth >= DEEPEST {
            self.stop(DEEP);
            return (None, None);
        }
        self.depth += 1;
        let known = self.guesses.len();
        let name = self.name();
        // `${x:-y}` and its like; anything else is not guessed.
        let colon = self.take(':');
        let other = self.peek().filter(|c| "-=+".contains(*c));
        self.at += usize::from(other.is_some());
        let whole = !colon && self.peek() == Some('}');
        let mut text = String::new();
        loop {
            let Some(c) = self.peek() else {
                self.doubt(UNCLOSED);
                break;
            };
            self.at += 1;
            match c {
                '}' => break,
                '@' if self.peek() == Some('P') && self.peek_at(1) == Some('}') => {
                    self.doubt("a variable is expanded as a prompt, which may run commands");
                }
                '\\' => self.at = (self.at + 1).min(self.text.len()),
                '\'' => self.single(&mut text),
                '"' => self.double(&mut text),
                '$' => self.dollar(&mut text, true),
                '`' => {
                    self.backquote();
                    text.push(ONE);
                }
                c => text.push(c),
            }
        }
        self.guesses.truncate(known);
        self.depth -= 1;
        match other {
            Some('+') => (Some(text), None),
            Some(_) => (self.value(&name).or(Some(text)), self.settled_value(&name)),
            None if whole => (self.value(&name), self.settled_value(&name)),
            None => (None, None),
        }
    }

    /// After `((`, to `))`: it runs nothing but what is put into it.
    pub fn arithmetic(&mut self) {
        if self.depth >= DEEPEST {
            return self.stop(DEEP);
        }
        self.depth += 1;
        let known = self.guesses.len();
        let mut open = 2;
        let mut nothing = String::new();
        while open > 0 {
            let Some(c) = self.peek() else {
                self.doubt(UNCLOSED);
                break;
            };
            self.at += 1;
            nothing.clear();
            match c {
                '(' => open += 1,
                // Two lists in parentheses look alike up to here.
                ')' if open == 2 && self.peek() != Some(')') => {
                    self.stop("it cannot be told whether `((` begins arithmetic");
                    break;
                }
                ')' => open -= 1,
                '\\' => self.at = (self.at + 1).min(self.text.len()),
                '\'' => self.single(&mut nothing),
                '"' => self.double(&mut nothing),
                '$' => self.dollar(&mut nothing, true),
                '`' => {
                    self.backquote();
                }
                _ => {}
            }
        }
        self.guesses.truncate(known);
        self.depth -= 1;
    }

    /// After its first backquote; what is in it is a line of its own. What it prints, where
    /// that may be guessed.
    fn backquote(&mut self) -> Option<String> {
        let mut inner = String::new();
        loop {
            let Some(c) = self.peek() else {
                self.doubt(UNCLOSED);
                return None;
            };
            self.at += 1;
            match (c, self.peek()) {
                ('`', _) => break,
                ('\\', Some(next @ ('\\' | '`' | '$'))) => {
                    self.at += 1;
                    inner.push(next);
                }
                (c, _) => inner.push(c),
            }
        }
        if self.depth >= DEEPEST {
            self.stop(DEEP);
            return None;
        }
        let start = self.script.items.len();
        let part = parse_at(&inner, self.depth + 1);
        let likely = guess::printed(Some(&part.items));
        self.script.append(part);
        self.put_in.push(start..self.script.items.len());
        likely
    }

    /// `$'…'`, after its quote.
    fn ansi(&mut self, out: &mut String) {
        loop {
            let Some(c) = self.peek() else { return self.doubt(UNCLOSED) };
            self.at += 1;
            match c {
                '\'' => return,
                '\\' => self.ansi_escape(out),
                c => out.push(c),
            }
        }
    }

    fn ansi_escape(&mut self, out: &mut String) {
        let Some(c) = self.peek() else { return self.doubt(UNCLOSED) };
        self.at += 1;
        let code = match c {
            'n' => 10,
            't' => 9,
            'r' => 13,
            'a' => 7,
            'b' => 8,
            'e' | 'E' => 27,
            'f' => 12,
            'v' => 11,
            'x' => self.digits(16, 2),
            'u' => self.digits(16, 4),
            'U' => self.digits(16, 8),
            '0'..='7' => {
                self.at -= 1;
                self.digits(8, 3)
            }
            'c' => {
                self.at = (self.at + 1).min(self.text.len());
                0xfffd
            }
            c => u32::from(c),
        };
        // What would be a mark of ours is a letter that no command needs.
        let letter = char::from_u32(code).filter(|&c| !is_mark(c)).unwrap_or('\u{fffd}');
        out.push(letter);
    }

    fn digits(&mut self, base: u32, most: usize) -> u32 {
        let mut value = 0u32;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(base)) else { break };
            value = value.saturating_mul(base).saturating_add(digit);
            self.at += 1;
        }
        value
    }
}
