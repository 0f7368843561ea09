//! What calls the person at the terminal when something new waits in the inbox: a bell, or a
//! notification of the terminal's own (OSC 9, OSC 777). Only Dash sends these; what agents
//! print of the kind ends in their own screens.

use crate::config::Notify;

/// Characters of a text.
const MOST: usize = 200;

/// The bytes for it. The text is an agent's in part: of it only what is printed passes.
pub(super) fn sequence(how: Notify, text: &str, in_tmux: bool) -> String {
    let text: String = text.chars().filter(|c| !is_hidden(*c)).take(MOST).collect();
    let notification = match how {
        Notify::Off => return String::new(),
        Notify::Bell => return "\x07".to_owned(),
        // A number in front would mean something else (progress bars, for one).
        Notify::Osc9 => format!("\x1b]9;Dash: {text}\x1b\\"),
        Notify::Osc777 => format!("\x1b]777;notify;Dash;{}\x1b\\", text.replace(';', ",")),
    };
    // tmux keeps such sequences from the terminal unless they are wrapped.
    if in_tmux {
        return format!("\x1bPtmux;{}\x1b\\", notification.replace('\x1b', "\x1b\x1b"));
    }
    notification
}

/// Controls, and what turns the direction of the text around.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_has_its_bytes() {
        let say = |how| sequence(how, "ag-03 asks: git push; now", false);
        assert_eq!(say(Notify::Off), "");
        assert_eq!(say(Notify::Bell), "\x07");
        assert_eq!(say(Notify::Osc9), "\x1b]9;Dash: ag-03 asks: git push; now\x1b\\");
        let titled = "\x1b]777;notify;Dash;ag-03 asks: git push, now\x1b\\";
        assert_eq!(say(Notify::Osc777), titled);
        let wrapped = sequence(Notify::Osc9, "x", true);
        assert_eq!(wrapped, "\x1bPtmux;\x1b\x1b]9;Dash: x\x1b\x1b\\\x1b\\");
    }

    #[test]
    fn nothing_of_an_agents_text_acts() {
        let text = format!("a\x1b\\\x1b]52;c;eA==\x07\u{9c}b\u{202e}c\n{}", "x".repeat(9_000));
        for how in [Notify::Osc9, Notify::Osc777] {
            let bytes = sequence(how, &text, false);
            assert!(bytes.chars().count() < 300);
            let inside = bytes.strip_prefix('\x1b').unwrap().strip_suffix("\x1b\\").unwrap();
            assert!(!inside.contains(is_hidden), "{inside:?}");
        }
    }
}
