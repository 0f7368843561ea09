//! Rust source as a row of tokens, without comments, strings and character literals: as
//! much of a lexer as the layering needs, so that a path in a comment is not a path.

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// An identifier, keyword, number or lifetime whole; `::` as one; else one character.
    pub text: String,
    /// From 1.
    pub line: usize,
}

impl Token {
    pub fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

pub fn tokens(source: &str) -> Vec<Token> {
    Lexer { chars: source.chars().collect(), at: 0, line: 1, out: Vec::new() }.run()
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    out: Vec<Token>,
}

impl Lexer {
    fn run(mut self) -> Vec<Token> {
        while let Some(c) = self.peek(0) {
            match c {
                '/' if self.peek(1) == Some('/') => self.skip_while(|c| c != '\n'),
                '/' if self.peek(1) == Some('*') => self.block_comment(),
                '"' => self.string(),
                '\'' => self.quote(),
                _ if c.is_alphabetic() || c == '_' => self.word(),
                _ if c.is_numeric() => {
                    let number = self.take_while(|c| c.is_alphanumeric() || c == '_');
                    self.push(number);
                }
                ':' if self.peek(1) == Some(':') => {
                    self.bump();
                    self.bump();
                    self.push("::".to_owned());
                }
                _ if c.is_whitespace() => self.bump(),
                _ => {
                    self.push(c.to_string());
                    self.bump();
                }
            }
        }
        self.out
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn bump(&mut self) {
        if self.peek(0) == Some('\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn push(&mut self, text: String) {
        self.out.push(Token { text, line: self.line });
    }

    fn skip_while(&mut self, keep: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&keep) {
            self.bump();
        }
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> String {
        let start = self.at;
        self.skip_while(keep);
        self.chars[start..self.at].iter().collect()
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.bump();
                    continue;
                }
            }
            self.bump();
            self.bump();
            if depth == 0 {
                return;
            }
        }
    }

    /// From the opening quote past the closing one, with escapes.
    fn string(&mut self) {
        self.bump();
        while let Some(c) = self.peek(0) {
            self.bump();
            match c {
                '\\' => self.bump(),
                '"' => return,
                _ => {}
            }
        }
    }

    /// From the first `#` or quote of a raw string past its end.
    fn raw_string(&mut self) {
        let hashes = self.take_while(|c| c == '#').len();
        self.bump();
        while let Some(c) = self.peek(0) {
            self.bump();
            if c == '"' && (0..hashes).all(|i| self.peek(i) == Some('#')) {
                self.at += hashes;
                return;
            }
        }
    }

    /// A character literal, or a lifetime.
    fn quote(&mut self) {
        if self.peek(1) == Some('\\') {
            self.bump();
            self.bump();
            self.bump();
            self.skip_while(|c| c != '\'');
            self.bump();
        } else if self.peek(2) == Some('\'') {
            self.bump();
            self.bump();
            self.bump();
        } else {
            self.bump();
            let name = self.take_while(|c| c.is_alphanumeric() || c == '_');
            self.push(format!("'{name}"));
        }
    }

    fn word(&mut self) {
        let word = self.take_while(|c| c.is_alphanumeric() || c == '_');
        let literal = matches!(word.as_str(), "r" | "b" | "br" | "c" | "cr");
        let raw = literal && word.ends_with('r');
        match self.peek(0) {
            Some('"') if raw => self.raw_string(),
            Some('"') if literal => self.string(),
            Some('\'') if word == "b" => self.quote(),
            Some('#') if raw => {
                let mut ahead = 0;
                while self.peek(ahead) == Some('#') {
                    ahead += 1;
                }
                if self.peek(ahead) == Some('"') {
                    self.raw_string();
                } else {
                    // A raw identifier: the name without its mark.
                    self.bump();
                    let name = self.take_while(|c| c.is_alphanumeric() || c == '_');
                    self.push(name);
                }
            }
            _ => self.push(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn leaves_out_what_is_not_code() {
        let cases = [
            ("a /* b /* c */ d */ e // f\n g", vec!["a", "e", "g"]),
            (r#"a("b::c \" d") e"#, vec!["a", "(", ")", "e"]),
            ("a(r#\"b \" c\"#) d", vec!["a", "(", ")", "d"]),
            ("a(br\"b\\\") d", vec!["a", "(", ")", "d"]),
            (r"a('\'', '{', b'\\') 'life", vec!["a", "(", ",", ",", ")", "'life"]),
            ("r#use::x", vec!["use", "::", "x"]),
        ];
        for (source, expected) in cases {
            assert_eq!(texts(source), expected, "{source}");
        }
    }

    #[test]
    fn counts_lines_through_strings_and_comments() {
        let all = tokens("/* \n */ a \"\n\n\" b");
        assert_eq!(all.iter().map(|t| t.line).collect::<Vec<_>>(), [2, 4]);
    }
}
