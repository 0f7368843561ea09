//! How long a frame takes: prints figures, asserts nothing.

use super::*;
use std::{io::Write, time::Instant};

#[test]
#[ignore = "a measurement"]
fn speed() {
    let size = (200, 60);
    let mut out = std::io::stdout().lock();
    for agents in [20, 500] {
        let mut app = app(agents, size);
        let area = Rect::new(0, 0, size.0, size.1);
        let backend = ratatui::backend::CrosstermBackend::new(std::io::sink());
        let options = ratatui::TerminalOptions { viewport: ratatui::Viewport::Fixed(area) };
        let mut terminal = ratatui::Terminal::with_options(backend, options).unwrap();
        press(&mut app, "t j");
        let mut times = Vec::new();
        for n in 0..1_000u64 {
            let begun = Instant::now();
            let gauges = (1..=50)
                .map(|a| dash::protocol::stream::Gauge {
                    agent: dash::model::AgentId::numbered((n * 7 + a) % agents + 1),
                    last_line: format!("output line {n} of agent {a}"),
                    bytes: n,
                    progress: Some((n % 100) as u8),
                    title: String::new(),
                })
                .collect();
            let message = dash::protocol::stream::ServerMessage::Gauges { gauges };
            app.message(Message::Server(message));
            app.tick();
            terminal
                .draw(|frame| {
                    let area = frame.area();
                    app.draw(world::NOW, area, frame.buffer_mut());
                })
                .unwrap();
            times.push(begun.elapsed());
        }
        times.sort();
        let (p50, p99) = (times[500], times[990]);
        writeln!(out, "{agents} agents, 200x60: frame p50 {p50:?}, p99 {p99:?}").unwrap();
    }
}
