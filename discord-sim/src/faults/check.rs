//! What faults there can be.

use super::answer::HttpAnswer;
use super::effect::{Delivery, Effect};
use super::point::{GatewayKind, Payloads, Point, Server};
use super::{Fault, FaultError};

/// The most that [`Delivery::Oversize`] gives: 64 GiB.
const MOST_MIB: u32 = 65_536;
/// The longest of the times that a fault may take: a day.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1_000;

impl Fault {
    /// Refuses what could never strike, or not like this.
    pub(super) fn check(&self) -> Result<(), FaultError> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(invalid("a probability is between 0 and 1"));
        }
        if self.times == Some(0) {
            return Err(invalid("a fault that strikes 0 times does not"));
        }
        self.on.check()?;
        if !self.effect.happens_to(&self.on) {
            let (effect, point) = (self.effect.name(), self.on.name());
            return Err(FaultError::Impossible { effect, point });
        }
        self.effect.check()
    }
}

impl Point {
    fn name(&self) -> &'static str {
        match self {
            Point::Request(_) => "a request",
            Point::Answer(_) => "an answer",
            Point::Connection(Server::Http) => "a connection for HTTP",
            Point::Connection(Server::Https) => "a connection for HTTPS",
            Point::Connection(Server::Gateway) => "a connection to the gateway",
            Point::Connection(Server::Voice) => "a connection to the voice gateway",
            Point::Received(_) => "a payload that is received",
            Point::Sent(_) => "a payload that is sent",
            Point::Packet(_) => "a packet",
        }
    }

    fn check(&self) -> Result<(), FaultError> {
        let (payloads, sent) = match self {
            Point::Received(payloads) => (payloads, false),
            Point::Sent(payloads) => (payloads, true),
            _ => return Ok(()),
        };
        let voice = payloads.gateway == GatewayKind::Voice;
        if payloads.event.is_some() && (voice || !sent) {
            return Err(invalid("events are sent by the gateway only"));
        }
        if payloads.event.is_some() && payloads.op.is_some_and(|op| op != 0) {
            return Err(invalid("events have opcode 0"));
        }
        if payloads.shard.is_some() && voice {
            return Err(invalid("the voice gateway knows no shards"));
        }
        if payloads.guild.is_some() && !voice {
            return Err(invalid("connections to the gateway are of no guild"));
        }
        Ok(())
    }
}

impl Effect {
    fn name(&self) -> &'static str {
        match self {
            Effect::Delay(_) => "delay",
            Effect::Swallow => "swallow",
            Effect::Cut(_) => "cut",
            Effect::Answer(_) => "answer",
            Effect::Set { .. } => "set",
            Effect::Garble => "garble",
            Effect::Duplicate => "duplicate",
            Effect::Header { .. } => "header",
            Effect::Deliver(_) => "deliver",
            Effect::Distrust => "distrust",
            Effect::Close(_) => "close",
            Effect::Reconnect => "reconnect",
            Effect::InvalidSession { .. } => "invalid_session",
        }
    }

    fn happens_to(&self, point: &Point) -> bool {
        use Effect as E;
        let on_gateway = |payloads: &Payloads| payloads.gateway == GatewayKind::Main;
        match point {
            Point::Request(_) => matches!(self, E::Delay(_) | E::Cut(_) | E::Answer(_)),
            Point::Answer(_) => matches!(
                self,
                E::Delay(_)
                    | E::Cut(_)
                    | E::Answer(_)
                    | E::Set { .. }
                    | E::Garble
                    | E::Header { .. }
                    | E::Deliver(_)
            ),
            Point::Connection(server) => match self {
                E::Delay(_) | E::Cut(_) => true,
                E::Answer(_) => matches!(server, Server::Gateway | Server::Voice),
                E::Distrust => matches!(server, Server::Https | Server::Voice),
                _ => false,
            },
            Point::Received(payloads) => match self {
                E::Swallow | E::Cut(_) | E::Close(_) => true,
                E::Reconnect | E::InvalidSession { .. } => on_gateway(payloads),
                _ => false,
            },
            Point::Sent(payloads) => match self {
                E::Delay(_)
                | E::Swallow
                | E::Cut(_)
                | E::Set { .. }
                | E::Garble
                | E::Duplicate
                | E::Close(_) => true,
                E::Reconnect | E::InvalidSession { .. } => on_gateway(payloads),
                _ => false,
            },
            Point::Packet(_) => {
                matches!(self, E::Delay(_) | E::Swallow | E::Garble | E::Duplicate)
            }
        }
    }

    fn check(&self) -> Result<(), FaultError> {
        match self {
            Effect::Delay(latency) => {
                let max_ms = latency.max_ms.unwrap_or(latency.min_ms);
                if max_ms < latency.min_ms {
                    return Err(invalid("the longest delay is shorter than the shortest"));
                }
                check_time(max_ms)
            }
            Effect::Answer(answer) => answer.check(),
            Effect::Set { pointer, .. } if !pointer.is_empty() && !pointer.starts_with('/') => {
                Err(invalid("a JSON pointer begins with a slash"))
            }
            Effect::Header { name, value } => check_header(name, value.as_deref().unwrap_or("")),
            Effect::Deliver(
                Delivery::Trickle { every_ms } | Delivery::TrickleHead { every_ms },
            ) => check_time(*every_ms),
            Effect::Deliver(Delivery::Oversize { mib }) if *mib > MOST_MIB => {
                Err(invalid("a body has up to 65536 MiB"))
            }
            Effect::Close(Some(code)) if !is_close_code(*code) => Err(invalid(
                "no close frame has this code: 1000 to 1003, 1007 to 1014 and 3000 to 4999 are",
            )),
            _ => Ok(()),
        }
    }
}

impl HttpAnswer {
    fn check(&self) -> Result<(), FaultError> {
        if !(200..=599).contains(&self.status) {
            return Err(invalid("an answer has a status from 200 to 599"));
        }
        self.headers
            .iter()
            .try_for_each(|(name, value)| check_header(name, value))
    }
}

fn check_header(name: &str, value: &str) -> Result<(), FaultError> {
    use axum::http::{HeaderName, HeaderValue, header};
    let name =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("no header has this name"))?;
    if name == header::CONTENT_LENGTH || name == header::TRANSFER_ENCODING {
        return Err(invalid(
            "the length of a body is the server's to tell; wrong_length and oversize change it",
        ));
    }
    HeaderValue::from_str(value)
        .map(drop)
        .map_err(|_| invalid("no header has this value"))
}

fn check_time(ms: u64) -> Result<(), FaultError> {
    if ms > LONGEST_MS {
        return Err(invalid("nothing takes longer than a day"));
    }
    Ok(())
}

fn is_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn invalid(reason: &str) -> FaultError {
    FaultError::Invalid(reason.to_owned())
}
