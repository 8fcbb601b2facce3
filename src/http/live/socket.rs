//! A websocket as the live channels use it: small messages, pings, and nobody waits for a peer
//! that does not read.

use std::borrow::Cow;
use std::time::Duration;

use rocket::futures::{SinkExt as _, StreamExt as _};
use rocket_ws::frame::{CloseCode, CloseFrame};
use rocket_ws::stream::DuplexStream;
use rocket_ws::{Config, Message, result};

use crate::clock::Clock;
use crate::domain::events::End;

/// Longest message and frame that is read.
pub(super) const MESSAGE_MAX_BYTES: usize = 16 * 1024;
/// Most that waits to be written.
const WRITE_MAX_BYTES: usize = 256 * 1024;
const PING_EVERY: Duration = Duration::from_secs(20);
/// A peer that is silent for so long, answers to pings included, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(40);
/// How long a message may take to be written.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How long the peer may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// The peer has gone, or does not read.
    Gone,
    /// Everything has been said.
    Done,
    /// The server stops.
    Shutdown,
    /// The credential is missing, wrong or not good any more.
    Unauthorized,
    /// The peer does not keep up with what it is told.
    Slow,
    /// The peer goes on although it is told to wait.
    Flood,
    /// The peer has sent more than is read at once.
    TooLong,
    /// The peer has sent something that this channel does not know.
    Odd,
}

impl From<End> for Closing {
    fn from(end: End) -> Self {
        match end {
            End::Slow => Self::Slow,
            End::Revoked => Self::Unauthorized,
        }
    }
}

impl Closing {
    fn frame(self) -> Option<CloseFrame<'static>> {
        let (code, reason) = match self {
            Self::Gone => return None,
            Self::Done => (CloseCode::Normal, ""),
            Self::Shutdown => (CloseCode::Away, "the server is stopping"),
            Self::Unauthorized => (CloseCode::Library(4001), "unauthorized"),
            Self::Slow => (CloseCode::Again, "events were not read in time"),
            Self::Flood => (CloseCode::Policy, "too many messages"),
            Self::TooLong => (CloseCode::Size, "the message is too long"),
            Self::Odd => (CloseCode::Unsupported, "only text is understood"),
        };
        let reason = Cow::Borrowed(reason);
        Some(CloseFrame { code, reason })
    }
}

/// What connections are limited to.
pub(super) fn config() -> Config {
    Config {
        max_message_size: Some(MESSAGE_MAX_BYTES),
        max_frame_size: Some(MESSAGE_MAX_BYTES),
        max_write_buffer_size: WRITE_MAX_BYTES,
        ..Config::default()
    }
}

/// An open connection.
pub(super) struct Socket {
    stream: DuplexStream,
    clock: Clock,
    heard_at: Duration,
    pinged_at: Duration,
}

impl Socket {
    pub(super) fn new(stream: DuplexStream, clock: Clock) -> Self {
        let now = clock.monotonic();
        Self {
            stream,
            clock,
            heard_at: now,
            pinged_at: now,
        }
    }

    /// The next text; keeps the connection alive meanwhile. Cancel safe.
    ///
    /// # Errors
    /// How the connection is to be closed.
    pub(super) async fn next(&mut self) -> Result<String, Closing> {
        loop {
            let ping_at = self.pinged_at + PING_EVERY;
            tokio::select! {
                biased;
                message = self.stream.next() => {
                    self.heard_at = self.clock.monotonic();
                    match message {
                        Some(Ok(Message::Text(text))) => return Ok(text),
                        Some(Ok(Message::Binary(_))) => return Err(Closing::Odd),
                        // Pings are answered by the library.
                        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                        Some(Err(result::Error::Capacity(_))) => return Err(Closing::TooLong),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Closing::Gone),
                    }
                }
                () = self.clock.sleep_until(ping_at) => {
                    let now = self.clock.monotonic();
                    if now.saturating_sub(self.heard_at) >= SILENCE_MAX {
                        return Err(Closing::Gone);
                    }
                    self.pinged_at = now;
                    self.write(Message::Ping(Vec::new())).await?;
                }
            }
        }
    }

    /// Sends a text.
    ///
    /// # Errors
    /// That the peer has gone or does not read.
    pub(super) async fn send(&mut self, text: String) -> Result<(), Closing> {
        self.write(Message::Text(text)).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Closing> {
        let until = self.clock.monotonic() + WRITE_PATIENCE;
        tokio::select! {
            biased;
            written = self.stream.send(message) => written.map_err(|_| Closing::Gone),
            () = self.clock.sleep_until(until) => Err(Closing::Gone),
        }
    }

    /// Says goodbye, where there is still somebody to hear it.
    pub(super) async fn close(mut self, why: Closing) {
        let Some(frame) = why.frame() else {
            return;
        };
        let goodbye = async {
            if self.stream.close(Some(frame)).await.is_ok() {
                // What is left unread would end the connection before the goodbye is read.
                while let Some(Ok(_)) = self.stream.next().await {}
            }
        };
        let _in_time = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}
