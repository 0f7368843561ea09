//! How a client reaches its core: the seam between a Unix socket and an in-memory duplex.

use crate::config::Instance;
use std::{
    env,
    ffi::OsString,
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
};

/// A connection, whatever carries it.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub type ConnectFuture = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// Opens connections to one core.
pub trait Connector: Send + Sync {
    fn connect(&self) -> ConnectFuture;
    /// Opens a connection to the socket of a keeper, as a ticket names it.
    fn keeper(&self, socket: &Path) -> ConnectFuture;
}

/// The real thing.
pub(super) struct Socket(pub PathBuf);

impl Connector for Socket {
    fn connect(&self) -> ConnectFuture {
        self.keeper(&self.0)
    }

    fn keeper(&self, socket: &Path) -> ConnectFuture {
        let socket = socket.to_owned();
        Box::pin(async move { Ok(Box::new(UnixStream::connect(socket).await?) as Box<_>) })
    }
}

/// Which core to talk to, and what to do when it is not there.
#[derive(Clone, Debug)]
pub struct Target {
    pub instance: Instance,
    /// Start a core when none listens.
    pub may_start: bool,
    /// A core started by this client serves the rehearsal scenario instead of providers.
    pub rehearsal: bool,
    /// Further variables for a core started by this client.
    pub env: Vec<(OsString, OsString)>,
    /// The program to start a core from; this one where none is named.
    pub program: Option<PathBuf>,
    /// How long a core may take to come up.
    pub patience: Duration,
    /// What an attempt's own socket asks for.
    pub token: Option<String>,
    /// The name that a client on the admin socket goes by; none: the core's own user.
    pub actor: Option<String>,
}

/// True inside an agent.
pub fn in_agent() -> bool {
    env::var_os("DASH_AGENT").is_some()
}

impl Target {
    /// Starts a core on demand, but never from inside an agent: there `$DASH_AGENT` is set,
    /// and a core of the agent's own would escape the one that watches it.
    pub fn new(instance: Instance) -> Self {
        Self {
            token: own_token(&instance),
            actor: env::var_os("DASH_ACTOR")
                .map(|name| name.to_string_lossy().into_owned())
                .filter(|name| !name.is_empty()),
            instance,
            may_start: !in_agent(),
            rehearsal: false,
            env: Vec::new(),
            program: None,
            patience: Duration::from_secs(10),
        }
    }

    pub fn never_start(mut self) -> Self {
        self.may_start = false;
        self
    }
}

/// The attempt's token, for its own socket and no other.
fn own_token(instance: &Instance) -> Option<String> {
    let token = env::var("DASH_TOKEN").ok().filter(|token| !token.is_empty())?;
    let own = PathBuf::from(env::var_os("DASH_SOCKET")?).canonicalize().ok()?;
    (own == instance.socket).then_some(token)
}
