//! The full-screen session: a client like any other, that draws what it hears.
//!
//! [`run`] owns the terminal from start to end. One task owns everything shown ([`app::App`]:
//! replica, state, keys); it takes events and messages in, and draws by pure functions
//! (`views`). It talks to the core over two bounded queues ([`link`]), behind which `wire`
//! makes the calls, so that no call ever holds up a key.
//!
//! When the core goes, the last picture stays with a banner, and keys keep working. When the
//! terminal goes, the session ends; the agents never notice either.

pub mod actions;
pub mod app;
mod clipboard;
mod command;
pub mod copy;
mod encode;
pub mod field;
pub mod focus;
pub mod form;
pub mod key;
pub mod keymap;
mod late;
pub mod link;
pub mod memory;
mod nearest;
mod notify;
pub mod palette;
pub mod past;
pub mod run;
pub mod stream;
pub mod theme;
mod tty;
pub mod ui;
pub mod views;
pub mod wall;
mod watch;
mod wire;

use crate::client::Client;
use crate::config::Notify;
use crate::model::{Level, Stamp};
use anyhow::Context;
use app::{App, Parts};
use crossterm::event::Event;
use futures_util::{
    Stream, StreamExt,
    stream::{BoxStream, iter, select_all, unfold},
};
use keymap::Keymap;
use late::Late;
use memory::Shelf;
use run::{Canvas, Signal, drive};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use theme::{Background, Themes};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;
use tty::Tty;
use ui::Ui;
use watch::Watch;

/// Keys and clicks that may wait to be taken in.
const TYPED: usize = 512;
/// How long a terminal may take to say what colour it is.
const COLOUR_QUERY: Duration = Duration::from_millis(100);

/// What the full screen is opened with.
#[derive(Clone, Debug, Default)]
pub struct TuiOptions {
    /// A theme's name, or `auto`.
    pub theme: String,
    /// A keymap's name; empty means `vim`.
    pub keymap: String,
    /// Dash's configuration directory, with `themes/` and `keymaps/` in it.
    pub config: Option<PathBuf>,
    /// The columns of the grid, as `[ui] columns` has them.
    pub columns: Vec<String>,
    /// Whether the mouse is taken.
    pub mouse: bool,
    /// How one is told that something new waits.
    pub notify: Notify,
    /// Where the layout is kept; none: nowhere.
    pub memory: Option<PathBuf>,
    /// A note in the header, such as `rehearsal`.
    pub title: String,
    /// The agents end when the screen is left.
    pub rehearsal: bool,
    /// Show only this swarm at first (its id or name).
    pub swarm: Option<String>,
}

/// Opens the full screen and stays until the person leaves.
pub async fn run(client: Client, options: TuiOptions) -> anyhow::Result<()> {
    let var = |key: &str| std::env::var(key).ok();
    tty::check(var("TERM").as_deref())?;
    let keymap = load_keymap(&options)?;
    let columns = field::parse(options.columns.iter().map(String::as_str))
        .map_err(|error| anyhow::anyhow!("[ui] columns: {error}"))?;
    let mut tty = Tty::enter(options.mouse, options.notify)?;
    let background = background(&options.theme, var("COLORFGBG").as_deref());
    let appearance = background.appearance.unwrap_or_default();
    let directory = options.config.as_ref().map(|dir| dir.join("themes"));
    let themes = Themes { directory, depth: theme::depth(var), appearance };
    let (theme, errors) = themes.load(&options.theme);
    let area = tty.terminal().get_frame().area();
    let ui = Ui {
        now: now(),
        unicode: is_utf8(var),
        utc_offset_minutes: utc_offset_minutes(),
        title: options.title.clone(),
        rehearsal: options.rehearsal,
        columns,
        ..Ui::default()
    };
    let cwd = std::env::current_dir().context("finding the current directory")?;
    let mut app = App::new(Parts { keymap, themes, theme, ui, cwd, path: var("PATH") }, area);
    app.select_swarm(options.swarm);
    let (mut shelf, memory) = Shelf::open(options.memory);
    match memory {
        Some(memory) => app.recall(memory),
        None if !options.rehearsal => app.welcome(),
        None => {}
    }
    if let Some(error) = errors.first() {
        app.say(Level::Warn, error.to_string());
    }
    let signals = signals(options.config.as_deref())?;
    let link = wire::connect(client);
    let mut late = Late::new(background.late);
    let events = typed()?.flat_map(move |event| {
        iter(match event {
            Ok(event) => late.pass(event).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    });
    let done = drive(&mut app, &mut tty, events, signals, link, &mut shelf, now).await;
    // Nobody is there any more to be told that it cannot be.
    _ = shelf.keep(app.remember());
    done
}

fn load_keymap(options: &TuiOptions) -> anyhow::Result<Keymap> {
    let name = if options.keymap.is_empty() { "vim" } else { &options.keymap };
    let directory = options.config.as_ref().map(|dir| dir.join("keymaps"));
    Keymap::load(name, directory.as_deref()).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(lines.join("\n"))
    })
}

