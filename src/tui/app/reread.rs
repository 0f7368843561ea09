//! Keymap and theme, taken up anew when their files change under a running screen.

use super::App;
use crate::model::Level;

impl App {
    /// Takes up what has changed for the right. What cannot be read in whole is told of, and
    /// what was in force stays so. Where nothing has changed, nothing is drawn.
    pub fn reread(&mut self) {
        let mut said = Vec::new();
        match self.keymap.reload() {
            Ok(None) => {}
            Ok(Some(keymap)) => {
                said.push(format!("keymap {}, as it is now", keymap.name));
                self.keymap = keymap;
                self.end_chord();
            }
            Err(errors) => return self.keeps("keys", errors.first().map(ToString::to_string)),
        }
        let (theme, errors) = self.themes.load(&self.theme.name);
        if !errors.is_empty() {
            return self.keeps("colours", errors.first().map(ToString::to_string));
        }
        if theme != self.theme {
            said.push(format!("theme {}, as it is now", theme.name));
            self.theme = theme;
        }
        if !said.is_empty() {
            self.say(Level::Info, said.join("; "));
        } else if self.misread {
            // What was wrong is right again.
            self.ui.notice = None;
            self.dirty = true;
        }
        self.misread = false;
    }

    fn keeps(&mut self, what: &str, error: Option<String>) {
        let error = error.unwrap_or_default();
        self.misread = true;
        self.say(Level::Error, format!("{error} (the {what} before stay)"));
    }
}
