//! One source file as the layering sees it: what it imports, which paths it names, which
//! lines are tests.

use crate::tokens::{Token, tokens};
use std::ops::RangeInclusive;

/// A path as written, `use` trees unfolded: one entry a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathUse {
    pub segments: Vec<String>,
    pub line: usize,
    /// Inline modules around it, outermost first.
    pub inside: Vec<String>,
    /// Under `#[cfg(test)]`.
    pub test: bool,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a `use`. `name` is what it is called from here on; none for a glob or `as _`.
    Import { name: Option<String>, glob: bool, public: bool },
    /// Anywhere else.
    Expression,
    /// The right side of a `pub type`.
    PublicType,
}

#[derive(Debug, Default)]
pub struct Scan {
    pub paths: Vec<PathUse>,
    /// What hides code from this check: line and name.
    pub tricks: Vec<(usize, &'static str)>,
    test_lines: Vec<RangeInclusive<usize>>,
    lines: usize,
}

impl Scan {
    /// Lines that are not under `#[cfg(test)]`.
    pub fn code_lines(&self) -> usize {
        let tests: usize =
            self.test_lines.iter().map(|range| range.end() - range.start() + 1).sum();
        self.lines - tests
    }
}

pub fn scan(source: &str) -> Scan {
    let tokens = tokens(source);
    let mut scanner = Scanner {
        tokens: &tokens,
        at: 0,
        scopes: Vec::new(),
        pending: None,
        brackets: 0,
        out: Scan { lines: source.lines().count(), ..Scan::default() },
    };
    scanner.run();
    scanner.out
}

/// What a `}` will close.
struct Scope {
    module: Option<String>,
    /// Line of the `#[cfg(test)]` that began it.
    test_since: Option<usize>,
}

struct Scanner<'a> {
    tokens: &'a [Token],
    at: usize,
    scopes: Vec<Scope>,
    /// A `#[cfg(test)]` whose item has not begun: its line, and the bracket depth there.
    pending: Option<(usize, usize)>,
    brackets: usize,
    out: Scan,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while self.at < self.tokens.len() {
            match self.text(0) {
                "use" if self.text(1) != "<" => self.import(),
                "extern" if self.text(1) == "crate" => self.trick("extern crate"),
                "include" if self.text(1) == "!" => self.trick("include!"),
                "#" => self.attribute(),
                "mod" if self.text(2) == "{" => {
                    self.open(Some(self.text(1).to_owned()));
                    self.at += 3;
                }
                "{" => {
                    self.open(None);
                    self.at += 1;
                }
                "}" => self.close(),
                "(" | "[" => {
                    self.brackets += 1;
                    self.at += 1;
                }
                ")" | "]" => {
                    self.brackets = self.brackets.saturating_sub(1);
                    self.at += 1;
                }
                ";" => self.end_statement(),
                _ if self.tokens[self.at].is_name() => self.path(),
                _ => self.at += 1,
            }
        }
    }

    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text.as_str())
    }

    fn before(&self, back: usize) -> &str {
        self.at
            .checked_sub(back)
            .and_then(|at| self.tokens.get(at))
            .map_or("", |token| token.text.as_str())
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |token| token.line)
    }

    fn trick(&mut self, what: &'static str) {
        self.out.tricks.push((self.line(), what));
        self.at += 1;
    }

    fn open(&mut self, module: Option<String>) {
        let test_since = self.pending.take().map(|(line, _)| line);
        self.scopes.push(Scope { module, test_since });
    }

    fn close(&mut self) {
        if let Some(Scope { test_since: Some(since), .. }) = self.scopes.pop() {
            self.test_span(since);
        }
        self.at += 1;
    }

    fn end_statement(&mut self) {
        if let Some((since, depth)) = self.pending
            && self.brackets <= depth
        {
            self.pending = None;
            self.test_span(since);
        }
        self.at += 1;
    }

    /// Lines `since` to here are tests; spans inside other spans are not counted twice.
    fn test_span(&mut self, since: usize) {
        let end = self.line();
        if self.scopes.iter().any(|scope| scope.test_since.is_some()) {
            return;
        }
        let start = self.out.test_lines.last().map_or(since, |last| since.max(last.end() + 1));
        if start <= end {
            self.out.test_lines.push(start..=end);
        }
    }

    fn in_test(&self) -> bool {
        self.pending.is_some() || self.scopes.iter().any(|scope| scope.test_since.is_some())
    }

    fn attribute(&mut self) {
        let start = self.at;
        let open = if self.text(1) == "!" { 2 } else { 1 };
        if self.text(open) != "[" {
            self.at += 1;
            return;
        }
        match self.text(open + 1) {
            "path" if self.text(open + 2) == "=" && !self.in_test() => {
                self.out.tricks.push((self.line(), "#[path]"));
            }
            "cfg" => {
                let inside = self.tokens[start..].iter().take_while(|token| token.text != "]");
                let words: Vec<&str> = inside.map(|token| token.text.as_str()).collect();
                if words.contains(&"test") && !words.contains(&"not") && self.pending.is_none() {
                    self.pending = Some((self.line(), self.brackets));
                }
            }
            _ => {}
        }
        // The attribute's own paths (`#[tokio::main]`) are looked at like any other.
        self.at += open;
    }

    fn entry(&self, segments: Vec<String>, line: usize, kind: Kind) -> PathUse {
        let inside = self.scopes.iter().filter_map(|scope| scope.module.clone()).collect();
        PathUse { segments, line, inside, test: self.in_test(), kind }
    }

    fn path(&mut self) {
        let kind = if self.before(1) == "=" && self.is_public_type() {
            Kind::PublicType
        } else {
            Kind::Expression
        };
        // A method, a field, or the rest of `<T as X>::Y`: not the beginning of a path.
        let continued = match self.before(1) {
            "." => true,
            "::" => match self.before(2) {
                "return" | "as" | "in" | "dyn" | "impl" | "mut" | "for" => false,
                left => left == ">" || left.starts_with(|c: char| c.is_alphanumeric() || c == '_'),
            },
            _ => false,
        };
        let visibility = self.before(1) == "in" && self.before(2) == "(" && self.before(3) == "pub";
        let line = self.line();
        let mut segments = vec![self.text(0).to_owned()];
        self.at += 1;
        while self.text(0) == "::" && self.tokens.get(self.at + 1).is_some_and(Token::is_name) {
            segments.push(self.text(1).to_owned());
            self.at += 2;
        }
        if !continued && !visibility && (segments.len() > 1 || kind == Kind::PublicType) {
            let entry = self.entry(segments, line, kind);
            self.out.paths.push(entry);
        }
    }

    /// Whether the statement that ends in the `=` before here began with `pub type`.
    fn is_public_type(&self) -> bool {
        let statement = self.tokens[..self.at - 1]
            .rsplit(|token| matches!(token.text.as_str(), ";" | "{" | "}"))
            .next()
            .unwrap_or_default();
        let word = |w: &str| statement.iter().position(|token| token.text == w);
        matches!((word("pub"), word("type")), (Some(a), Some(b)) if a < b)
    }

    fn import(&mut self) {
        let public = self.before(1) == "pub" || (self.before(1) == ")" && self.opens_with_pub());
        self.at += 1;
        if self.text(0) == "::" {
            self.at += 1;
        }
        self.tree(&mut Vec::new(), public);
        // At the `;`, which the main loop takes.
    }

    fn opens_with_pub(&self) -> bool {
        let open = self.tokens[..self.at].iter().rposition(|token| token.text == "(");
        open.is_some_and(|at| at > 0 && self.tokens[at - 1].text == "pub")
    }

    /// One branch of a `use` tree, from its first segment to its `,`, `}` or `;`.
    fn tree(&mut self, prefix: &mut Vec<String>, public: bool) {
        let kept = prefix.len();
        let line = self.line();
        loop {
            match self.text(0) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(0), "}" | "") {
                        self.tree(prefix, public);
                        if self.text(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    break;
                }
                "*" => {
                    self.at += 1;
                    let kind = Kind::Import { name: None, glob: true, public };
                    let entry = self.entry(prefix.clone(), line, kind);
                    self.out.paths.push(entry);
                    break;
                }
                _ => {
                    let segment = self.text(0).to_owned();
                    self.at += 1;
                    if segment != "self" || prefix.is_empty() {
                        prefix.push(segment);
                    }
                    if self.text(0) == "::" {
                        self.at += 1;
                        continue;
                    }
                    let mut name = prefix.last().cloned();
                    if self.text(0) == "as" {
                        name = Some(self.text(1).to_owned()).filter(|name| name != "_");
                        self.at += 2;
                    }
                    let kind = Kind::Import { name, glob: false, public };
                    let entry = self.entry(prefix.clone(), line, kind);
                    self.out.paths.push(entry);
                    break;
                }
            }
        }
        prefix.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> Vec<String> {
        let line = |path: PathUse| {
            let mut text = path.segments.join("::");
            if let Kind::Import { name, glob, public } = &path.kind {
                let name = name.as_deref().unwrap_or(if *glob { "*" } else { "_" });
                text = format!("{}use {text} as {name}", if *public { "pub " } else { "" });
            }
            if path.kind == Kind::PublicType {
                text = format!("pub type {text}");
            }
            format!("{}{text}", if path.test { "test " } else { "" })
        };
        scan(source).paths.into_iter().map(line).collect()
    }

    #[test]
    fn unfolds_use_trees() {
        let source = "pub(crate) use crate::{a::{self, b as c,\n *}, d};\nuse super::x as _;";
        assert_eq!(
            shown(source),
            [
                "pub use crate::a as a",
                "pub use crate::a::b as c",
                "pub use crate::a as *",
                "pub use crate::d as d",
                "use super::x as _",
            ]
        );
    }

    #[test]
    fn finds_paths_in_code_but_not_in_visibilities_or_captures() {
        let source = "pub(in crate::a) fn f() -> impl T + use<'a> { std::fs::read(x).y::<Z>() }
            pub type S = State; type P = Q; #[tokio::main] fn g(a: ::std::process::Child) {}";
        assert_eq!(
            shown(source),
            ["std::fs::read", "pub type State", "tokio::main", "std::process::Child"]
        );
    }

    #[test]
    fn knows_test_code() {
        let source = "#[cfg(test)]\nuse a::b;\nuse c::d;\n#[cfg(test)]\nmod tests {\n use e::f;\n}\n\
            #[cfg(not(test))]\nmod g { use h::i; }\n";
        assert_eq!(
            shown(source),
            ["test use a::b as b", "use c::d as d", "test use e::f as f", "use h::i as i"]
        );
        assert_eq!(scan(source).code_lines(), 3);
    }
}
