//! Reading small files that somebody else may have put there: a pipe would never end, a
//! device would fill the memory, a link would lead to what is nobody's business.

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// Bytes of a file of settings.
pub const MOST: u64 = 1 << 20;

/// The content of a regular file of at most [`MOST`] bytes. `links`: it may be a link, and so
/// may its directory.
///
/// # Errors
/// When it is something else, or cannot be read.
pub fn read_small(path: &Path, links: bool) -> io::Result<Vec<u8>> {
    read_plain(path, links, MOST)
}

/// The same, of at most `most` bytes.
///
/// # Errors
/// As there.
pub fn read_plain(path: &Path, links: bool, most: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = if links {
        openat(CWD, path, flags, Mode::empty())?
    } else {
        let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let plain = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let dir = openat(CWD, parent.unwrap_or(Path::new(".")), plain, Mode::empty())?;
        let name = path.file_name().unwrap_or_default();
        openat(&dir, name, flags | OFlags::NOFOLLOW, Mode::empty())?
    };
    let meta = fstat(&file)?;
    if FileType::from_raw_mode(meta.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no plain file"));
    }
    let mut text = Vec::new();
    File::from(file).take(most + 1).read_to_end(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn nothing_but_a_plain_small_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "text").unwrap();
        assert_eq!(read_small(&at("file"), false).unwrap(), b"text");
        symlink(at("file"), at("link")).unwrap();
        symlink(dir.path(), at("dir")).unwrap();
        symlink("/dev/zero", at("endless")).unwrap();
        rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        File::create(at("large")).unwrap().set_len(1 << 40).unwrap();
        for name in ["link", "dir/file", "endless", "pipe", "large", "none", "."] {
            assert!(read_small(&at(name), false).is_err(), "{name}");
        }
        assert_eq!(read_small(&at("link"), true).unwrap(), b"text");
        assert_eq!(read_small(&at("dir/file"), true).unwrap(), b"text");
        for name in ["endless", "pipe", "large"] {
            assert!(read_small(&at(name), true).is_err(), "{name}");
        }
    }
}
