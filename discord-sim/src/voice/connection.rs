//! One voice gateway connection (version 4), from HELLO to its close.

use std::sync::Arc;

use rand::RngExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;

use crate::audio::hub::Link;
use crate::heard::recording::Recording;
use crate::protocol::gateway_close::GOING_AWAY;
use crate::protocol::rtp::Cipher;
use crate::protocol::{Code, voice_close as close};
use crate::state::Shared;
use crate::state::tickets::{Admission, Claim, Frame};
use crate::stop::Stop;
use crate::websocket::{self, Incoming, Payload};
use crate::world::snowflake;

const HEARTBEAT_INTERVAL_MS: f64 = 13_750.0;
/// How many frames a client may leave unread.
const OUTLET: usize = 256;

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Serves one client.
pub(crate) async fn serve(
    stream: TcpStream,
    tls: TlsAcceptor,
    shared: Arc<Shared>,
    mut stop: Stop,
) {
    let accepting =
        async { websocket::accept(tls.accept(stream).await.ok()?, check_version).await };
    let Ok(Some((socket, ()))) = tokio::time::timeout(websocket::HANDSHAKE, accepting).await else {
        return;
    };
    let (outlet, inlet) = mpsc::channel(OUTLET);
    let mut connection = Connection {
        shared,
        socket,
        outlet: Some(outlet),
        audio: None,
    };
    let code = connection.run(inlet, &mut stop).await;
    if let Some((admission, _)) = connection.audio.take() {
        connection
            .shared
            .change(|state| state.tickets.detach(admission));
        let Admission { guild, user, .. } = admission;
        connection
            .shared
            .hub
            .change(guild, user, Recording::interrupt);
    }
    match code {
        Some(code) => websocket::close(&mut connection.socket, code).await,
        None => websocket::finish(&mut connection.socket).await,
    }
}

/// This module knows one version; clients that ask for another must be told.
fn check_version(query: &str) -> Result<(), &'static str> {
    match websocket::query_field(query, "v").as_deref() {
        Some("4") => Ok(()),
        _ => Err("only voice gateway version 4 is spoken here"),
    }
}

struct Connection {
    shared: Arc<Shared>,
    socket: Socket,
    /// Handed to the ticket once the client is let in.
    outlet: Option<mpsc::Sender<Frame>>,
    audio: Option<(Admission, Arc<Link>)>,
}

#[derive(Deserialize)]
struct Identify {
    server_id: Value,
    user_id: Value,
    session_id: String,
    token: String,
}

#[derive(Deserialize)]
struct Resume {
    server_id: Value,
    session_id: String,
    token: String,
}

#[derive(Deserialize)]
struct SelectProtocol {
    protocol: String,
    data: ProtocolData,
}

#[derive(Deserialize)]
struct ProtocolData {
    mode: String,
}

#[derive(Deserialize)]
struct Speaking {
    speaking: u64,
}

impl Connection {
    /// Runs until either side closes; returns the code if it is the server.
    async fn run(&mut self, mut inlet: mpsc::Receiver<Frame>, stop: &mut Stop) -> Option<Code> {
        let hello = json!({ "v": 4, "heartbeat_interval": HEARTBEAT_INTERVAL_MS });
        if !self.send(8, &hello).await {
            return None;
        }
        loop {
            let incoming = tokio::select! {
                () = stop.requested() => return Some(GOING_AWAY),
                frame = inlet.recv() => {
                    match frame {
                        Some(Frame::Text(text)) => {
                            if !websocket::send(&mut self.socket, text).await {
                                return None;
                            }
                        }
                        Some(Frame::Close(code)) => return Some(code),
                        // The ticket was claimed by another connection, or this one is too slow.
                        None => return Some(close::SESSION_INVALID),
                    }
                    continue;
                }
                incoming = websocket::receive(&mut self.socket) => incoming,
            };
            let handled = match incoming {
                Incoming::Payload(payload) => self.handle(payload).await,
                Incoming::Garbage => Err(close::DECODE_ERROR),
                Incoming::Closed(_) => return None,
            };
            if let Err(code) = handled {
                return Some(code);
            }
        }
    }

    async fn handle(&mut self, payload: Payload) -> Result<(), Code> {
        match (payload.op, self.audio.is_some()) {
            (3, _) => {
                if !payload.d.is_u64() {
                    return Err(close::DECODE_ERROR);
                }
                self.send(6, &payload.d).await;
                Ok(())
            }
            (0 | 7, true) => Err(close::ALREADY_AUTHENTICATED),
            (0, false) => self.identify(parse(payload.d)?).await,
            (7, false) => self.resume(parse(payload.d)?).await,
            (1 | 5, false) => Err(close::NOT_AUTHENTICATED),
            (1, true) => self.select_protocol(parse(payload.d)?).await,
            (5, true) => self.speaking(parse(payload.d)?),
            _ => Err(close::UNKNOWN_OPCODE),
        }
    }

