//! The gateway: bots log in here and hear what happens.
//!
//! [`listen`] is started by [`Sim::start`](crate::Sim::start); each connection is one task.

mod connection;
mod login;
mod members;
mod pace;
mod requests;
mod transport;

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::accept::each_connection;
use crate::state::Shared;
use crate::stop::Stop;

/// Accepts connections until told to stop, then waits for them to close.
pub(crate) async fn listen(listener: TcpListener, shared: Arc<Shared>, stop: Stop) {
    each_connection(listener, stop, |stream, stop| {
        connection::serve(stream, shared.clone(), stop)
    })
    .await;
}