/// What the terminal says, read on a thread of its own: of one that hung up crossterm (0.29) reads
/// for ever, and whoever leaves by the signal for that must not be the one who reads.
fn typed() -> anyhow::Result<ReceiverStream<io::Result<Event>>> {
    let (sender, receiver) = mpsc::channel(TYPED);
    let read = move || loop {
        let event = crossterm::event::read();
        let over = event.is_err();
        if sender.blocking_send(event).is_err() || over {
            return;
        }
    };
    std::thread::Builder::new().name("terminal".to_owned()).spawn(read)?;
    Ok(ReceiverStream::new(receiver))
}

/// Asked only where it matters, and before anything else reads the terminal.
fn background(theme: &str, colorfgbg: Option<&str>) -> Background {
    if !(theme.is_empty() || theme == "auto") {
        return Background::default();
    }
    match colorfgbg.and_then(theme::parse_colorfgbg) {
        None => theme::osc11_appearance(COLOUR_QUERY),
        appearance => Background { appearance, late: false },
    }
}

fn is_utf8(var: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(var);
    let locale = locale.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

fn now() -> Stamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Stamp(since.map_or(0, |since| since.as_micros() as i64))
}

/// From the machine's own time zone, as it is at the start.
#[allow(unsafe_code)]
fn utc_offset_minutes() -> i32 {
    let seconds = now().0 / 1_000_000;
    // SAFETY: both pointers are to live values of the right types; localtime_r keeps neither.
    let local = unsafe {
        let mut local: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&seconds, &mut local).is_null() {
            return 0;
        }
        local
    };
    (local.tm_gmtoff / 60) as i32
}

/// The process's own, and those of the files in the directory of the configuration.
fn signals(config: Option<&Path>) -> anyhow::Result<impl Stream<Item = Signal> + Unpin> {
    let kinds = [
        (SignalKind::terminate(), Signal::Quit),
        (SignalKind::hangup(), Signal::Quit),
        (SignalKind::interrupt(), Signal::Quit),
        (SignalKind::quit(), Signal::Quit),
        (SignalKind::from_raw(libc::SIGTSTP), Signal::Suspend),
        (SignalKind::from_raw(libc::SIGCONT), Signal::Continue),
    ];
    let mut streams: Vec<BoxStream<'static, Signal>> = Vec::new();
    for (kind, meaning) in kinds {
        let source = signal(kind).context("listening for signals")?;
        streams.push(Box::pin(unfold(source, move |mut source| async move {
            source.recv().await.map(|()| (meaning, source))
        })));
    }
    if let Some(config) = config {
        streams.push(Box::pin(unfold(Watch::of(config), |mut watch| async move {
            watch.changed().await;
            Some((Signal::Reread, watch))
        })));
    }
    Ok(select_all(streams))
}

impl Canvas for Tty {
    fn draw(&mut self, render: &mut dyn FnMut(&mut ratatui::Frame)) -> std::io::Result<()> {
        Tty::draw(self, render)
    }

    fn suspend(&mut self) -> anyhow::Result<()> {
        Tty::suspend(self)
    }

    fn resume(&mut self) -> anyhow::Result<()> {
        Tty::resume(self)
    }

    fn notify(&mut self, text: &str) -> std::io::Result<()> {
        Tty::notify(self, text)
    }

    fn copy(&mut self, text: &str) -> std::io::Result<()> {
        Tty::write(self, &clipboard::sequence(text))
    }
}
