//! The gateway: bots log in here and hear what happens.
//!
//! [`listen`] is started by [`Sim::start`](crate::Sim::start); each connection is one task.

pub(crate) mod close;
mod connection;
pub(crate) mod intents;
mod requests;
pub(crate) mod session;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::state::Shared;

/// Accepts connections until told to stop, then waits for them to close.
pub(crate) async fn listen(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection::serve(stream, shared.clone(), stop.clone()));
                }
            }
        }
    }
    connections.join_all().await;
}
