//! Text from agents made fit to be shown in one line: no control characters, no invisible
//! direction changes, a limited width.

use unicode_width::UnicodeWidthChar as _;

/// `text` without control characters (a tab or line break becomes one space), at most `cap`
/// characters.
pub fn clean(text: &str, cap: usize) -> String {
    text.chars().filter_map(tame).take(cap).collect()
}

/// [`clean`], but at most `width` columns, with `…` in the last one where it was cut.
pub fn clean_to_width(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    let mut chars = text.chars().filter_map(tame).peekable();
    while let Some(c) = chars.next() {
        let wide = c.width().unwrap_or(0);
        let room = if chars.peek().is_some() { width.saturating_sub(1) } else { width };
        if used + wide > room {
            if used < width {
                out.push('…');
            }
            return out;
        }
        used += wide;
        out.push(c);
    }
    out
}

/// The last line with something to see, cleaned, trimmed, at most `width` columns.
pub fn last_line<'a>(lines: impl DoubleEndedIterator<Item = &'a str>, width: usize) -> String {
    lines
        .rev()
        .map(str::trim)
        .find(|line| line.chars().filter_map(tame).any(|c| !c.is_whitespace()))
        .map(|line| clean_to_width(line, width))
        .unwrap_or_default()
}

fn tame(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' => Some(' '),
        c if is_hidden(c) => None,
        c => Some(c),
    }
}

/// Nothing to see, but it could command a terminal (C0 and C1 controls), or make a line read
/// as another one (marks and overrides of direction, a byte order mark).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go() {
        assert_eq!(clean("a\x1b[31mb\x07\tc\u{202e}d", 99), "a[31mb cd");
        assert_eq!(clean("a\u{9b}m\u{2066}b\u{2069}\u{200f}\u{61c}c", 99), "ambc");
        assert_eq!(clean("abcdef", 3), "abc");
    }

    #[test]
    fn a_long_line_is_cut_at_its_width() {
        assert_eq!(clean_to_width("abcdef", 6), "abcdef");
        assert_eq!(clean_to_width("abcdefg", 6), "abcde…");
        assert_eq!(clean_to_width("日本語", 4), "日…");
        assert_eq!(clean_to_width("日本語", 6), "日本語");
        assert_eq!(clean_to_width("x", 0), "");
    }

    #[test]
    fn the_last_line_is_the_last_with_text() {
        assert_eq!(last_line(["one", "  two\x07", "", " \u{200e} "].into_iter(), 80), "two");
        assert_eq!(last_line(std::iter::empty(), 80), "");
    }
}
