//! Ending a connection as no server does that is well.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::effect::Cut;
use crate::stop::Stop;

/// How long a closed connection is read on, so that its end is not taken for a reset.
const LINGER: Duration = Duration::from_secs(1);

/// A connection, plain or encrypted.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// What carries it.
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Ends a connection; returns when it is to be dropped.
pub(crate) async fn cut<S: Wire>(wire: &mut S, cut: Cut, stop: &mut Stop) {
    match cut {
        Cut::Reset => {
            // Where the system does not allow it, the end is an ordinary one.
            if let Err(error) = wire.tcp().set_zero_linger() {
                tracing::debug!(%error, "no reset");
            }
        }
        Cut::Close => {
            // An error means that the client was faster.
            let _ = wire.shutdown().await;
            let _ = tokio::time::timeout(LINGER, read_on(wire, stop)).await;
        }
        Cut::HalfClose => {
            let _ = wire.shutdown().await;
            read_on(wire, stop).await;
        }
        Cut::HalfOpen => read_on(wire, stop).await,
    }
}

/// Reads what comes and heeds nothing, until the client gives up.
pub(crate) async fn read_on<S: Wire>(wire: &mut S, stop: &mut Stop) {
    let mut buffer = vec![0; 1024];
    let reading = async { while let Ok(1..) = wire.read(&mut buffer).await {} };
    tokio::select! {
        () = reading => {}
        () = stop.requested() => {}
    }
}
