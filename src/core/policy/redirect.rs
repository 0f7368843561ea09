//! Where a command's input and output lead: files, here-documents, here-strings.

use super::{
    script::Simple,
    shell::{Parser, UNCLOSED},
};

/// A here-document whose text has yet to come.
pub struct Waiting {
    number: usize,
    end: String,
    strip: bool,
    quoted: bool,
}

impl Parser {
    pub fn redirect(&mut self, simple: &mut Simple, number: Option<&str>) {
        self.take('&');
        let reads = self.take('<');
        // Its standard input; the program may read another descriptor, but no shell does.
        let standard = reads && number.is_none_or(|number| number == "0");
        if reads && self.take('<') {
            if self.take('<') {
                self.skip_blanks();
                let text = self.word().into_text();
                if standard {
                    simple.input = Some(text);
                }
                return;
            }
            let strip = self.take('-');
            self.skip_blanks();
            let end = self.word();
            let number = self.script.documents.len();
            self.script.documents.push(String::new());
            if standard {
                simple.document = Some(number);
            }
            self.waiting.push(Waiting { number, strip, quoted: !end.plain, end: end.text });
            return;
        }
        while matches!(self.peek(), Some('>' | '|' | '&')) {
            self.at += 1;
        }
        self.skip_blanks();
        if matches!(self.peek(), None | Some('\n' | ';' | '|' | '&' | '(' | ')')) {
            return self.doubt("a redirection leads nowhere");
        }
        let target = self.word().into_text();
        if standard {
            simple.stdin = Some(target.clone());
        }
        if target != "-" && !target.bytes().all(|b| b.is_ascii_digit()) {
            simple.files.push(target);
        }
    }

    /// Here-documents begin after the line that asks for them.
    pub fn documents_now(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            let mut body = String::new();
            let mut closed = false;
            while self.at < self.text.len() {
                let rest = &self.text[self.at..];
                let length = rest.iter().position(|&c| c == '\n').unwrap_or(rest.len());
                let line: String = rest[..length].iter().collect();
                self.at += (length + 1).min(rest.len());
                let line = if waiting.strip { line.trim_start_matches('\t') } else { &line };
                if line == waiting.end {
                    closed = true;
                    break;
                }
                body.push_str(line);
                body.push('\n');
            }
            if !closed {
                self.doubt(UNCLOSED);
            }
            if !waiting.quoted {
                let mut inner = Self::new(&body, self.depth + 1);
                body = inner.expanded();
                self.script.append(inner.script);
            }
            if let Some(place) = self.script.documents.get_mut(waiting.number) {
                *place = body;
            }
        }
    }
}
