//! `dash man`: one manual page with every command in it, made from what clap knows of each.

use super::{
    args::Cli,
    context::Context,
    failure::{Code, Done},
};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::io;

pub fn man(context: &mut Context<'_>) -> Done {
    context.out.write_all(&page()?)?;
    Ok(Code::Ok)
}

fn page() -> io::Result<Vec<u8>> {
    let mut cli = Cli::command();
    // Names and inherited flags are filled in by this.
    cli.build();
    let mut page = Vec::new();
    let main = Man::new(cli.clone());
    main.render_title(&mut page)?;
    main.render_name_section(&mut page)?;
    main.render_synopsis_section(&mut page)?;
    main.render_description_section(&mut page)?;
    main.render_options_section(&mut page)?;
    below(&cli, &mut page)?;
    if says_more(&cli) {
        main.render_extra_section(&mut page)?;
    }
    main.render_version_section(&mut page)?;
    Ok(page)
}

/// There is something behind its options.
fn says_more(command: &Command) -> bool {
    command.get_after_help().is_some() || command.get_after_long_help().is_some()
}

/// A section for each command, those with commands of their own first.
fn below(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    // `help` is clap's own, at every level.
    let shown = |sub: &&Command| !sub.is_hide_set() && sub.get_name() != "help";
    for sub in command.get_subcommands().filter(shown) {
        let name = sub.get_bin_name().unwrap_or(sub.get_name());
        page.extend(format!(".SH {:?}\n", name.to_uppercase()).bytes());
        // What every command takes stands in the first part of the page.
        let own = sub.clone().mut_args(|arg| {
            let common =
                arg.is_global_set() || ["help", "version"].contains(&arg.get_id().as_str());
            if common { arg.hide(true) } else { arg }
        });
        let says_more = says_more(&own);
        let has_options = own.get_arguments().any(|arg| !arg.is_hide_set());
        let own = Man::new(own);
        let mut text = Vec::new();
        own.render_synopsis_section(&mut text)?;
        own.render_description_section(&mut text)?;
        if has_options {
            own.render_options_section(&mut text)?;
        }
        if says_more {
            own.render_extra_section(&mut text)?;
        }
        let text = String::from_utf8_lossy(&text);
        // Each piece begins with what the page has defined already.
        let lines =
            text.lines().filter(|line| !line.starts_with(".ie ") && !line.starts_with(".el "));
        for line in lines {
            page.extend(line.replacen(".SH ", ".SS ", 1).bytes().chain([b'\n']));
        }
        below(sub, page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roff as it is read, without its escapes.
    fn text() -> String {
        let page = String::from_utf8(page().unwrap()).unwrap();
        let plain = ["\\fB", "\\fR", "\\fI", "\\"];
        plain.iter().fold(page, |text, escape| text.replace(escape, ""))
    }

    fn check(command: &Command, page: &str) -> usize {
        let shown = |sub: &&Command| !sub.is_hide_set() && sub.get_name() != "help";
        let mut seen = 0;
        for sub in command.get_subcommands().filter(shown) {
            let name = sub.get_bin_name().unwrap();
            let head = format!(".SH \"{}\"\n", name.to_uppercase());
            let part = page.split(&head).nth(1).unwrap_or_else(|| panic!("{name} is not in it"));
            let part = part.split("\n.SH ").next().unwrap();
            assert!(part.contains(name), "{name} without a synopsis: {part}");
            let own = |arg: &&clap::Arg| !arg.is_hide_set() && !arg.is_global_set();
            for arg in sub.get_arguments().filter(own).filter(|arg| arg.get_id() != "help") {
                let word = arg.get_long().map(|long| format!("--{long}"));
                let value = || arg.get_value_names().map(|names| names[0].to_string());
                let word = word.or_else(value).unwrap();
                assert!(part.contains(&word), "{name} without {word}: {part}");
            }
            seen += 1 + check(sub, page);
        }
        seen
    }

    #[test]
    fn every_command_and_every_option_is_in_the_page() {
        let mut cli = Cli::command();
        cli.build();
        let page = text();
        assert!(check(&cli, &page) > 40);
        assert!(page.starts_with(".ie ") || page.contains(".TH dash 1"), "{page}");
        // There are no other pages to be sent to.
        assert!(!page.contains("dash-swarm"), "{page}");
    }
}
