//! One voice gateway connection, from HELLO to its close.
//!
//! Started by [`listen`](super::listen); `handshake` lets the client in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use futures_util::SinkExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::audio::dave::group::{Report, Said};
use crate::audio::link::Link;
use crate::authority::Tls;
use crate::faults::arrival::arrive;
use crate::faults::cut::cut;
use crate::faults::effect::Effect;
use crate::faults::point::{self, GatewayKind, Server};
use crate::heard::recording::Recording;
use crate::protocol::gateway_close::GOING_AWAY;
use crate::protocol::voice_message::{Framed, Message, Version};
use crate::protocol::{Code, voice_close as close};
use crate::state::Shared;
use crate::state::tickets::{Admission, OUTLET, Order, VoiceEnd};
use crate::stop::Stop;
use crate::websocket::{self, Incoming, Payload};
use crate::world::snowflake;

/// How many messages a client may send in a span of time, heartbeats apart, which cost only its
/// own connection. A busy DAVE group needs a few in a second; each costs the listeners
/// milliseconds. Discord publishes no number.
const MESSAGES: u32 = 100;
const MESSAGES_SPAN: Duration = Duration::from_secs(10);
/// The opcode of heartbeats.
const HEARTBEAT: u64 = 3;

/// What the voice server says it is, to a client that asks. Discord's numbers of late 2024.
const BACKEND: (&str, &str) = ("0.11.6", "0.4.11");

/// How long a client that is offered another connection may keep the one it has.
const HANDOVER: Duration = Duration::from_secs(2);

/// Serves one client.
pub(crate) async fn serve(mut stream: TcpStream, tls: Tls, shared: Arc<Shared>, mut stop: Stop) {
    let port = stream.local_addr().map_or(0, |address| address.port());
    let arrived = arrive(&shared.faults, Server::Voice, &mut stream, &mut stop).await;
    let Some(arrival) = arrived else {
        return;
    };
    let read = |query: &str| match arrival.answer {
        Some(answer) => Err(answer),
        None => read_version(query).map_err(websocket::refusal),
    };
    let accepting = async {
        let stream = tls.accept(stream, arrival.distrust).await.ok()?;
        websocket::accept(stream, true, read).await
    };
    let accepted = tokio::time::timeout(websocket::HANDSHAKE, accepting).await;
    let Ok(Some((socket, version))) = accepted else {
        return;
    };
    let (outlet, inlet) = mpsc::channel(OUTLET);
    let mut connection = Connection {
        heard_from: Instant::now(),
        struck: None,
        shared,
        socket,
        version,
        port,
        stop: stop.clone(),
        outlet: Some(outlet),
        seat: None,
        messages: (Instant::now(), 0),
    };
    let end = connection.run(inlet, &mut stop).await;
    connection.end(end).await;
}

fn read_version(query: &str) -> Result<Version, &'static str> {
    let asked = websocket::query_field(query, "v");
    asked
        .and_then(|asked| Version::parse(&asked))
        .ok_or("this voice gateway speaks versions 4 to 8; add ?v=8 to the address")
}

/// An open connection.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) version: Version,
    /// The voice server that it is to.
    pub(super) port: u16,
    /// Handed to the ticket once the client is let in.
    pub(super) outlet: Option<mpsc::Sender<Order>>,
    /// What the client has once it is let in.
    pub(super) seat: Option<Seat>,
    pub(super) stop: Stop,
    socket: WebSocketStream<TlsStream<TcpStream>>,
    /// When the client last showed that it is alive.
    heard_from: Instant,
    /// How many MLS messages it has sent since when.
    messages: (Instant, u32),
    /// How a fault has ended the connection.
    struck: Option<Effect>,
}

/// A client's place in voice.
pub(super) struct Seat {
    pub(super) admission: Admission,
    pub(super) link: Arc<Link>,
    /// The number of the last message written to the socket.
    pub(super) written: Arc<AtomicU16>,
    pub(super) speaks_dave: bool,
    /// The number of its session and the way to the channel's DAVE group, if it is to be in it.
    pub(super) group: Option<(u64, mpsc::Sender<Report>)>,
}

/// Opcode 3 since version 8.
#[derive(Deserialize)]
struct Heartbeat {
    t: u64,
    #[serde(default)]
    seq_ack: Option<i32>,
}

/// Opcodes 23 and 31.
#[derive(Deserialize)]
struct Transition {
    transition_id: u16,
}

#[derive(Deserialize)]
struct Speaking {
    speaking: u64,
}

