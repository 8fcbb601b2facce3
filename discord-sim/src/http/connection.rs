//! One HTTP/1.1 connection, plain or over TLS, from its handshake to its end.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::stop::Stop;

/// How long a client has for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client has for the head of a request, and how long it may stay idle before.
const HEAD: Duration = Duration::from_mins(1);
/// How long answers may take that are under way at the stop.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a request came in by; each request carries it as an extension.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entrance {
    /// The client's.
    pub(super) address: IpAddr,
    /// Whether the connection is encrypted.
    pub(super) tls: bool,
}

/// Serves one client.
pub(super) async fn serve(stream: TcpStream, router: Router, stop: Stop) {
    let entrance = enter(&stream, false);
    answer(stream, router, entrance, HEAD, stop).await;
}

/// Serves one client over TLS.
pub(super) async fn serve_tls(stream: TcpStream, tls: TlsAcceptor, router: Router, stop: Stop) {
    let entrance = enter(&stream, true);
    let accepted = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await;
    if let Ok(Ok(stream)) = accepted {
        answer(stream, router, entrance, HEAD, stop).await;
    }
}

fn enter(stream: &TcpStream, tls: bool) -> Entrance {
    // Answers are small; waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let address = stream.peer_addr().map(|peer| peer.ip().to_canonical());
    // Only a client that is gone again has none.
    let address = address.unwrap_or(Ipv4Addr::LOCALHOST.into());
    Entrance { address, tls }
}

async fn answer<S>(
    stream: S,
    router: Router,
    entrance: Entrance,
    patience: Duration,
    mut stop: Stop,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(entrance);
        let answer = router.call(request);
        async move {
            let answer: Result<Response, Infallible> = answer.await;
            answer
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // How a connection ends is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.requested() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(GOODBYE, connection).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::stop::Stopper;

    #[tokio::test]
    async fn a_head_is_not_awaited_for_ever() {
        let (_stopper, stop) = Stopper::new();
        for begun in ["", "GET / HTTP/1.1\r\nhost: loc"] {
            let (mut client, server) = tokio::io::duplex(1024);
            let address = Ipv4Addr::LOCALHOST.into();
            let entrance = Entrance {
                address,
                tls: false,
            };
            let patience = Duration::from_millis(10);
            client.write_all(begun.as_bytes()).await.unwrap();
            answer(server, Router::new(), entrance, patience, stop.clone()).await;
            assert_eq!(client.read(&mut [0; 64]).await.unwrap(), 0, "{begun}");
        }
    }
}
