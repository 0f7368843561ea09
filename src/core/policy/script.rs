//! A shell line taken apart: the simple commands in it, in the order in which they run, and
//! whose output goes to whom.

use std::ops::Range;

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simple {
    /// With the marks of [`super::word`].
    pub words: Vec<String>,
    /// `A=b` before the command.
    pub assigned: Vec<(String, String)>,
    /// What it is redirected from and to.
    pub files: Vec<String>,
    /// Number of its here-document among [`Script::documents`].
    pub document: Option<usize>,
    /// Its here-string.
    pub input: Option<String>,
    /// The file that its standard input is; a number is another descriptor of the shell's.
    pub stdin: Option<String>,
    /// The words as they most likely are, where an expansion of them may be guessed.
    pub guess: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Command(Simple),
    /// A subshell begins: what it does to its directory ends with it.
    Enter,
    Leave,
}

/// The output of the commands `from` is read by the commands `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub from: Range<usize>,
    pub to: Range<usize>,
    /// On its standard input; else as a part of its words.
    pub pipe: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    pub items: Vec<Item>,
    pub links: Vec<Link>,
    pub documents: Vec<String>,
    /// Why this was not understood as a whole.
    pub unread: Vec<&'static str>,
}

/// Commands that are looked at on the way of an output; more cannot be told for sure.
const FAR: usize = 64;

impl Script {
    pub fn doubt(&mut self, why: &'static str) {
        if !self.unread.contains(&why) {
            self.unread.push(why);
        }
    }

    /// True if command `index` has its standard input from a pipe.
    pub fn is_piped_into(&self, index: usize) -> bool {
        self.links.iter().any(|link| link.pipe && link.to.contains(&index))
    }

    /// The commands that the output of `index` reaches, and whether these are all.
    pub fn readers(&self, index: usize) -> (Vec<&Simple>, bool) {
        let mut seen = vec![index];
        let mut at = 0;
        let mut found = Vec::new();
        while let Some(&from) = seen.get(at) {
            at += 1;
            for link in self.links.iter().filter(|link| link.from.contains(&from)) {
                for to in link.to.clone() {
                    if seen.contains(&to) {
                        continue;
                    }
                    if seen.len() > FAR {
                        return (found, false);
                    }
                    seen.push(to);
                    if let Some(Item::Command(simple)) = self.items.get(to) {
                        found.push(simple);
                    }
                }
            }
        }
        (found, true)
    }

    /// Takes over what a part of this line was parsed into, and says where it begins.
    pub fn append(&mut self, part: Self) {
        let offset = self.items.len();
        let documents = self.documents.len();
        let moved = |range: Range<usize>| range.start + offset..range.end + offset;
        self.items.extend(part.items.into_iter().map(|item| match item {
            Item::Command(mut simple) => {
                simple.document = simple.document.map(|n| n + documents);
                Item::Command(simple)
            }
            Item::Enter | Item::Leave => item,
        }));
        self.links.extend(part.links.into_iter().map(|link| Link {
            from: moved(link.from),
            to: moved(link.to),
            pipe: link.pipe,
        }));
        self.documents.extend(part.documents);
        part.unread.into_iter().for_each(|why| self.doubt(why));
    }
}