    async fn identify(&mut self, identify: Identify) -> Result<(), Code> {
        let outlet = self.outlet.take().ok_or(close::ALREADY_AUTHENTICATED)?;
        let claim = Claim {
            guild: snowflake::read(&identify.server_id).ok_or(close::DECODE_ERROR)?,
            user: Some(snowflake::read(&identify.user_id).ok_or(close::DECODE_ERROR)?),
            session_id: &identify.session_id,
            token: &identify.token,
        };
        let admission = self.shared.change(|state| {
            state
                .find_guild(claim.guild)
                .ok_or(close::SERVER_NOT_FOUND)?;
            state.tickets.claim(&claim, outlet)
        })?;
        let link = self.shared.hub.link(admission.guild, admission.user);
        let modes = self
            .shared
            .modes
            .iter()
            .map(|mode| mode.name())
            .collect::<Vec<_>>();
        let ready = json!({
            "ssrc": link.ssrc,
            "ip": "127.0.0.1",
            "port": self.shared.ports.udp,
            "modes": modes,
            "experiments": [],
            "streams": [],
        });
        self.audio = Some((admission, link));
        self.send(2, &ready).await;
        Ok(())
    }

    async fn resume(&mut self, resume: Resume) -> Result<(), Code> {
        let outlet = self.outlet.take().ok_or(close::ALREADY_AUTHENTICATED)?;
        let claim = Claim {
            guild: snowflake::read(&resume.server_id).ok_or(close::DECODE_ERROR)?,
            user: None,
            session_id: &resume.session_id,
            token: &resume.token,
        };
        let audio = self.shared.change(|state| {
            let admission = state.tickets.claim(&claim, outlet)?;
            let link = state
                .tickets
                .link(admission)
                .ok_or(close::SESSION_INVALID)?;
            Ok((admission, link))
        })?;
        self.audio = Some(audio);
        self.send(9, &Value::Null).await;
        Ok(())
    }

    async fn select_protocol(&mut self, select: SelectProtocol) -> Result<(), Code> {
        let Some((admission, link)) = &self.audio else {
            return Err(close::NOT_AUTHENTICATED);
        };
        if select.protocol != "udp" {
            return Err(close::UNKNOWN_PROTOCOL);
        }
        let offered = self
            .shared
            .modes
            .iter()
            .find(|mode| mode.name() == select.data.mode);
        let mode = *offered.ok_or(close::UNKNOWN_MODE)?;
        let mut key = [0_u8; 32];
        rand::rng().fill(&mut key);
        link.set_cipher(Cipher::new(mode, &key));
        let (admission, link) = (*admission, link.clone());
        let others = self.shared.change(|state| {
            state.tickets.set_link(admission, link);
            state.others_in_voice(admission.guild, admission.user)
        });
        let description = json!({
            "mode": mode.name(),
            "secret_key": key,
            "dave_protocol_version": 0,
            "audio_codec": "opus",
            "video_codec": null,
            "media_session_id": crate::world::random_text(32),
        });
        self.send(4, &description).await;
        if !others.is_empty()
            && let Frame::Text(text) = Frame::joined(&others)
        {
            websocket::send(&mut self.socket, text).await;
        }
        Ok(())
    }

    fn speaking(&mut self, speaking: Speaking) -> Result<(), Code> {
        let Some((admission, link)) = &self.audio else {
            return Err(close::NOT_AUTHENTICATED);
        };
        let data = json!({
            "user_id": admission.user.to_string(),
            "ssrc": link.ssrc,
            "speaking": speaking.speaking,
            "delay": null,
        });
        let frame = Frame::Text(json!({ "op": 5, "d": data }).to_string().into());
        let Admission { guild, user, .. } = *admission;
        self.shared.change(|state| {
            let channel = state
                .find_guild(guild)
                .and_then(|guild| guild.voice.get(&user));
            if let Some(channel) = channel.map(|voice| voice.channel) {
                state.tickets.tell_channel(guild, channel, user, &frame);
            }
        });
        Ok(())
    }

    async fn send(&mut self, op: u8, data: &Value) -> bool {
        let text = json!({ "op": op, "d": data }).to_string();
        websocket::send(&mut self.socket, text).await
    }
}

fn parse<T: for<'de> Deserialize<'de>>(data: Value) -> Result<T, Code> {
    serde_json::from_value(data).map_err(|_| close::DECODE_ERROR)
}
