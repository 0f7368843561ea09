//! Standard input and output as a client's line. The library says nothing to a line that is no
//! JSON; JSON-RPC wants such a client told, since it may wait for an answer for ever.

use rmcp::{
    model::ErrorData,
    service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage},
    transport::{Transport, async_rw::AsyncRwTransport},
};
use serde::de::IgnoredAny;
use tokio::{
    io::{
        AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, Stdin, Stdout,
        duplex, stdin, stdout,
    },
    sync::mpsc,
};

/// Bytes of a line; the library drops longer ones, too.
const MOST: u64 = 16 * 1024 * 1024;
/// Bytes on the way to the library.
const BETWEEN: usize = 64 * 1024;
/// Errors that wait to be told; while it is full nothing more is read.
const QUEUE: usize = 16;

pub struct Wire {
    inner: AsyncRwTransport<RoleServer, DuplexStream, Stdout>,
    wrong: mpsc::Receiver<ErrorData>,
}

impl Wire {
    pub fn stdio() -> Self {
        let (near, far) = duplex(BETWEEN);
        let (tell, wrong) = mpsc::channel(QUEUE);
        tokio::spawn(pass_on(stdin(), near, tell));
        Self { inner: AsyncRwTransport::new(far, stdout()), wrong }
    }
}

/// Passes on what is JSON, line by line, until either side ends.
async fn pass_on(from: Stdin, mut to: DuplexStream, tell: mpsc::Sender<ErrorData>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut from).take(MOST).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        let text = line.trim_ascii();
        // Some begin with a byte order mark, which the library takes for what it is.
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let passed = match serde_json::from_slice::<IgnoredAny>(text) {
            Err(error) if !text.is_empty() => {
                let error = ErrorData::parse_error(format!("this is no JSON: {error}"), None);
                tell.send(error).await.is_ok()
            }
            Ok(_) | Err(_) => to.write_all(&line).await.is_ok(),
        };
        if !passed {
            return;
        }
    }
}

impl Transport<RoleServer> for Wire {
    type Error = std::io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let error = tokio::select! {
                message = self.inner.receive() => return message,
                Some(error) = self.wrong.recv() => error,
            };
            // Whoever waits here may be dropped half-way; the answer is not.
            tokio::spawn(self.inner.send(TxJsonRpcMessage::<RoleServer>::error(error, None)));
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
