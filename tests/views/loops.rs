//! The loop itself, over a link whose other side is the test.

use super::*;
use dash::{
    model::Stamp,
    tui::{
        link::{LinkEnd, Request, TerminalEvent, link},
        memory::Shelf,
        run::{Canvas, Signal, drive},
    },
};
use futures_util::stream;
use ratatui::{Frame, Terminal, backend::TestBackend};
use std::io;
use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tokio::sync::mpsc;

const SIZE: (u16, u16) = (100, 30);

/// Frames as text, sent to the test; `try_send`, since a test looks at some of them only.
struct Film {
    terminal: Terminal<TestBackend>,
    frames: mpsc::Sender<String>,
    stops: u32,
}

impl Canvas for Film {
    fn draw(&mut self, render: &mut dyn FnMut(&mut Frame)) -> io::Result<()> {
        let done = self.terminal.draw(|frame| render(frame)).map_err(io::Error::other)?;
        let shown = text(done.buffer);
        _ = self.frames.try_send(shown);
        Ok(())
    }

    fn notify(&mut self, _text: &str) -> io::Result<()> {
        // Among the frames, so that a scene can wait for it.
        _ = self.frames.try_send("\u{7}".to_owned());
        Ok(())
    }

    fn copy(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }

    fn suspend(&mut self) -> anyhow::Result<()> {
        self.stops += 1;
        Ok(())
    }

    fn resume(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Like the terminal's own event stream: it keeps the waker of the first poll that found
/// nothing, until something comes. A loop that polls with another task's waker sleeps on.
struct Source<T> {
    receiver: mpsc::Receiver<T>,
    waker: Option<Waker>,
}

impl<T> stream::Stream for Source<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let waker = self.waker.get_or_insert_with(|| context.waker().clone()).clone();
        let polled = self.receiver.poll_recv(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            self.waker = None;
        }
        polled
    }
}

fn source<T>(receiver: mpsc::Receiver<T>) -> Source<T> {
    Source { receiver, waker: None }
}

struct Stage {
    events: mpsc::Sender<io::Result<Event>>,
    signals: mpsc::Sender<Signal>,
    end: LinkEnd,
    frames: mpsc::Receiver<String>,
}

impl Stage {
    async fn press(&self, keys: &str) {
        for key in chord(keys).unwrap() {
            let event = Event::Key(KeyEvent::new(key.code, key.modifiers));
            self.events.send(Ok(event)).await.unwrap();
        }
    }

    /// The first frame that shows the words.
    async fn until(&mut self, words: &str) -> String {
        loop {
            let shown = self.frames.recv().await.unwrap();
            if shown.contains(words) {
                return shown;
            }
        }
    }
}

/// Plays a scene against the running loop; both must end.
fn play<F: Future<Output = ()>>(scene: impl FnOnce(Stage) -> F) -> (App, u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let play = async {
        let (link, end) = link();
        let (events, event_queue) = mpsc::channel(64);
        let (signals, signal_queue) = mpsc::channel(8);
        let (sender, frames) = mpsc::channel(512);
        let terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).unwrap();
        let mut film = Film { terminal, frames: sender, stops: 0 };
        let mut app = app(0, SIZE);
        let clock = || -> Stamp { world::NOW };
        // A task of its own: only its own wakers may move it.
        let looped = tokio::task::spawn_local(async move {
            let (events, signals) = (source(event_queue), source(signal_queue));
            drive(&mut app, &mut film, events, signals, link, &mut Shelf::default(), clock)
                .await
                .unwrap();
            (app, film.stops)
        });
        let stage = Stage { events, signals, end, frames };
        let both = async {
            scene(stage).await;
            looped.await.unwrap()
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), both).await.unwrap()
    };
    runtime.block_on(tokio::task::LocalSet::new().run_until(play))
}

#[test]
fn a_session_from_snapshot_to_quit() {
    let (app, _) = play(|mut stage| async move {
        stage.until("No swarm yet").await;
        stage.end.messages.send(Message::Server(world::snapshot(20))).await.unwrap();
        stage.until("refactor-auth").await;
        stage.press("Enter").await;
        let Some(Request::Attach { attachment, .. }) = stage.end.requests.recv().await else {
            panic!()
        };
        let event = TerminalEvent::Bytes("hello from the agent".into());
        stage.end.messages.send(Message::Terminal { attachment, event }).await.unwrap();
        stage.until("hello from the agent").await;
        stage.press("C-b d").await;
        stage.until("STATE").await;
        stage.end.messages.send(Message::Lost("it went away".into())).await.unwrap();
        stage.until("no core").await;
        stage.end.messages.send(Message::Back).await.unwrap();
        stage.press("q").await;
    });
    assert_eq!(app.store.agents().len(), 20);
}

#[test]
fn a_new_question_rings_and_is_answered_with_two_keys() {
    play(|mut stage| async move {
        stage.end.messages.send(Message::Server(world::snapshot(20))).await.unwrap();
        stage.until("refactor-auth").await;
        let update = dash::protocol::stream::Update {
            seq: 200_000,
            approvals: world::approvals().drain(..1).collect(),
            ..Default::default()
        };
        let update = dash::protocol::stream::ServerMessage::Update(Box::new(update));
        stage.end.messages.send(Message::Server(update)).await.unwrap();
        stage.until("\u{7}").await;
        stage.until("ag-03 asks: git push origin auth-token").await;
        stage.press("i").await;
        // Not before it was on the screen.
        stage.until("a approve").await;
        stage.press("a").await;
        let Some(Request::Answer { approval, .. }) = stage.end.requests.recv().await else {
            panic!()
        };
        assert_eq!(approval.as_str(), "ap-1");
        stage.press("q").await;
    });
}

#[test]
fn signals_stop_and_end_it() {
    let (_, stops) = play(|mut stage| async move {
        stage.until("No swarm yet").await;
        stage.signals.send(Signal::Suspend).await.unwrap();
        stage.until("No swarm yet").await;
        stage.signals.send(Signal::Quit).await.unwrap();
    });
    assert_eq!(stops, 1);
}

#[test]
fn a_flood_is_drawn_in_few_frames() {
    play(|mut stage| async move {
        stage.until("No swarm yet").await;
        let begun = std::time::Instant::now();
        stage.end.messages.send(Message::Server(world::snapshot(20))).await.unwrap();
        for n in 0..5_000u64 {
            let gauge = dash::protocol::stream::Gauge {
                agent: "ag-01".into(),
                last_line: format!("line {n}"),
                bytes: n,
                progress: None,
                title: String::new(),
            };
            let gauges = dash::protocol::stream::ServerMessage::Gauges { gauges: vec![gauge] };
            stage.end.messages.send(Message::Server(gauges)).await.unwrap();
        }
        let mut frames = 1;
        while !stage.frames.recv().await.unwrap().contains("line 4999") {
            frames += 1;
        }
        let most = begun.elapsed().as_millis() / 16 + 2;
        assert!(frames <= most, "{frames} frames, at most {most} were due");
        stage.press("q").await;
    });
}

#[test]
fn nothing_moves_at_rest() {
    play(|mut stage| async move {
        stage.until("No swarm yet").await;
        // A frame more would have to come from a timer: none is due within three beats.
        let wait = dash::tui::app::BEAT * 3;
        // Files that were looked at and are as before are no reason either.
        stage.signals.send(Signal::Reread).await.unwrap();
        let more = tokio::time::timeout(wait, stage.frames.recv()).await;
        assert!(more.is_err(), "drawn without a reason");
        stage.press("q").await;
    });
}