impl Connection {
    /// Runs until either side closes; returns how it is to be ended if the client has not.
    async fn run(&mut self, mut inlet: mpsc::Receiver<Order>, stop: &mut Stop) -> Option<VoiceEnd> {
        let interval = self.shared.voice.heartbeat_interval;
        let hello = json!({
            "v": self.version.number(),
            "heartbeat_interval": interval.as_secs_f64() * 1_000.0,
        });
        if !self.send(8, &hello).await {
            return None;
        }
        let mut leaving = None;
        while self.struck.is_none() {
            let timeout = self.deadline();
            let left_at = leaving.as_ref().map(|(at, _)| *at);
            let incoming = tokio::select! {
                // In this order: what else happens at the end is a consequence of it.
                biased;
                () = stop.requested() => return Some(GOING_AWAY.into()),
                () = tokio::time::sleep_until(timeout) => return Some(close::SESSION_TIMEOUT.into()),
                () = tokio::time::sleep_until(left_at.unwrap_or(timeout)), if left_at.is_some() => {
                    return leaving.map(|(_, end)| end);
                }
                order = inlet.recv() => {
                    match order {
                        Some(Order::Send(numbered)) => {
                            if !self.write(&numbered.message, numbered.sequence).await {
                                return None;
                            }
                        }
                        Some(Order::End(end)) => return Some(end),
                        Some(Order::HandOver(end)) => {
                            leaving = Some((Instant::now() + HANDOVER, end));
                        }
                        // The ticket was claimed by another connection, or this one is too slow.
                        None => {
                            let end = leaving.map(|(_, end)| end);
                            return Some(end.unwrap_or(close::SESSION_INVALID.into()));
                        }
                    }
                    continue;
                }
                incoming = websocket::receive(&mut self.socket) => incoming,
            };
            let handled = match incoming {
                Incoming::Payload(payload) => self.handle(payload).await,
                Incoming::Binary(bytes) => self.handle_binary(&bytes).await,
                Incoming::Garbage => Err(close::DECODE_ERROR),
                Incoming::Closed(_) => return None,
            };
            if let Err(code) = handled {
                return Some(code.into());
            }
        }
        None
    }

    async fn end(mut self, end: Option<VoiceEnd>) {
        if let Some(Seat { admission, .. }) = self.seat.take() {
            self.shared.change(|state| state.tickets.detach(admission));
            let Admission { guild, user, .. } = admission;
            self.shared.hub.change(guild, user, Recording::interrupt);
        }
        let socket = &mut self.socket;
        let end = match self.struck {
            Some(Effect::Cut(how)) => return cut(socket.get_mut(), how, &mut self.stop).await,
            Some(Effect::Close(None)) => Some(VoiceEnd::CloseWithoutCode),
            Some(Effect::Close(Some(code))) => Some(close::with_reason(code).into()),
            _ => end,
        };
        match end {
            Some(VoiceEnd::Close(code, reason)) => {
                let reason = reason.as_ref().into();
                let code = code.into();
                websocket::close_with(socket, Some(CloseFrame { code, reason })).await;
            }
            Some(VoiceEnd::CloseWithoutCode) => websocket::close_with(socket, None).await,
            Some(VoiceEnd::Drop) => {}
            None => websocket::finish(socket).await,
        }
    }

    async fn handle(&mut self, payload: Payload) -> Result<(), Code> {
        if payload.op != HEARTBEAT {
            self.count()?;
        }
        if !self.lets_in(payload.op, &payload.d) {
            return Ok(());
        }
        match (payload.op, self.seat.is_some()) {
            (HEARTBEAT, _) => self.heartbeat(payload.d).await,
            (0 | 7, true) => Err(close::ALREADY_AUTHENTICATED),
            (0, false) => self.identify(parse(payload.d)?).await,
            (7, false) => self.resume(parse(payload.d)?).await,
            (1 | 5 | 12 | 14..=16 | 18 | 20 | 23 | 31, false) => Err(close::NOT_AUTHENTICATED),
            (1, true) => self.select_protocol(parse(payload.d)?),
            (5, true) => self.speaking(parse(payload.d)?),
            (16, true) => {
                let (voice, rtc_worker) = BACKEND;
                let version = json!({ "voice": voice, "rtc_worker": rtc_worker });
                self.send(16, &version).await;
                Ok(())
            }
            // Video, and what else clients tell of themselves: nothing here depends on it.
            (12 | 14 | 15 | 18 | 20, true) => Ok(()),
            (23, true) => {
                let Transition { transition_id } = parse(payload.d)?;
                self.report(Said::Ready(transition_id)).await;
                Ok(())
            }
            (31, true) => {
                let Transition { .. } = parse(payload.d)?;
                self.report(Said::Invalid).await;
                Ok(())
            }
            _ => Err(close::UNKNOWN_OPCODE),
        }
    }

    /// Counts a message of the client.
    fn count(&mut self) -> Result<(), Code> {
        let (since, count) = &mut self.messages;
        if since.elapsed() > MESSAGES_SPAN {
            (*since, *count) = (Instant::now(), 0);
        }
        *count += 1;
        if *count > MESSAGES {
            return Err(close::RATE_LIMITED);
        }
        Ok(())
    }

    async fn handle_binary(&mut self, bytes: &[u8]) -> Result<(), Code> {
        self.count()?;
        let (op, body) = bytes.split_first().ok_or(close::DECODE_ERROR)?;
        if !self.lets_in(u64::from(*op), &Value::Null) {
            return Ok(());
        }
        let said = match op {
            26 => Said::KeyPackage(body.to_vec()),
            28 => Said::CommitWelcome(body.to_vec()),
            _ => return Err(close::UNKNOWN_OPCODE),
        };
        if self.seat.is_none() {
            return Err(close::NOT_AUTHENTICATED);
        }
        self.report(said).await;
        Ok(())
    }

