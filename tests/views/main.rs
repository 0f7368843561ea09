//! What the screen looks like, cell by cell.

mod picture;
mod world;

use dash::tui::{
    theme::{Appearance, Theme},
    ui::Ui,
    views,
};
use ratatui::{buffer::Buffer, layout::Rect};

fn ui() -> Ui {
    Ui { now: world::NOW, unicode: true, ..Ui::default() }
}

fn draw(store: &dash::store::Store, ui: &Ui, theme: &Theme, size: (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buffer = Buffer::empty(area);
    views::draw(store, ui, theme, area, &mut buffer);
    buffer
}

/// Writes pictures of the screen to `$DASH_PICTURES`.
#[test]
#[ignore = "writes files"]
fn pictures() {
    let Some(dir) = std::env::var_os("DASH_PICTURES") else { return };
    for (word, appearance) in [("dark", Appearance::Dark), ("light", Appearance::Light)] {
        let theme = Theme::built_in(appearance);
        for (size, agents) in [((80, 24), 20), ((200, 60), 500), ((120, 32), 20)] {
            let store = world::store(agents);
            let mut ui = ui();
            ui.cursor = Some("ag-03".into());
            ui.grid.group = agents > 100;
            let buffer = draw(&store, &ui, &theme, size);
            let name = format!("grid-{word}-{}x{}.svg", size.0, size.1);
            std::fs::write(std::path::Path::new(&dir).join(name), picture::svg(&buffer, &theme))
                .unwrap();
        }
    }
}
