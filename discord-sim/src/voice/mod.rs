//! Voice: the voice gateway over TLS, the tickets that let bots in, and the audio hub.
//!
//! [`listen`] is started by [`Sim::start`](crate::Sim::start); each connection is one task.

pub(crate) mod authority;
mod close;
mod connection;
pub(crate) mod hub;
mod rtp;
pub(crate) mod ticket;

pub(crate) use rtp::Header;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::gateway::ACCEPT_AGAIN;
use crate::state::Shared;
use crate::stop::Stop;

/// Accepts voice connections until told to stop, then waits for them to close.
pub(crate) async fn listen(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    shared: Arc<Shared>,
    mut stop: Stop,
) {
    let tls = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.requested() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                match accepted {
                    Ok((stream, _)) => {
                        let (tls, shared) = (tls.clone(), shared.clone());
                        connections.spawn(connection::serve(stream, tls, shared, stop.clone()));
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
                }
            }
        }
    }
    connections.join_all().await;
}
