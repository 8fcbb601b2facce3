//! What befalls a connection before anything is read from it.

use tokio::net::TcpStream;

use super::active::Faults;
use super::answer::HttpAnswer;
use super::cut::cut;
use super::effect::Effect;
use super::point::Server;
use crate::stop::Stop;

/// What a new connection is to meet.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    /// A certificate that its client cannot trust.
    pub(crate) distrust: bool,
    /// This instead of the WebSocket handshake.
    pub(crate) answer: Option<HttpAnswer>,
}

/// Lets a connection in; none if a fault has ended it.
pub(crate) async fn arrive(
    faults: &Faults,
    server: Server,
    stream: &mut TcpStream,
    stop: &mut Stop,
) -> Option<Arrival> {
    let mut arrival = Arrival::default();
    for strike in faults.on_connection(server) {
        let delay = strike.delay();
        match strike.effect {
            Effect::Cut(how) => {
                cut(stream, how, stop).await;
                return None;
            }
            Effect::Answer(answer) => arrival.answer = Some(answer),
            Effect::Distrust => arrival.distrust = true,
            _ => {}
        }
        tokio::select! {
            () = tokio::time::sleep(delay.unwrap_or_default()) => {}
            () = stop.requested() => return None,
        }
    }
    Some(arrival)
}
