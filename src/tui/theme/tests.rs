use super::*;
use ratatui::style::Color;
use std::fs;

fn themes(directory: Option<PathBuf>) -> Themes {
    Themes { directory, depth: Depth::True, appearance: Appearance::Dark }
}

#[test]
fn built_in_themes_are_whole() {
    for (name, text) in BUILT_IN {
        let mut theme = Theme::default();
        let mut errors = Vec::new();
        parse::apply(&mut theme, Path::new(name), text, &mut errors);
        assert_eq!(errors, []);
        for (style, role) in theme.styles_mut().into_iter().zip(ROLES) {
            assert_ne!(*style, Style::default(), "{name}: {role} is not set");
        }
    }
}

#[test]
fn each_is_found_by_its_name() {
    for (name, _) in BUILT_IN {
        let (theme, errors) = themes(None).load(name);
        assert_eq!((theme.name.as_str(), errors), (name, Vec::new()));
    }
    let ground = |name: &str| themes(None).load(name).0.surface.bg;
    assert_eq!(ground("nord"), Some(Color::Rgb(0x2e, 0x34, 0x40)));
    assert_ne!(ground("gruvbox-dark"), ground("gruvbox-light"));
}

/// Relative luminance as WCAG 2 defines it.
fn luminance(color: Option<Color>) -> f64 {
    let Some(Color::Rgb(r, g, b)) = color else { panic!("{color:?}") };
    let part = |n: u8| {
        let n = f64::from(n) / 255.0;
        if n <= 0.039_28 { n / 12.92 } else { ((n + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
}

/// What is to be read stands out from its ground, under the cursor as well; what rarely
/// matters can still be read.
#[test]
fn every_text_can_be_read_on_every_ground() {
    let plain = ["surface", "selection", "bar", "overlay", "border", "cursor", "banner"];
    let quiet = ["faint", "heading", "spark_low", "queued", "stopped"];
    for (name, text) in BUILT_IN {
        let mut theme = Theme::default();
        parse::apply(&mut theme, Path::new(name), text, &mut Vec::new());
        for (ground, style) in [
            ("surface", theme.surface),
            ("selection", theme.selection),
            ("bar", theme.bar),
            ("overlay", theme.overlay),
        ] {
            for (style_of, role) in theme.styles_mut().into_iter().zip(ROLES) {
                let shape = role.starts_with("border") || plain.contains(role);
                if shape {
                    continue;
                }
                let (a, b) = (luminance(style_of.fg), luminance(style.bg));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                let least = match (quiet.contains(role), ground) {
                    (false, "surface") => 4.5,
                    (false, _) => 3.5,
                    (true, "surface") => 3.0,
                    (true, _) => 2.2,
                };
                assert!(contrast >= least, "{name}: {role} on {ground}: {contrast:.2}");
            }
        }
    }
}

#[test]
fn a_broken_theme_warns_and_falls_back() {
    let dir = tempfile::tempdir().unwrap();
    let write = |text: &str| fs::write(dir.path().join("mine.toml"), text).unwrap();
    let load = || themes(Some(dir.path().to_owned())).load("mine");

    write(
        "appearance = \"light\"\n[roles]\naccent = \"#ff0000\"\nwatiing = \"red\"\ntext = \"nope\"\n",
    );
    let (theme, errors) = load();
    assert_eq!(theme.accent.fg, Some(Color::Rgb(255, 0, 0)));
    assert_eq!(theme.text, Theme::built_in(Appearance::Light).text);
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(shown.iter().any(|e| e.contains("mine.toml:4:") && e.contains("waiting")), "{shown:?}");
    assert!(shown.iter().any(|e| e.contains("mine.toml:5:")), "{shown:?}");

    write("[roles\n");
    let (theme, errors) = load();
    assert_eq!(errors.len(), 1);
    assert_eq!(theme.text, Theme::built_in(Appearance::Dark).text);

    let (_, errors) = themes(None).load("dash-drak");
    assert!(errors[0].to_string().contains("dash-dark"), "{errors:?}");
}

#[test]
fn colours_follow_the_terminal() {
    let env = |pairs: &'static [(&str, &str)]| {
        move |key: &str| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned())
    };
    assert_eq!(depth(env(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")])), Depth::None);
    assert_eq!(depth(env(&[("COLORTERM", "24bit")])), Depth::True);
    assert_eq!(depth(env(&[("TERM", "xterm-256color")])), Depth::Indexed256);
    assert_eq!(depth(env(&[("TERM", "linux")])), Depth::Sixteen);
    let bare = Theme::built_in(Appearance::Dark).for_depth(Depth::None);
    assert!(bare.text.fg.is_none() && bare.selection.bg.is_none());
    assert!(bare.selection.add_modifier.contains(Modifier::REVERSED));
    assert_eq!(Depth::Sixteen.map(Color::Rgb(224, 120, 122)), Some(Color::Indexed(1)));
    assert_eq!(Depth::Indexed256.map(Color::Rgb(255, 0, 0)), Some(Color::Indexed(196)));
}

#[test]
fn dark_or_light() {
    assert_eq!(parse_colorfgbg("15;0"), Some(Appearance::Dark));
    assert_eq!(parse_colorfgbg("0;default;15"), Some(Appearance::Light));
    assert_eq!(parse_colorfgbg("default"), None);
    let osc = detect::parse_osc11;
    assert_eq!(osc(b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?1c"), Some(Appearance::Light));
    assert_eq!(osc(b"\x1b]11;rgb:14/16/1b\x07"), Some(Appearance::Dark));
    assert_eq!(osc(b"\x1b[?62c"), None);
}
