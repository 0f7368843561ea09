fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Relocations would be private memory of every keeper.
    println!("cargo:rustc-link-arg-bins=-no-pie");
    // Rust's own linker on this target folds functions that are the same.
    if std::env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}
