//! What passes through one connection: counted, and watched for falling silent.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

#[derive(Debug)]
pub struct Flow {
    pub started: Instant,
    pub sent: AtomicU64,
    pub received: AtomicU64,
    /// Milliseconds after `started` when a byte passed last.
    last_ms: AtomicU64,
}

impl Flow {
    pub fn new() -> Arc<Self> {
        let zero = AtomicU64::default;
        Arc::new(Self { started: Instant::now(), sent: zero(), received: zero(), last_ms: zero() })
    }

    pub fn age_ms(&self) -> u64 {
        self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }

    fn passed(&self, counter: &AtomicU64, bytes: usize) {
        counter.fetch_add(bytes as u64, Relaxed);
        self.last_ms.store(self.age_ms(), Relaxed);
    }

    /// Resolves once nothing has passed for `limit`, either way.
    pub async fn idle(&self, limit: Duration) {
        loop {
            let due = self.started + Duration::from_millis(self.last_ms.load(Relaxed)) + limit;
            if Instant::now() >= due {
                return;
            }
            tokio::time::sleep_until(due).await;
        }
    }
}

/// The host's side of a connection.
#[derive(Debug)]
pub struct Counted<S> {
    pub stream: S,
    pub flow: Arc<Flow>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.flow.passed(&self.flow.received, buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.flow.passed(&self.flow.sent, bytes);
        Poll::Ready(Ok(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
