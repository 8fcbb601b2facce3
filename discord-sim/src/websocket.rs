//! What the gateway and the voice gateway share: the handshake, reading JSON frames, and
//! closing properly.

use std::borrow::Cow;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use crate::faults::answer::HttpAnswer;
use crate::protocol::{Code, host};

/// How long a client has to finish its handshake.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);
/// Discord refuses longer payloads.
const LONGEST_PAYLOAD: usize = 4096;
/// How long the peer has to answer a close frame.
const CLOSING: Duration = Duration::from_secs(2);

/// A payload as either gateway frames it.
#[derive(Debug, Deserialize)]
pub(crate) struct Payload {
    pub(crate) op: u64,
    #[serde(default)]
    pub(crate) d: Value,
}

/// What came in.
pub(crate) enum Incoming {
    /// A well-formed payload.
    Payload(Payload),
    /// A binary frame. The gateway takes payloads in these too; the voice gateway does not.
    Binary(Bytes),
    /// A payload that is too long, not JSON, or without an opcode.
    Garbage,
    /// The client closed, with its code if it sent one.
    Closed(Option<u16>),
}

/// A handshake refused for a reason.
pub(crate) fn refusal(reason: &str) -> HttpAnswer {
    HttpAnswer::html(400, reason).header("content-type", "text/plain")
}

/// Finishes the handshake if it is for the simulator and `read` has nothing against the query;
/// it says what it has. The connection, and what was read.
pub(crate) async fn accept<S, Q>(
    stream: S,
    tls: bool,
    read: impl FnOnce(&str) -> Result<Q, HttpAnswer> + Unpin,
) -> Option<(WebSocketStream<S>, Q)>
where
    S: AsyncRead + AsyncWrite + Unpin,
    Q: Unpin,
{
    let mut found = None;
    #[expect(
        clippy::result_large_err,
        reason = "the signature is the handshake callback's"
    )]
    let check = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let text = |name: &str| {
            let value = request.headers().get(name)?;
            Some(value.to_str().unwrap_or_default())
        };
        if !host::lets_in(text("host"), text("origin"), tls) {
            let refusal = HttpAnswer::html(421, host::REASON);
            return Err(refusal
                .header("content-type", "text/plain")
                .into_response(Some));
        }
        match read(request.uri().query().unwrap_or_default()) {
            Ok(query) => {
                found = Some(query);
                Ok(response)
            }
            Err(answer) => Err(answer.into_response(Some)),
        }
    };
    // Connections are many and messages small: keep the buffers so.
    let config = WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_message_size(Some(64 * 1024))
        .max_frame_size(Some(64 * 1024));
    let accepting = tokio_tungstenite::accept_hdr_async_with_config(stream, check, Some(config));
    let socket = accepting.await.ok()?;
    Some((socket, found?))
}

/// The value of a field of the query.
pub(crate) fn query_field<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(field, _)| field == name)
        .map(|(_, value)| value)
}

/// Waits for the next payload. Cancel safe.
pub(crate) async fn receive<S>(socket: &mut WebSocketStream<S>) -> Incoming
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        return match socket.next().await {
            Some(Ok(Message::Text(text))) => parse(text.as_bytes()),
            Some(Ok(Message::Binary(bytes))) => Incoming::Binary(bytes),
            Some(Ok(Message::Close(frame))) => {
                Incoming::Closed(frame.map(|frame| frame.code.into()))
            }
            Some(Ok(_)) => continue,
            Some(Err(_)) | None => Incoming::Closed(None),
        };
    }
}

/// Reads a payload.
pub(crate) fn parse(json: &[u8]) -> Incoming {
    if json.len() > LONGEST_PAYLOAD {
        return Incoming::Garbage;
    }
    serde_json::from_slice(json).map_or(Incoming::Garbage, Incoming::Payload)
}

/// Answers the peer's close frame and ends the connection, so that the peer sees a clean end.
pub(crate) async fn finish<S>(socket: &mut WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Reading on is what sends the answer; the end of the stream is all that can come.
    let finishing = async { while let Some(Ok(_)) = socket.next().await {} };
    let _ = tokio::time::timeout(CLOSING, finishing).await;
}

/// Closes with a code and waits a moment for the client to agree, so that the code arrives.
pub(crate) async fn close<S>(socket: &mut WebSocketStream<S>, (code, reason): Code)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let reason = Utf8Bytes::from_static(reason);
    let code = code.into();
    close_with(socket, Some(CloseFrame { code, reason })).await;
}

/// Closes with this frame, or one without a code, and waits as [`close`] does.
pub(crate) async fn close_with<S>(socket: &mut WebSocketStream<S>, frame: Option<CloseFrame>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let closing = async {
        if socket.close(frame).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // A peer that does not answer is simply dropped.
    let _ = tokio::time::timeout(CLOSING, closing).await;
}
