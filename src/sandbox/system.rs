//! What of the system itself every agent sees, and what of it no agent sees.

/// Read-only where they are there; a link among them stays a link.
pub const SYSTEM: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix/store"];

/// Of these files those that hold secrets. The user of a sandbox keeps the number it had
/// outside: the superuser's agents could read them.
pub const SECRET: &[&str] = &[
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/krb5.keytab",
    "/etc/docker",
    "/etc/wireguard",
];

/// What bubblewrap puts into a /dev, each mounted from the machine's: name, major and minor
/// number, as Documentation/admin-guide/devices.txt of Linux has them.
pub const DEVICES: &[(&str, u32, u32)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// Settings of the kernel. The superuser's number alone opens them, without any right, and of
/// all that is like them in /proc bubblewrap covers only these not.
pub const KERNEL: &str = "/proc/sys";

/// Processes and threads on the whole machine: an attempt has no more. One short read.
pub fn processes_on_machine() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').nth(3)?.split_once('/')?.1.parse().ok()
}
