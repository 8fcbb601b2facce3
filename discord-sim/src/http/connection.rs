//! One HTTP/1.1 connection, plain or over TLS, from its handshake to its end.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::deliver::Script;
use crate::authority::Tls;
use crate::faults::arrival::arrive;
use crate::faults::cut::Wire;
use crate::faults::point::Server;
use crate::state::Shared;
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
pub(super) async fn serve(
    mut stream: TcpStream,
    shared: Arc<Shared>,
    router: Router,
    mut stop: Stop,
) {
    let entrance = enter(&stream, false);
    let arrived = arrive(&shared.faults, Server::Http, &mut stream, &mut stop).await;
    if arrived.is_some() {
        answer(stream, router, entrance, HEAD, stop).await;
    }
}

/// Serves one client over TLS.
pub(super) async fn serve_tls(
    mut stream: TcpStream,
    tls: Tls,
    shared: Arc<Shared>,
    router: Router,
    mut stop: Stop,
) {
    let entrance = enter(&stream, true);
    let arrived = arrive(&shared.faults, Server::Https, &mut stream, &mut stop).await;
    let Some(arrival) = arrived else {
        return;
    };
    let accepting = tls.accept(stream, arrival.distrust);
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, accepting).await {
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

async fn answer<S: Wire + 'static>(
    stream: S,
    router: Router,
    entrance: Entrance,
    patience: Duration,
    mut stop: Stop,
) {
    let (leave_script, mut scripts) = mpsc::channel(1);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(entrance);
        let (answer, leave_script) = (router.call(request), leave_script.clone());
        Box::pin(async move {
            let mut answer: Result<Response, Infallible> = answer.await;
            if let Ok(answer) = &mut answer
                && let Some(script) = answer.extensions_mut().remove::<Script>()
                && leave_script.send(script).await.is_ok()
            {
                // The connection is no longer HTTP's: this is the end of all its requests.
                std::future::pending::<()>().await;
            }
            answer
        })
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience);
    let mut connection = http.serve_connection(TokioIo::new(stream), service);
    // How a connection ends is the client's affair.
    tokio::select! {
        _ = &mut connection => {}
        Some(script) = scripts.recv() => {
            let mut stream = connection.into_parts().io.into_inner();
            script.perform(&mut stream, &mut stop).await;
        }
        () = stop.requested() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            let _ = tokio::time::timeout(GOODBYE, connection).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::stop::Stopper;

    #[tokio::test]
    async fn a_head_is_not_awaited_for_ever() {
        let (_stopper, stop) = Stopper::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        for begun in ["", "GET / HTTP/1.1\r\nhost: loc"] {
            let address = listener.local_addr().unwrap();
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(begun.as_bytes()).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            let entrance = enter(&server, false);
            let patience = Duration::from_millis(10);
            answer(server, Router::new(), entrance, patience, stop.clone()).await;
            assert_eq!(client.read(&mut [0; 64]).await.unwrap_or(0), 0, "{begun}");
        }
    }
}
