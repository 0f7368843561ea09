//! What a program is told to run by a variable or a setting: an editor, a pager, a helper. The
//! line is judged like any other. Beside that, a program which is none of the usual ones is
//! asked about: whoever runs it is not its agent, and may be the broker, which sees more.

use super::{
    git_own::is_own,
    unwrap::Inner,
    word::{is_mark, is_open},
};

/// Variables whose value a program runs as a command line.
const COMMANDS: &[&str] = &[
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "GIT_EDITOR",
    "GIT_SEQUENCE_EDITOR",
    "GIT_PAGER",
    "GIT_SSH_COMMAND",
    "GIT_SSH",
    "GIT_EXTERNAL_DIFF",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "GIT_PROXY_COMMAND",
    "PROMPT_COMMAND",
    "LESSOPEN",
    "LESSCLOSE",
    "BROWSER",
];
/// Variables by which other code comes into a program, or a name to stand for another.
const CODE: &[&str] = &[
    "BASH_ENV",
    "ENV",
    "LD_PRELOAD",
    "LD_AUDIT",
    "PYTHONSTARTUP",
    "GIT_EXEC_PATH",
    "GIT_TEMPLATE_DIR",
    "BASH_ALIASES",
    "BASH_CMDS",
];
/// Variables that a shell expands where it shows them.
const PROMPTS: &[&str] = &["PS0", "PS1", "PS2", "PS4"];

/// Programs that others are usually told to run, and words for none at all.
#[rustfmt::skip]
const USUAL: &[&str] = &[
    "", "0", "1", "true", "false", ":", "no", "none", "yes", "on", "off",
    "cat", "less", "more", "most", "head", "tail", "bat", "delta", "diff-so-fancy", "lesspipe",
    "lesspipe.sh", "col", "man", "diff", "colordiff", "difft", "icdiff", "meld", "echo", "printf",
    "vi", "vim", "nvim", "nano", "pico", "ed", "ex", "emacs", "emacsclient", "micro", "hx",
    "helix", "kak", "joe", "code", "cursor", "zed", "subl", "gedit", "kate", "sed", "touch", "cp",
    "test", "ssh", "gpg", "gpg2", "ssh-keygen", "gh", "glab", "git", "git-lfs", "store", "cache",
    "osxkeychain", "manager", "manager-core", "wincred", "libsecret", "open", "xdg-open", "w3m",
    "lynx", "firefox", "chromium",
];
/// Directories whose programs are the machine's own.
const OWN: &[&str] = &["/usr/bin/", "/bin/", "/usr/local/bin/", "/opt/homebrew/bin/"];

/// What an assignment makes the command after it run.
pub fn assigned<'a>(name: &str, value: &str) -> Vec<Inner<'a>> {
    let name = name.split_once('[').map_or(name, |(name, _)| name);
    if COMMANDS.contains(&name) {
        return line(value);
    }
    if PROMPTS.contains(&name) {
        let runs = value.contains("$(") || value.contains('`');
        return if runs { vec![Inner::line(format!(": \"{value}\""))] } else { Vec::new() };
    }
    let loads = ["-r", "--require", "--import", "--loader", "--experimental-loader"];
    let by_node = name == "NODE_OPTIONS"
        && (is_open(value)
            || value.split(' ').any(|word| loads.iter().any(|l| word.starts_with(l))));
    // These two take settings away.
    let by_git =
        name.starts_with("GIT_CONFIG") && name != "GIT_CONFIG_NOSYSTEM" && value != "/dev/null";
    if by_node || by_git || (CODE.contains(&name) && !value.is_empty()) {
        return vec![Inner::unread("a variable brings other code or settings into a program")];
    }
    Vec::new()
}

/// A line that another program runs.
pub fn line<'a>(text: &str) -> Vec<Inner<'a>> {
    let mut found = vec![Inner::line(text)];
    let mut commands = text.split([';', '|', '&', '\n', '`', '(', ')']);
    if !commands.all(is_usual) {
        found
            .push(Inner::unread("a program is told to run another that is none of the usual ones"));
    }
    found
}

fn is_usual(command: &str) -> bool {
    let assigns = |word: &&str| word.contains('=') && !word.starts_with(['-', '/']);
    let mut words = command.split_whitespace().skip_while(assigns);
    let word = words.next().unwrap_or_default().trim_matches(['"', '\'', '!', '{', '}']);
    let name = OWN.iter().find_map(|dir| word.strip_prefix(dir)).unwrap_or(word);
    // What is not known is a doubt already.
    let of_git = name
        .strip_prefix("git-")
        .is_some_and(|verb| is_own(verb) || verb.starts_with("credential-"));
    USUAL.contains(&name) || of_git || name.contains(is_mark)
}
