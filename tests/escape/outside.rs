//! What an agent must not reach: files, processes, sockets and servers around it, each of
//! which answers with the word `secret` to whoever gets there.

use crate::world::World;
use rustix::fd::AsFd;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{IoSlice, Write},
    mem::MaybeUninit,
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::MetadataExt,
            net::{SocketAddr, UnixListener},
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

const SECRET: &[u8] = b"secret";

pub struct Outside {
    given: Value,
    dir: PathBuf,
    work: PathBuf,
    shm: PathBuf,
    bystander: Child,
    missing: Vec<&'static str>,
}

impl Outside {
    /// Sets all of it up, and a repository with what is protected in `world.work`.
    pub fn new(world: &World) -> Self {
        let dir = world.path().join("outside");
        fs::create_dir(&dir).unwrap();
        let file = |path: PathBuf| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, SECRET).unwrap();
            path
        };
        let secret = file(dir.join("secret"));
        let key = file(world.path().join("home/.ssh/id"));
        let shm = file(Path::new("/dev/shm").join(world.path().file_name().unwrap()));
        protected(&world.work);
        fs::create_dir(world.work.join("servers")).unwrap();
        serve_unix(UnixListener::bind(world.work.join("servers/in.sock")).unwrap());
        let mut bystander = Command::new("sleep");
        bystander.arg("611").env("SECRET_OF_OTHERS", "secret").stdin(Stdio::piped());
        let bystander = bystander.spawn().unwrap();

        let root = world.path().file_name().unwrap().to_string_lossy().into_owned();
        let name = format!("dash-escape-{root}");
        let at = |name: &str| dir.join(name).display().to_string();
        serve_unix(UnixListener::bind(dir.join("u.sock")).unwrap());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        serve_unix(UnixListener::bind_addr(&address).unwrap());
        give(UnixListener::bind(dir.join("g.sock")).unwrap(), secret.clone());
        let tcp = serve_tcp(TcpListener::bind("127.0.0.1:0").unwrap());
        let mut missing = Vec::new();
        let tcp6 = TcpListener::bind("[::1]:0").map(serve_tcp).unwrap_or_else(|_| {
            missing.push("connects_by_tcp_6");
            1
        });
        let udp = serve_udp();

        // Another agent, with a place, a socket and a keeper of its own.
        fs::create_dir(at("others")).unwrap();
        let other = world.create(&[
            "--name",
            "other",
            "--scope",
            &at("others"),
            "--net",
            "any",
            "--agents",
            "1",
            "--",
            "sleep",
            "613",
        ]);
        let other = world.only_agent(&other);
        let attempt = world.until_state(&other, &["working", "idle"])["attempt_id"].clone();
        let attempt = attempt.as_str().unwrap();
        let state = world.journal().parent().unwrap().to_owned();
        let others = file(state.join("attempts").join(attempt).join("private/home/secret"));
        let spec = fs::read(state.join("attempts").join(attempt).join("spec.json")).unwrap();
        let spec: Value = serde_json::from_slice(&spec).unwrap();
        let null = fs::metadata("/dev/null").unwrap();
        let null_is = json!(vec![null.dev(), null.ino()]);
        let given = json!({
            "null": null_is,
            "work": world.work, "outside": dir, "secret": secret, "key": key, "shm": shm,
            "journal": world.journal(), "other": others,
            "victim": at("victim"), "removable": at("removable"),
            "pid": bystander.id(), "unix": at("u.sock"), "giver": at("g.sock"),
            "abstract": name, "admin": world.socket, "keeper": spec["keeper_socket"],
            "other_socket": spec["agent_socket"], "tcp": tcp, "tcp6": tcp6, "udp": udp,
        });
        let outside = Self { given, dir, work: world.work.clone(), shm, bystander, missing };
        outside.restore();
        outside
    }

    /// The argument of the probes.
    pub fn describe(&self, run: &str, stay: &str) -> String {
        let mut given = self.given.clone();
        given["run"] = run.into();
        given["stay"] = stay.into();
        given.to_string()
    }

    /// As it was before anybody tried.
    pub fn restore(&self) {
        for name in ["written", "renamed", "by-link", "device"] {
            let _ = fs::remove_file(self.dir.join(name));
        }
        for name in ["victim", "removable"] {
            fs::write(self.dir.join(name), "as it was").unwrap();
        }
        for name in ["here", "linked", "link-out", "new-config", "linked-sock"] {
            let _ = fs::remove_file(self.work.join(name));
        }
        let _ = fs::remove_dir_all(self.work.join("later"));
        if self.work.join(".git").exists() {
            protected(&self.work);
        }
    }

    /// Nothing outside was changed, whatever an agent believes.
    pub fn assert_untouched(&self) {
        for name in ["victim", "removable"] {
            assert_eq!(fs::read_to_string(self.dir.join(name)).unwrap(), "as it was", "{name}");
        }
        for name in ["written", "renamed", "by-link", "device"] {
            assert!(!self.dir.join(name).exists(), "{name}");
        }
    }

    /// Takes what is protected out of the scope.
    pub fn clear_protected(&self) {
        for name in [".git", "nested", "hookless", ".vscode", ".claude", ".dash", ".husky"] {
            fs::remove_dir_all(self.work.join(name)).unwrap();
        }
        for name in [".bashrc", ".npmrc"] {
            fs::remove_file(self.work.join(name)).unwrap();
        }
    }

    /// False for what this machine does not have.
    pub fn has(&self, name: &str) -> bool {
        !self.missing.contains(&name)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.bystander.kill();
        let _ = self.bystander.wait();
        let _ = fs::remove_file(&self.shm);
    }
}

/// A repository, a nested one, and what shells, editors and agents would obey.
fn protected(work: &Path) {
    for repository in [".git", "nested/.git"] {
        let dir = work.join(repository);
        for part in ["objects", "refs/heads", "hooks"] {
            fs::create_dir_all(dir.join(part)).unwrap();
        }
        let _ = fs::remove_file(dir.join("hooks/pre-commit"));
        fs::write(dir.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(dir.join("config"), "[core]\n\trepositoryformatversion = 0\n").unwrap();
    }
    // And one that has no place for hooks yet.
    let hookless = work.join("hookless/.git");
    let _ = fs::remove_dir_all(hookless.join("hooks"));
    fs::create_dir_all(hookless.join("objects")).unwrap();
    fs::write(hookless.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(hookless.join("config"), "").unwrap();
    for (dir, file) in [
        (".vscode", "tasks.json"),
        (".claude", "settings.json"),
        (".dash", "policy.toml"),
        (".husky", "pre-commit"),
    ] {
        fs::create_dir_all(work.join(dir)).unwrap();
        fs::write(work.join(dir).join(file), "").unwrap();
    }
    fs::write(work.join(".bashrc"), "").unwrap();
    fs::write(work.join(".npmrc"), "").unwrap();
}

fn serve_unix(listener: UnixListener) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(SECRET));
        }
    });
}

fn serve_tcp(listener: TcpListener) -> u16 {
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(SECRET));
        }
    });
    port
}

fn serve_udp() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut asked = [0; 16];
        while let Ok((_, from)) = socket.recv_from(&mut asked) {
            let _ = socket.send_to(SECRET, from);
        }
    });
    port
}

/// Hands a descriptor of `file` to whoever comes.
fn give(listener: UnixListener, file: PathBuf) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let file = File::open(&file).unwrap();
            let fds = [file.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&fds));
            let _ = sendmsg(&stream, &[IoSlice::new(b"x")], &mut control, SendFlags::empty());
        }
    });
}
