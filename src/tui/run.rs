//! The loop: events of the terminal, messages of the core, one timer, signals.
//!
//! All that has come is taken in before a frame is drawn, and at most one frame is drawn in
//! [`FRAME`]. The frame timer exists only while something waits to be drawn, the slow clock
//! only while something on the screen moves: at rest, nothing wakes this process.

use super::{
    app::{App, Want},
    link::Link,
    memory::Shelf,
};
use crate::model::{Level, Stamp};
use crossterm::event::Event;
use futures_util::{Stream, StreamExt};
use ratatui::Frame;
use std::{future::poll_fn, io, task::Poll, time::Duration};
use tokio::time::{Instant, sleep_until};

/// Shortest time from frame to frame.
pub const FRAME: Duration = Duration::from_millis(16);
/// Messages and events taken in a row, so that a flood cannot keep a frame from being drawn.
const BATCH: usize = 512;

/// Where frames go: the real terminal, or a buffer in tests.
pub trait Canvas {
    fn draw(&mut self, render: &mut dyn FnMut(&mut Frame)) -> io::Result<()>;
    fn suspend(&mut self) -> anyhow::Result<()>;
    fn resume(&mut self) -> anyhow::Result<()>;
    /// Calls for the person at the terminal: something waits.
    fn notify(&mut self, text: &str) -> io::Result<()>;
    /// Puts a text into the clipboard.
    fn copy(&mut self, text: &str) -> io::Result<()>;
}

/// A signal that concerns the screen, or a file that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Quit,
    Suspend,
    Continue,
    /// A keymap or a theme of the user's may have become another.
    Reread,
}

/// What the stream has right now. Asked with this task's own waker: an event stream keeps
/// the waker it was last polled with, and one that wakes nobody would leave the loop asleep.
async fn ready<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    poll_fn(|context| Poll::Ready(stream.poll_next_unpin(context))).await
}

/// Runs the screen until it is left, or the terminal is gone.
pub async fn drive(
    app: &mut App,
    canvas: &mut impl Canvas,
    mut events: impl Stream<Item = io::Result<Event>> + Unpin,
    mut signals: impl Stream<Item = Signal> + Unpin,
    mut link: Link,
    shelf: &mut Shelf,
    clock: impl Fn() -> Stamp,
) -> anyhow::Result<()> {
    let mut drawn: Option<Instant> = None;
    let mut beaten = Instant::now();
    loop {
        let frame = app.is_dirty().then(|| drawn.map_or_else(Instant::now, |at| at + FRAME));
        let pace = app.pace();
        if pace.is_none() {
            // A clock that stood still begins with a whole beat.
            beaten = Instant::now();
        }
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                Some(Signal::Suspend) => { canvas.suspend()?; app.touch(); }
                Some(Signal::Continue) => { canvas.resume()?; app.touch(); }
                Some(Signal::Reread) => app.reread(),
                Some(Signal::Quit) | None => return Ok(()),
            },
            event = events.next() => match event {
                Some(event) => {
                    app.heard_at(clock());
                    app.event(event?);
                }
                // The terminal is gone.
                None => return Ok(()),
            },
            message = link.messages.recv() => match message {
                Some(message) => app.message(message),
                None => return Ok(()),
            },
            () = sleep_until(frame.unwrap_or_else(Instant::now)), if frame.is_some() => {
                let now = clock();
                canvas.draw(&mut |frame| {
                    let area = frame.area();
                    if let Some(at) = app.draw(now, area, frame.buffer_mut()) {
                        frame.set_cursor_position(at);
                    }
                })?;
                drawn = Some(Instant::now());
            }
            () = sleep_until(beaten + pace.unwrap_or_default()), if pace.is_some() => {
                app.tick();
                beaten = Instant::now();
            }
        }
        for _ in 0..BATCH {
            match ready(&mut events).await {
                Poll::Ready(Some(event)) => {
                    app.heard_at(clock());
                    app.event(event?);
                }
                Poll::Ready(None) => return Ok(()),
                Poll::Pending => break,
            }
        }
        for _ in 0..BATCH {
            match link.messages.try_recv() {
                Ok(message) => app.message(message),
                Err(_) => break,
            }
        }
        for request in app.take_requests() {
            if link.requests.try_send(request).is_err() {
                app.say(Level::Error, "too much is asked of the core at once: not done");
            }
        }
        if shelf.is_due()
            && app.take_used()
            && let Err(error) = shelf.keep(app.remember())
        {
            app.say(Level::Warn, format!("the layout cannot be kept: {error}"));
        }
        if let Some(text) = app.take_copied() {
            canvas.copy(&text)?;
        }
        if let Some(text) = app.take_call() {
            canvas.notify(&text)?;
        }
        match app.take_want() {
            Some(Want::Quit) => return Ok(()),
            Some(Want::Suspend) => {
                canvas.suspend()?;
                app.touch();
            }
            None => {}
        }
    }
}