    /// Passes on what concerns the DAVE group; without one, it concerns nobody.
    async fn report(&self, said: Said) {
        let Some(seat) = &self.seat else { return };
        if let Some((session, reports)) = &seat.group {
            let (user, session) = (seat.admission.user, *session);
            // The group ends when its last client has left: this one.
            let _ = reports
                .send(Report {
                    user,
                    session,
                    said,
                })
                .await;
        }
    }

    /// By when the next heartbeat must have come: half an interval late is too late.
    fn deadline(&self) -> Instant {
        self.heard_from + self.shared.voice.heartbeat_interval * 3 / 2
    }

    async fn heartbeat(&mut self, data: Value) -> Result<(), Code> {
        let answer = if self.version.is_numbered() {
            let Heartbeat { t, seq_ack } = parse(data)?;
            if seq_ack.is_some_and(|number| number > i32::from(u16::MAX)) {
                return Err(close::DECODE_ERROR);
            }
            json!({ "t": t })
        } else if data.is_u64() {
            data
        } else {
            return Err(close::DECODE_ERROR);
        };
        self.heard_from = Instant::now();
        self.send(6, &answer).await;
        Ok(())
    }

    fn speaking(&self, speaking: Speaking) -> Result<(), Code> {
        let seat = self.seat.as_ref().ok_or(close::NOT_AUTHENTICATED)?;
        let Speaking { speaking } = speaking;
        self.shared
            .change(|state| state.speak(seat.admission, speaking));
        Ok(())
    }

    /// Sends what needs no number, because it only answers; false if the connection is gone.
    pub(super) async fn send(&mut self, op: u8, data: &Value) -> bool {
        let text = json!({ "op": op, "d": data }).to_string();
        self.pass(op, tungstenite::Message::text(text)).await
    }

    async fn write(&mut self, message: &Message, sequence: u16) -> bool {
        let framed = match message.frame(self.version, sequence) {
            Framed::Text(text) => tungstenite::Message::text(text),
            Framed::Binary(bytes) => tungstenite::Message::binary(bytes),
        };
        let (Message::Json(op, _) | Message::Binary(op, _)) = message;
        let written = self.pass(*op, framed).await;
        if let Some(seat) = self.seat.as_ref().filter(|_| written) {
            seat.written.store(sequence, Ordering::Relaxed);
        }
        written
    }

    /// Sends a message as far as faults let it; false if the connection is gone.
    async fn pass(&mut self, op: u8, message: tungstenite::Message) -> bool {
        let passage = self.shared.faults.pass(&self.payload(op.into()), message);
        if !passage.delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(passage.delay) => {}
                () = self.stop.requested() => {}
            }
            // Meanwhile no heartbeat was read.
            self.heard_from += passage.delay;
        }
        for message in passage.messages {
            // Whoever reads nothing can neither be told anything nor hold up the end.
            let deadline = self.deadline();
            let sent = tokio::select! {
                sent = self.socket.send(message) => sent.is_ok(),
                () = tokio::time::sleep_until(deadline) => false,
                () = self.stop.requested() => false,
            };
            if !sent {
                return false;
            }
        }
        self.struck = passage.end;
        self.struck.is_none()
    }

    /// Whether faults let a message of the client in.
    fn lets_in(&mut self, op: u64, data: &Value) -> bool {
        let mut payload = self.payload(op);
        if let (0 | 7, None) = (op, &self.seat) {
            payload.guild = data.get("server_id").and_then(snowflake::read);
            payload.bot = self.claimed_bot(data);
        }
        let strikes = self.shared.faults.on_received(&payload);
        let Some(strike) = strikes.into_iter().next() else {
            return true;
        };
        // All that can happen to it is in its place.
        self.struck = Some(strike.effect).filter(|effect| *effect != Effect::Swallow);
        false
    }

    /// Whose a login claims to be.
    fn claimed_bot(&self, login: &Value) -> Option<u64> {
        let user = login.get("user_id").and_then(snowflake::read);
        user.or_else(|| {
            let session = login.get("session_id").and_then(Value::as_str)?;
            let owner = self.shared.read(|state| state.sessions.owner(session))?;
            Some(owner.0)
        })
    }

    fn payload(&self, op: u64) -> point::Payload<'static> {
        let admission = self.seat.as_ref().map(|seat| &seat.admission);
        point::Payload {
            gateway: GatewayKind::Voice,
            op,
            event: None,
            bot: admission.map(|admission| admission.user),
            shard: None,
            guild: admission.map(|admission| admission.guild),
        }
    }
}

fn parse<T: for<'de> Deserialize<'de>>(data: Value) -> Result<T, Code> {
    serde_json::from_value(data).map_err(|_| close::DECODE_ERROR)
}
