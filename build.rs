//! How the binary is linked, and what is embedded in it.

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=assets/agents");
    embed_adapters()?;
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
