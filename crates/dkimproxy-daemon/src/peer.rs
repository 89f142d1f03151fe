//! A stream with buffers and deadlines, used for both sides of a session; and where such a stream leads to.
//!
//! A proxy that only reads or only writes can come to a standstill: we wait for the peer to take what we send, the peer
//! waits for us to take its answer. [`Peer::turn`] does both.

mod endpoint;
mod stream;

pub use endpoint::{Endpoint, EndpointError};
pub use stream::Stream;

use bytes::{Buf, BytesMut};
use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// Why nothing more comes from a peer, or goes to it.
#[derive(Debug, Error)]
pub enum PeerError {
    /// It closed the connection.
    #[error("connection closed")]
    Closed,
    /// It did not do its part in time.
    #[error("timed out")]
    Timeout,
    /// The connection broke.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// One side of a session.
#[derive(Debug)]
pub struct Peer<S> {
    stream: S,
    /// What came and was not yet understood. Whoever takes from its front takes what it took off it.
    pub input: BytesMut,
    /// What is to be sent.
    pub output: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// A peer with empty buffers.
    pub fn new(stream: S) -> Self {
        Self { stream, input: BytesMut::new(), output: BytesMut::new() }
    }

    /// Waits for input, of which it takes about `size` octets at a time. Cancel safe.
    ///
    /// # Errors
    ///
    /// No input will come any more.
    pub async fn read(&mut self, size: usize) -> Result<(), PeerError> {
        poll_fn(|cx| self.poll_fill(size, cx)).await
    }

    /// As [`Peer::read`], no longer than `limit`.
    ///
    /// # Errors
    ///
    /// No input will come any more, or none came in time.
    pub async fn fill(&mut self, size: usize, limit: Duration) -> Result<(), PeerError> {
        within(limit, self.read(size)).await
    }

    /// Sends all output, no longer than `limit`.
    ///
    /// # Errors
    ///
    /// The peer is gone, or did not take the output in time.
    pub async fn flush(&mut self, limit: Duration) -> Result<(), PeerError> {
        if self.output.is_empty() {
            return Ok(());
        }
        within(limit, poll_fn(|cx| self.poll_send(cx))).await
    }

    /// Sends output and takes input, both as they go. Returns once there is new input, or all output is sent, but no
    /// later than after `limit`.
    ///
    /// That output cannot be sent is no error while there is input: a peer that closes has often said why.
    ///
    /// # Errors
    ///
    /// The peer is gone, or did nothing in time.
    pub async fn turn(&mut self, size: usize, limit: Duration) -> Result<(), PeerError> {
        let idle = self.output.is_empty();
        within(limit, poll_fn(|cx| self.poll_turn(size, idle, cx))).await
    }

    /// Sends what is left, says that no more comes, and waits a little for the peer to close: if we went at once while
    /// it still sends, the system would take our last words back from it (a TCP reset discards what was not yet read).
    pub async fn close(mut self, limit: Duration) {
        let last_words = async {
            self.flush(limit).await?;
            self.stream.shutdown().await?;
            loop {
                self.input.clear();
                self.read(SMALL).await?;
            }
        };
        let _: Result<Result<(), PeerError>, _> = timeout(limit, last_words).await;
    }

    /// Says that no more comes, without sending what is left.
    pub async fn hang_up(&mut self) {
        self.output.clear();
        // It may be closed already, which is as good.
        let _ = self.stream.shutdown().await;
    }

    /// Gives memory back after a large transfer.
    pub fn shrink(&mut self) {
        if self.input.capacity() > 2 * MEDIUM {
            self.input = BytesMut::from(&*self.input);
        }
        if self.output.capacity() > 2 * MEDIUM {
            self.output = BytesMut::from(&*self.output);
        }
    }

    fn poll_fill(&mut self, size: usize, cx: &mut Context<'_>) -> Poll<Result<(), PeerError>> {
        if self.input.capacity() - self.input.len() < size / 2 {
            self.input.reserve(size);
        }
        // A future that reads holds no state of its own: it may be made anew for every poll.
        pin!(self.stream.read_buf(&mut self.input)).poll(cx).map(|read| match read {
            Ok(0) => Err(PeerError::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(PeerError::from_io(error)),
        })
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PeerError>> {
        while !self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.output) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(PeerError::Closed)),
                Poll::Ready(Ok(sent)) => self.output.advance(sent),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(PeerError::from_io(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_turn(&mut self, size: usize, idle: bool, cx: &mut Context<'_>) -> Poll<Result<(), PeerError>> {
        let sent = self.poll_send(cx);
        match (self.poll_fill(size, cx), sent) {
            (Poll::Pending, Poll::Ready(Ok(()))) if idle => Poll::Pending,
            (Poll::Pending, sent) => sent,
            (read, _) => read,
        }
    }
}

/// Octets taken at a time while commands and replies come.
pub const SMALL: usize = 4 * 1024;

/// Octets taken at first when mail data comes: all of most messages. (The allocator puts its house in order whenever more
/// than 64 KiB are given back to it, and that shall not happen with every message.)
pub const MEDIUM: usize = 16 * 1024;

/// Octets taken at a time while more mail data comes.
pub const LARGE: usize = 64 * 1024;

impl PeerError {
    fn from_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

async fn within<T>(limit: Duration, step: impl Future<Output = Result<T, PeerError>>) -> Result<T, PeerError> {
    timeout(limit, step).await.unwrap_or(Err(PeerError::Timeout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn two_peers_that_only_send_do_not_block_each_other() {
        let (ours, theirs) = duplex(16);
        let mut peers = [Peer::new(ours), Peer::new(theirs)];
        for peer in &mut peers {
            peer.output.extend_from_slice(&[b'x'; 100_000]);
        }
        let [a, b] = &mut peers;
        let all = |peer: &Peer<_>| peer.input.len() == 100_000 && peer.output.is_empty();
        let run = async |peer: &mut Peer<_>| {
            while !all(peer) {
                peer.turn(SMALL, LIMIT).await.unwrap();
            }
        };
        tokio::join!(run(a), run(b));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_words_of_a_peer_that_closed_are_heard() {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(b"421 bye\r\n").await.unwrap();
        drop(theirs);
        let mut peer = Peer::new(ours);
        peer.output.extend_from_slice(b"MAIL FROM:<>\r\n");
        peer.turn(SMALL, LIMIT).await.unwrap();
        assert_eq!(&*peer.input, b"421 bye\r\n");
        assert!(matches!(peer.turn(SMALL, LIMIT).await, Err(PeerError::Closed)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_times_out() {
        let (ours, _theirs) = duplex(4);
        let mut peer = Peer::new(ours);
        assert!(matches!(peer.fill(SMALL, LIMIT).await, Err(PeerError::Timeout)));
        peer.output.extend_from_slice(b"longer than the pipe");
        assert!(matches!(peer.flush(LIMIT).await, Err(PeerError::Timeout)));
        assert!(matches!(peer.turn(SMALL, LIMIT).await, Err(PeerError::Timeout)));
    }

    #[tokio::test]
    async fn memory_is_given_back() {
        let (ours, _theirs) = duplex(4);
        let mut peer = Peer::new(ours);
        peer.input.extend_from_slice(&[b'x'; LARGE]);
        peer.input.advance(LARGE - 3);
        peer.shrink();
        assert!(peer.input.capacity() < SMALL);
        assert_eq!(&*peer.input, b"xxx");
    }
}
