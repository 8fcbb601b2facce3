//! The gateway: bots log in here and hear what happens.
//!
//! [`listen`] is started by [`Sim::start`](crate::Sim::start); each connection is one task.

pub(crate) mod close;
mod connection;
pub(crate) mod intents;
mod requests;
pub(crate) mod session;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::state::Shared;
use crate::stop::Stop;

/// How long to wait when the system gives no connection although there is one.
pub(crate) const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Accepts connections until told to stop, then waits for them to close.
pub(crate) async fn listen(listener: TcpListener, shared: Arc<Shared>, mut stop: Stop) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.requested() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection::serve(stream, shared.clone(), stop.clone()));
                    }
                    // Out of file descriptors, most likely: let some connections end.
                    Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
                }
            }
        }
    }
    connections.join_all().await;
}
