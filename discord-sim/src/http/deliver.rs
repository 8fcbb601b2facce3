//! Answers in ways that no HTTP server would send them: byte by byte, in part, or not at all.
//!
//! A fault leaves a [`Script`] with an answer; the connection stops being HTTP and follows it.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::response::Parts;
use axum::response::Response;
use tokio::io::AsyncWriteExt as _;

use crate::faults::cut::{Wire, cut, read_on};
use crate::faults::effect::{Cut, Delivery};
use crate::stop::Stop;

/// What is to become of a connection; an extension of the answer it stands for.
#[derive(Clone, Debug)]
pub(super) enum Script {
    /// It ends, and nothing is answered.
    Cut(Cut),
    /// It is answered like this, and then it ends.
    Deliver {
        head: Vec<u8>,
        body: Bytes,
        delivery: Delivery,
    },
}

impl Script {
    /// For an answer that is to be delivered so.
    pub(super) fn of(parts: &Parts, body: Bytes, delivery: Delivery) -> Script {
        let head = head(parts, body.len(), delivery);
        Script::Deliver {
            head,
            body,
            delivery,
        }
    }

    /// An answer that stands for this.
    pub(super) fn response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }

    /// Does it.
    pub(super) async fn perform<S: Wire>(self, wire: &mut S, stop: &mut Stop) {
        let end = match self {
            Script::Cut(end) => end,
            Script::Deliver {
                head,
                body,
                delivery,
            } => {
                let sending = send(wire, &head, &body, delivery);
                let sent = tokio::select! {
                    sent = sending => sent,
                    () = stop.requested() => return,
                };
                match (sent, delivery) {
                    // The client is gone, or it was to wait for more than there is.
                    (Err(_), _) => return,
                    (Ok(()), Delivery::Stall) => return read_on(wire, stop).await,
                    (Ok(()), Delivery::Half(end)) => end,
                    (Ok(()), _) => Cut::Close,
                }
            }
        };
        cut(wire, end, stop).await;
    }
}

/// The head of an answer, with the length that the delivery wants it to tell.
fn head(parts: &Parts, length: usize, delivery: Delivery) -> Vec<u8> {
    let status = parts.status;
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    let told = |name| name != CONTENT_LENGTH && name != TRANSFER_ENCODING && name != CONNECTION;
    for (name, value) in parts.headers.iter().filter(|(name, _)| told(*name)) {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    let length = match delivery {
        Delivery::Oversize { .. } => "transfer-encoding: chunked".to_owned(),
        Delivery::WrongLength(by) => {
            let wrong = i64::try_from(length).unwrap_or(i64::MAX).saturating_add(by);
            format!("content-length: {}", wrong.max(0))
        }
        _ => format!("content-length: {length}"),
    };
    head.extend_from_slice(format!("{length}\r\nconnection: close\r\n\r\n").as_bytes());
    head
}

async fn send<S: Wire>(
    wire: &mut S,
    head: &[u8],
    body: &[u8],
    delivery: Delivery,
) -> std::io::Result<()> {
    if let Delivery::TrickleHead { every_ms } = delivery {
        trickle(wire, head, every_ms).await?;
    } else {
        wire.write_all(head).await?;
    }
    match delivery {
        Delivery::Stall => {}
        Delivery::Trickle { every_ms } => trickle(wire, body, every_ms).await?,
        Delivery::TrickleHead { .. } | Delivery::WrongLength(_) => wire.write_all(body).await?,
        Delivery::Half(_) => {
            let (half, _) = body.split_at(body.len() / 2);
            wire.write_all(half).await?;
        }
        Delivery::Oversize { mib } => {
            let blanks = vec![b' '; 1 << 20];
            for _ in 0..mib {
                chunk(wire, &blanks).await?;
            }
            if !body.is_empty() {
                chunk(wire, body).await?;
            }
            wire.write_all(b"0\r\n\r\n").await?;
        }
    }
    wire.flush().await
}

async fn trickle<S: Wire>(wire: &mut S, bytes: &[u8], every_ms: u64) -> std::io::Result<()> {
    for byte in bytes {
        wire.write_u8(*byte).await?;
        wire.flush().await?;
        tokio::time::sleep(Duration::from_millis(every_ms)).await;
    }
    Ok(())
}

async fn chunk<S: Wire>(wire: &mut S, bytes: &[u8]) -> std::io::Result<()> {
    wire.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())
        .await?;
    wire.write_all(bytes).await?;
    wire.write_all(b"\r\n").await
}
