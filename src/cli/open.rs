//! `dash`: the full-screen session.

use super::{
    context::Context,
    failure::{Code, Done, Failure},
};
use crate::{
    client::{Client, Target},
    config::{Config, Dirs},
    tui::{self, TuiOptions},
};

/// Opens the screen on a core, which is started if none runs.
pub async fn open(context: &mut Context<'_>, target: &Target, options: TuiOptions) -> Done {
    if !context.term.stdin || !context.term.stdout {
        return Err(Failure::usage("the full-screen session needs a terminal, and this is none")
            .hinted("`dash --help` lists the commands that need none"));
    }
    let dirs = Dirs::from_env()?;
    let config = Config::load(&dirs)?;
    let client = Client::connect(target).await?;
    let options = TuiOptions {
        theme: config.ui.theme,
        keymap: config.ui.keymap,
        columns: config.ui.columns,
        mouse: config.ui.mouse,
        notify: config.ui.notify,
        // A rehearsal leaves nothing behind.
        memory: (!options.rehearsal).then(|| target.instance.state.join("screen.json")),
        config: Some(dirs.config),
        ..options
    };
    match tui::run(client, options).await {
        Ok(()) => Ok(Code::Ok),
        Err(error) => Err(Failure::error(format!("{error:#}"))),
    }
}
