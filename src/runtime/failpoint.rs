//! Named points between a decision and its effect. `DASH_FAILPOINT=NAME` in a core's
//! environment makes it abort when it first gets there, as a kill -9 in just that moment
//! would: what tests of recovery need and no timing can give. In release builds there is
//! nothing of it.

/// Aborts if this is the point asked for.
#[cfg(debug_assertions)]
pub fn reached(name: &str) {
    static ASKED: std::sync::OnceLock<Option<std::ffi::OsString>> = std::sync::OnceLock::new();
    let asked = ASKED.get_or_init(|| std::env::var_os(VARIABLE));
    if asked.as_ref().is_some_and(|asked| asked == name) {
        tracing::error!(name, "the failpoint is reached");
        std::process::abort();
    }
}

#[cfg(not(debug_assertions))]
pub fn reached(_: &str) {}

/// Kept from keepers, so that the core that one of them starts goes on.
pub const VARIABLE: &str = "DASH_FAILPOINT";
