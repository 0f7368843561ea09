//! Words as the judge sees them: text, with marks in the places where a shell puts in what
//! cannot be known beforehand. The marks are control characters that no command needs;
//! [`clean`] takes them out of what comes from outside.

use std::borrow::Cow;

/// An expansion without quotes: any text, any number of words.
pub const MANY: char = '\u{0}';
/// An expansion in quotes: any text, within this word.
pub const ONE: char = '\u{1}';
/// A `*` that the shell expands.
pub const STAR: char = '\u{2}';
/// A `?` or the beginning of a `[…]` that the shell expands.
pub const QUERY: char = '\u{3}';
/// A `~` that the shell expands.
pub const TILDE: char = '\u{4}';
/// The directory that the line begins in: `$PWD`.
pub const HERE: char = '\u{5}';
/// A path of the agent's own for what passes: `$TMPDIR`, `$(mktemp)`.
pub const TEMP: char = '\u{6}';

/// What a judge can tell about a word, a rule, a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likely {
    No,
    Maybe,
    Yes,
}

impl Likely {
    pub fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

pub fn is_mark(c: char) -> bool {
    c <= TEMP
}

/// True where the shell puts in text that is not known.
pub fn is_open(text: &str) -> bool {
    text.contains([MANY, ONE])
}

pub fn has_glob(text: &str) -> bool {
    text.contains([STAR, QUERY])
}

pub fn clean(text: &str) -> Cow<'_, str> {
    if text.contains(is_mark) {
        Cow::Owned(text.replace(is_mark, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Letters of a command that are shown.
const SHOWN: usize = 160;

/// A command as people read it, cut where it is long.
pub fn shown(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        for c in word.chars().take(SHOWN) {
            match c {
                MANY | ONE | HERE | TEMP => text.push_str("$…"),
                STAR => text.push('*'),
                QUERY => text.push('?'),
                TILDE => text.push('~'),
                c if c.is_control() => text.push('␣'),
                c => text.push(c),
            }
        }
        if text.chars().count() > SHOWN {
            text = text.chars().take(SHOWN).collect();
            text.push('…');
            break;
        }
    }
    text
}

/// Whether `text` is what `pattern` says, in which `*` stands for any letters.
pub fn like(pattern: &str, text: &str) -> bool {
    if !pattern.contains('*') {
        return pattern == text;
    }
    wild(pattern, text, |c| c == '*', |a, b| a == b)
}

/// Whether a word that the shell expands may become `name`. A dot file is named by its dot.
pub fn expands_to(word: &str, name: &str) -> bool {
    if name.starts_with('.') && !word.starts_with(['.', MANY, ONE]) {
        return false;
    }
    // A `[…]` is one mark and the letters of its class: what follows is taken for anything.
    let any = |c: char| matches!(c, STAR | MANY | ONE | QUERY);
    wild(word, name, any, |a, b| a == b)
}

/// Two pointers: goes back to the latest star only, so that it takes time in proportion to
/// the product of both lengths at worst.
fn wild(
    pattern: &str,
    text: &str,
    star: impl Fn(char) -> bool,
    same: impl Fn(char, char) -> bool,
) -> bool {
    let (mut p, mut t) = (pattern.chars(), text.chars());
    let mut back: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (mut p_next, mut t_next) = (p.clone(), t.clone());
        match (p_next.next(), t_next.next()) {
            (Some(c), _) if star(c) => {
                back = Some((p_next.clone(), t.clone()));
                p = p_next;
            }
            (Some(a), Some(b)) if same(a, b) => (p, t) = (p_next, t_next),
            (None, None) => return true,
            _ => {
                let Some((after, mut from)) = back.take() else { return false };
                if from.next().is_none() {
                    return false;
                }
                (p, t) = (after.clone(), from.clone());
                back = Some((after, from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, wanted) in [
            ("git", "git", true),
            ("git", "gitk", false),
            ("python*", "python3.12", true),
            ("*", "", true),
            ("+*", "+main", true),
            ("+*", "main", false),
            ("*.pem", "a.pem.pem", true),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
        ] {
            assert_eq!(like(pattern, text), wanted, "{pattern} {text}");
        }
        assert!(expands_to(&format!(".s{STAR}"), ".ssh"));
        assert!(!expands_to(&STAR.to_string(), ".ssh"));
        assert!(expands_to(&format!("shad{QUERY}w"), "shadow"));
    }
}
