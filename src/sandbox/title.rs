//! What this process is called where processes are listed. A fork has its parent's command
//! line, which would make it pass for the parent.

use std::fs;

/// Writes `words` over the command line that the kernel shows of us, as far as they fit.
/// Nothing may read this process's own arguments any more.
#[allow(unsafe_code)]
pub fn set(words: &[&[u8]]) {
    let Some((start, len)) = place() else { return };
    let mut line = words.join(&0);
    // The last byte stays NUL: without one there the kernel reads on into the environment.
    line.resize(len - 1, 0);
    line.push(0);
    // SAFETY: the kernel put the argument strings there, on this process's own writable
    // stack; exactly that range is written, and nobody holds a reference into it.
    unsafe { std::ptr::copy_nonoverlapping(line.as_ptr(), start as *mut u8, len) };
}

/// Address and length of the argument strings (fields 48 and 49 of /proc/self/stat).
fn place() -> Option<(usize, usize)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(45);
    let mut next = || fields.next()?.parse::<usize>().ok();
    let (start, end) = (next()?, next()?);
    (start > 0 && end > start).then(|| (start, end - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_holds_our_own_command_line() {
        let (start, len) = place().unwrap();
        assert!(start > 0);
        assert_eq!(fs::read("/proc/self/cmdline").unwrap().len(), len);
    }
}
