//! Voice: the voice gateway over TLS, the tickets that let bots in, and the audio hub.
//!
//! [`listen`] is started by [`Sim::start`](crate::Sim::start); each connection is one task.

mod connection;
mod dave;
mod handshake;

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::accept::each_connection;
use crate::authority::Tls;
use crate::state::Shared;
use crate::stop::Stop;

/// Accepts voice connections until told to stop, then waits for them to close.
pub(crate) async fn listen(listener: TcpListener, tls: Tls, shared: Arc<Shared>, stop: Stop) {
    each_connection(listener, stop, |stream, stop| {
        connection::serve(stream, tls.clone(), shared.clone(), stop)
    })
    .await;
}
