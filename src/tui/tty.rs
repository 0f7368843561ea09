//! The terminal Dash runs in: taken on entering, given back on leaving, on an error, and
//! before a panic is reported.

use super::notify;
use crate::config::Notify;
use anyhow::{Context, bail};
use crossterm::{
    cursor::Show,
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute, queue,
    style::Print,
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
        LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
    },
};
use ratatui::{Terminal, backend::CrosstermBackend};
use std::{
    io::{BufWriter, IsTerminal, Stdout, Write, stdin, stdout},
    mem::ManuallyDrop,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

/// Buttons, wheel and drags, in the SGR form; not every move, which would wake us for nothing.
const MOUSE: &str = "\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const NO_MOUSE: &str = "\x1b[?1006l\x1b[?1002l\x1b[?1000l";

type Backend = CrosstermBackend<BufWriter<Stdout>>;

/// True while the terminal is ours; the panic hook looks at it.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Whether the screen can be drawn here at all.
pub fn check(term: Option<&str>) -> anyhow::Result<()> {
    if !stdout().is_terminal() || !stdin().is_terminal() {
        bail!(
            "the full screen needs a terminal; `dash swarm list` and `dash events --follow` do not"
        );
    }
    match term {
        None | Some("") => {
            bail!("TERM is not set: say which terminal this is, such as TERM=xterm-256color")
        }
        Some("dumb") => {
            bail!("this terminal cannot move its cursor (TERM=dumb); `dash swarm list` works in it")
        }
        Some(_) => Ok(()),
    }
}

/// The terminal while it is ours.
pub struct Tty {
    /// Never dropped: its own end writes to standard error that the cursor cannot be shown, and
    /// panics where that is the terminal which has gone, before anything is cleared away.
    terminal: ManuallyDrop<Terminal<Backend>>,
    /// Whether the mouse is taken, too.
    mouse: bool,
    notify: Notify,
}

impl Tty {
    /// Takes the terminal: raw mode first, since queries need it.
    pub fn enter(mouse: bool, notify: Notify) -> anyhow::Result<Self> {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                give_back();
                before(info);
            }));
        });
        take(mouse)?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(64 << 10, stdout()));
        let terminal = Terminal::new(backend).context("measuring the terminal")?;
        Ok(Self { terminal: ManuallyDrop::new(terminal), mouse, notify })
    }

    pub fn terminal(&mut self) -> &mut Terminal<Backend> {
        &mut self.terminal
    }

    /// Draws one frame between synchronization marks, so that no half of it is shown.
    pub fn draw(&mut self, render: impl FnOnce(&mut ratatui::Frame)) -> std::io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(render).map(|_| ());
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        std::io::Write::flush(self.terminal.backend_mut())?;
        drawn
    }

    /// Calls for the person, as the configuration has it.
    pub fn notify(&mut self, text: &str) -> std::io::Result<()> {
        let in_tmux = std::env::var_os("TMUX").is_some();
        self.write(&notify::sequence(self.notify, text, in_tmux))
    }

    /// Beside the frames.
    pub fn write(&mut self, sequence: &str) -> std::io::Result<()> {
        let out = self.terminal.backend_mut();
        out.write_all(sequence.as_bytes())?;
        std::io::Write::flush(out)
    }

    /// Gives the terminal back, stops this process, and takes it again when it goes on.
    pub fn suspend(&mut self) -> anyhow::Result<()> {
        give_back();
        // SIGSTOP, since SIGTSTP is the one being handled.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)
            .context("stopping")?;
        self.resume()
    }

    /// Takes the terminal (again) and forgets what stood on it.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        take(self.mouse)?;
        // Not `clear`, which would ask where the cursor is while the event stream reads.
        let area = self.terminal.get_frame().area();
        self.terminal.resize(area).context("clearing the terminal")
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(mouse: bool) -> anyhow::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    let taken = enable_raw_mode()
        .and_then(|()| execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste))
        .and_then(|()| if mouse { execute!(stdout(), Print(MOUSE)) } else { Ok(()) });
    if taken.is_err() {
        give_back();
    }
    taken.context("taking the terminal")
}

/// Undoes everything, once, however often it is asked.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = stdout();
        // Cleared first: a terminal that was resized may keep rows of it in its scrollback.
        let clear = Clear(ClearType::All);
        _ = execute!(
            out,
            EndSynchronizedUpdate,
            Print(NO_MOUSE),
            DisableBracketedPaste,
            clear,
            LeaveAlternateScreen,
            Show
        );
        _ = out.flush();
        _ = disable_raw_mode();
    }
}
