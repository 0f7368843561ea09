//! `{item}` and `{index}` in the texts of a swarm: once through, so that an item's own
//! braces stay, and quoted where a shell reads the text.

use std::borrow::Cow;

pub struct Values<'a> {
    /// None where there is no item: then `{item}` stays as it is.
    pub item: Option<&'a str>,
    pub index: u32,
}

impl Values<'_> {
    /// For an argument, which nothing takes apart.
    pub fn fill(&self, text: &str) -> String {
        self.fill_by(text, Cow::Borrowed)
    }

    /// For a model: an item that the task does not name follows it.
    pub fn prompt(&self, task: &str) -> String {
        match self.item.filter(|item| !item.is_empty() && !names(task)) {
            None => self.fill(task),
            Some(item) if task.is_empty() => item.to_owned(),
            Some(item) => format!("{task}\n\n{item}"),
        }
    }

    /// For `sh -c`: an item is one word, whatever is in it; one that the task does not name
    /// is its last. Without a task the item itself is the command line, as is one that does
    /// not come from a queue: that is an agent's own task.
    pub fn command_line(&self, task: &str, queue: bool) -> String {
        match self.item.filter(|item| !item.is_empty() && !names(task)) {
            None => self.fill_by(task, quoted),
            Some(item) if task.is_empty() => item.to_owned(),
            Some(item) if queue => format!("{task} {}", quoted(item)),
            Some(item) => format!("{task}\n\n{item}"),
        }
    }

    fn fill_by<'t>(&'t self, text: &str, put: impl Fn(&'t str) -> Cow<'t, str>) -> String {
        let index = self.index.to_string();
        let mut out = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            out.push_str(before);
            rest = if let Some(after) = from.strip_prefix("{index}") {
                out.push_str(&index);
                after
            } else if let (Some(after), Some(item)) = (from.strip_prefix("{item}"), self.item) {
                out.push_str(&put(item));
                after
            } else {
                out.push('{');
                &from[1..]
            };
        }
        out.push_str(rest);
        out
    }
}

fn names(task: &str) -> bool {
    task.contains("{item}") || task.contains("{index}")
}

/// One word of a shell.
fn quoted(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(item: Option<&str>) -> Values<'_> {
        Values { item, index: 7 }
    }

    #[test]
    fn fills_once_and_only_what_there_is() {
        assert_eq!(values(Some("a {index}")).fill("<{item}> {index} {x} {"), "<a {index}> 7 {x} {");
        assert_eq!(values(Some("")).fill("[{item}]"), "[]");
        assert_eq!(values(None).fill("[{item}] {index}"), "[{item}] 7");
        assert_eq!(values(None).fill("{{index}}{item"), "{7}{item");
    }

    #[test]
    fn a_model_gets_the_item_as_it_is() {
        assert_eq!(values(Some("$(a) 'b'")).prompt("do {item}"), "do $(a) 'b'");
        assert_eq!(values(Some("a b")).prompt("do"), "do\n\na b");
        assert_eq!(values(Some("a b")).prompt(""), "a b");
        assert_eq!(values(None).prompt("do {item}"), "do {item}");
    }

    #[test]
    fn a_shell_gets_one_word() {
        let line = |item, task| values(Some(item)).command_line(task, true);
        assert_eq!(line("$(touch x)", "echo {item}"), "echo '$(touch x)'");
        assert_eq!(line("it's", "echo {item} {index}"), r"echo 'it'\''s' 7");
        assert_eq!(line("src/a-b.rs", "wc {item}"), "wc src/a-b.rs");
        assert_eq!(line("", "echo {item}"), "echo ''");
        assert_eq!(line("a; b", "echo"), "echo 'a; b'");
        assert_eq!(line("make x", ""), "make x");
        assert_eq!(values(Some("make y")).command_line("make x", false), "make x\n\nmake y");
        assert_eq!(values(None).command_line("echo {item}", false), "echo {item}");
    }
}
