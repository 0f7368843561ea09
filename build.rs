//! How the binary is linked, and what is embedded in it.

use std::{collections::HashMap, env, fs, io, path::Path};

/// What the program unpacks when it needs it, and under which name.
const PACKED: [(&str, &str); 5] = [
    ("assets/openapi.json", "openapi"),
    ("assets/prices.json", "prices"),
    ("assets/agents/schema.json", "adapter"),
    ("keymaps/schema.json", "keymap"),
    ("themes/schema.json", "theme"),
];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=assets/agents");
    embed_adapters()?;
    for (file, name) in PACKED {
        println!("cargo:rerun-if-changed={file}");
        let out = env::var_os("OUT_DIR").unwrap_or_default();
        let text = without_space(fs::read_to_string(file)?);
        fs::write(Path::new(&out).join(format!("{name}.json.lz4")), packed(text.as_bytes()))?;
    }
    // Relocations would be private memory of every keeper.
    println!("cargo:rustc-link-arg-bins=-no-pie");
    // Rust's own linker on this target folds functions that are the same.
    if env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
    Ok(())
}

/// Their comments are for those who read the files: a third of their bytes.
fn embed_adapters() -> io::Result<()> {
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    for entry in fs::read_dir("assets/agents")? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            let name = path.file_name().unwrap_or_default();
            let text = fs::read_to_string(&path)?;
            fs::write(Path::new(&out).join(name), without_comments(&text))?;
        }
    }
    Ok(())
}

/// White space outside of JSON's texts is for those who read the file.
fn without_space(mut json: String) -> String {
    let (mut inside, mut escaped) = (false, false);
    json.retain(|c| {
        inside ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        inside || !c.is_ascii_whitespace()
    });
    json
}

/// As one block of LZ4 (lz4_Block_format.md); `config::unpacked` reads it.
fn packed(text: &[u8]) -> Vec<u8> {
    /// Places with the same beginning that are looked at.
    const TRIED: usize = 256;
    /// The format's own rules for a block's end.
    const TAIL: usize = 12;
    let mut places: HashMap<[u8; 4], Vec<usize>> = HashMap::new();
    let begins = |at: usize| <[u8; 4]>::try_from(&text[at..at + 4]).unwrap_or_default();
    // Length and distance of the longest repetition that begins here.
    let longest = |places: &HashMap<[u8; 4], Vec<usize>>, at: usize| {
        let near = places.get(&begins(at)).map(Vec::as_slice).unwrap_or_default();
        let near = near.iter().rev().take(TRIED).take_while(|from| at - **from <= 0xffff);
        let length = |from: usize| {
            let same = |(one, other): &(&u8, &u8)| one == other;
            text[at..text.len() - 5].iter().zip(&text[from..]).take_while(same).count()
        };
        near.map(|from| (length(*from), at - from)).max_by_key(|found| found.0).unwrap_or_default()
    };
    let (mut out, mut at, mut plain) = (Vec::new(), 0, 0);
    let last = text.len().saturating_sub(TAIL);
    while at < last {
        let (length, distance) = longest(&places, at);
        places.entry(begins(at)).or_default().push(at);
        if length < 4 || longest(&places, at + 1).0 > length {
            at += 1;
            continue;
        }
        sequence(&mut out, &text[plain..at], Some((length, distance)));
        for next in at + 1..at + length {
            places.entry(begins(next)).or_default().push(next);
        }
        at += length;
        plain = at;
    }
    sequence(&mut out, &text[plain..], None);
    out
}

/// Bytes as they are, then those that stood so far back already.
fn sequence(out: &mut Vec<u8>, plain: &[u8], again: Option<(usize, usize)>) {
    fn rest(out: &mut Vec<u8>, count: usize) {
        if let Some(mut more) = count.checked_sub(15) {
            while more >= 255 {
                out.push(255);
                more -= 255;
            }
            out.push(more as u8);
        }
    }
    let length = again.map_or(0, |(length, _)| length - 4);
    out.push((plain.len().min(15) << 4 | length.min(15)) as u8);
    rest(out, plain.len());
    out.extend(plain);
    if let Some((_, distance)) = again {
        out.extend((distance as u16).to_le_bytes());
        rest(out, length);
    }
}

/// Lines that are no comment, or stand in a text of several lines.
fn without_comments(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        let comment = !inside && line.trim_start().starts_with('#');
        if !comment {
            inside ^= line.matches("'''").count() % 2 == 1;
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}
