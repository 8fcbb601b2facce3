//! Accepting connections: the loop that all servers share.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::stop::Stop;

/// How long to wait when the system gives no connection although there is one.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves each connection in a task of its own until told to stop, then waits for them all.
///
/// `serve` is told of the stop as well, so that each connection can be closed properly.
pub(crate) async fn each_connection<F, S>(listener: TcpListener, mut stop: Stop, serve: F)
where
    F: Fn(TcpStream, Stop) -> S,
    S: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.requested() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve(stream, stop.clone()));
                    }
                    // Out of file descriptors, most likely: let some connections end.
                    Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
                }
            }
        }
    }
    connections.join_all().await;
}
