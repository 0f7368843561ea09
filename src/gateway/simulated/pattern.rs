//! Patterns with named captures, and templates that they fill.

/// Text with `{name}` holes.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// In lower case.
    Text(String),
    Hole(String),
}

/// Names and what they stand for.
pub type Vars = Vec<(String, String)>;

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let close = rest[open..].find('}').ok_or("a `{` without its `}`")? + open;
            let name = &rest[open + 1..close];
            if !is_name(name) {
                return Err(format!("{{{name}}} is no name: use letters and _"));
            }
            if open == 0 && matches!(parts.last(), Some(Part::Hole(_))) {
                return Err(format!("there must be text before {{{name}}}"));
            }
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_ascii_lowercase()));
            }
            parts.push(Part::Hole(name.to_owned()));
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_ascii_lowercase()));
        }
        match parts.first() {
            Some(Part::Text(_)) => Ok(Self(parts)),
            Some(Part::Hole(_)) => Err("a pattern begins with text".to_owned()),
            None => Err("a pattern is empty".to_owned()),
        }
    }

    /// The captures of the first place where the pattern fits.
    pub fn find(&self, text: &str) -> Option<Vars> {
        let lower = text.to_ascii_lowercase();
        let Some(Part::Text(head)) = self.0.first() else { return None };
        let mut from = 0;
        while let Some(at) = lower[from..].find(head.as_str()) {
            let start = from + at;
            if let Some(vars) = self.fits(text, &lower, start + head.len()) {
                return Some(vars);
            }
            from = start + lower[start..].chars().next().map_or(1, char::len_utf8);
        }
        None
    }

    fn fits(&self, text: &str, lower: &str, mut at: usize) -> Option<Vars> {
        let mut vars = Vec::new();
        let mut parts = self.0.iter().skip(1).peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Text(want) => {
                    lower[at..].starts_with(want.as_str()).then_some(())?;
                    at += want.len();
                }
                Part::Hole(name) => {
                    let line_end = lower[at..].find('\n').map_or(lower.len(), |n| at + n);
                    let end = match parts.peek() {
                        Some(Part::Text(next)) => at + lower[at..line_end].find(next.as_str())?,
                        Some(Part::Hole(_)) | None if is_file(name) => {
                            let blank = lower[at..line_end].find(char::is_whitespace);
                            blank.map_or(line_end, |n| at + n)
                        }
                        Some(Part::Hole(_)) | None => line_end,
                    };
                    vars.push((name.clone(), captured(name, &text[at..end])?));
                    at = end;
                }
            }
        }
        Some(vars)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
}

fn is_file(name: &str) -> bool {
    matches!(name, "file" | "path")
}

fn captured(name: &str, text: &str) -> Option<String> {
    if !is_file(name) {
        return Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    }
    let word = text.trim().trim_matches(['"', '\'', '`', ',', ';', ':', '!', '?', '(', ')']);
    let word = word.trim_end_matches('.');
    let fits = word.contains(['.', '/']) && !word.contains(char::is_whitespace);
    fits.then(|| word.to_owned())
}

/// Fills `{name}`; what is not known stays as it is. With `quote` each value becomes one
/// word of a shell, but for `{=name}`.
pub fn fill(template: &str, vars: &Vars, quote: bool) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let name = rest.find('}').map(|close| &rest[1..close]);
        let value = name.and_then(|name| {
            let bare = name.strip_prefix('=').unwrap_or(name);
            let (_, value) = vars.iter().rev().find(|(known, _)| known == bare)?;
            Some((name, if quote && bare == name { sh_quote(value) } else { value.clone() }))
        });
        match value {
            Some((name, value)) => {
                out.push_str(&value);
                rest = &rest[name.len() + 2..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// One word for `sh`, whatever is in it.
pub fn sh_quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pattern: &str, text: &str) -> Option<Vec<String>> {
        let found = Pattern::parse(pattern).unwrap().find(text);
        found.map(|vars| vars.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn captures() {
        let some = |values: &[&str]| Some(values.iter().map(|v| (*v).to_owned()).collect());
        assert_eq!(
            find("write {file}: {content}", "Please WRITE a.txt: hi: there \nmore"),
            some(&["a.txt", "hi: there"])
        );
        assert_eq!(find("create {file}", "create a plan, create `b.md`."), some(&["b.md"]));
        assert_eq!(find("create {file}", "create a plan"), None);
        assert_eq!(find("é{x}z", "ÉÉé1z"), some(&["1"]));
        assert_eq!(find("simulate-402", "do Simulate-402 now"), some(&[]));
        for bad in ["", "{a}", "x{a}{b}", "x{", "x{1}"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fills_and_quotes() {
        let vars = vec![("a".to_owned(), "it's".to_owned())];
        assert_eq!(fill("{a} {b} ${x} {", &vars, false), "it's {b} ${x} {");
        assert_eq!(fill("echo {a}; {=a}", &vars, true), r"echo 'it'\''s'; it's");
    }
}
