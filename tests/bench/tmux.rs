//! A tmux server of our own: private socket, no configuration, gone when dropped.

use crate::{
    pty::{COLS, ROWS},
    world::World,
};
use std::process::{Command, Stdio};

pub struct Tmux<'a> {
    world: &'a World,
    socket: String,
}

pub fn available() -> bool {
    Command::new("tmux").arg("-V").output().is_ok()
}

pub fn version() -> String {
    let output = Command::new("tmux").arg("-V").output();
    output.map_or_else(
        |_| "tmux is not installed: its columns are empty".to_owned(),
        |output| format!("beside {}", String::from_utf8_lossy(&output.stdout).trim()),
    )
}

impl<'a> Tmux<'a> {
    /// A server with one session in which nothing happens.
    pub fn start(world: &'a World) -> Self {
        let tmux = Self::cold(world);
        tmux.run(&tmux.session("base", &["sleep".to_owned(), "100000".to_owned()]));
        tmux.run(&["set".to_owned(), "-g".to_owned(), "status".to_owned(), "off".to_owned()]);
        tmux
    }

    /// No server yet: the first command starts it.
    pub fn cold(world: &'a World) -> Self {
        Self { world, socket: world.path().join("tmux").display().to_string() }
    }

    /// Arguments that make a session of the usual size.
    pub fn session(&self, name: &str, command: &[String]) -> Vec<String> {
        let size = [COLS.to_string(), ROWS.to_string()];
        let head = ["new-session", "-d", "-s", name, "-x", &size[0], "-y", &size[1]];
        head.iter().map(|arg| (*arg).to_owned()).chain(command.iter().cloned()).collect()
    }

    pub fn prefix(&self) -> Vec<String> {
        ["-u", "-S", &self.socket, "-f", "/dev/null"].map(str::to_owned).to_vec()
    }

    pub fn run(&self, args: &[String]) -> String {
        let mut command = Command::new("tmux");
        command.args(self.prefix()).args(args).env_clear().envs(self.world.environment());
        // The server that it may start keeps whatever it is given.
        let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "tmux {args:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn say(&self, args: &[&str]) -> String {
        self.run(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    pub fn server_pid(&self) -> i32 {
        self.say(&["display-message", "-p", "#{pid}"]).trim().parse().unwrap()
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        command.args(self.prefix()).arg("kill-server").env_clear().envs(self.world.environment());
        let _ = command.output();
    }
}
