//! Names that the line itself gives to others: `alias`.

use super::{
    super::{
        fit::Output,
        place::Dirs,
        script::{Item, Simple},
        shell,
    },
    DEEPEST, Walk,
};

impl Walk<'_> {
    /// A shell puts what an alias stands for in the place of its name; from the next line on,
    /// which need not be told apart.
    pub(super) fn alias(
        &mut self,
        simple: &Simple,
        output: &Output<'_>,
        dirs: &Dirs,
        depth: usize,
    ) {
        let Some((name, args)) = simple.words.split_first() else { return };
        if name == "alias" {
            let given = args.iter().filter_map(|arg| arg.split_once('='));
            self.aliases.extend(given.map(|(name, text)| (name.to_owned(), text.to_owned())));
            return;
        }
        // Not within itself: `alias ls='ls -l'`.
        let Some((name, text)) = self.aliases.remove_entry(name) else { return };
        if depth <= DEEPEST && self.spend(text.len() + args.len()) {
            let mut script = shell::parse(&text);
            let last = script.items.iter_mut().rev().find_map(|item| match item {
                Item::Command(last) => Some(last),
                Item::Enter | Item::Leave => None,
            });
            if let Some(last) = last {
                last.words.extend_from_slice(args);
            }
            self.script(&script, Some(output), dirs, depth + 1);
        }
        self.aliases.insert(name, text);
    }
}
