//! One gateway connection, from HELLO to its close.

use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::transport::{self, Query, Transport};
use crate::protocol::{Code, gateway_close as close, intents};
use crate::state::Shared;
use crate::state::sessions::{Attachment, OUTLET, ResumeError};
use crate::stop::Stop;
use crate::websocket::{self, Incoming, Payload};

const HEARTBEAT_INTERVAL_MS: u64 = 41_250;
/// How long a session without a connection can be resumed.
const RESUME_WINDOW: Duration = Duration::from_mins(1);

/// Serves one client.
pub(crate) async fn serve(stream: TcpStream, shared: Arc<Shared>, mut stop: Stop) {
    let accepting = websocket::accept(stream, transport::read_query);
    let Ok(Some((
        socket,
        Query {
            transport,
            known_version,
        },
    ))) = tokio::time::timeout(websocket::HANDSHAKE, accepting).await
    else {
        return;
    };
    let (outlet, inlet) = mpsc::channel(OUTLET);
    let mut connection = Connection {
        shared,
        socket,
        transport,
        outlet: Some(outlet),
        attachment: None,
    };
    let end = connection.run(inlet, known_version, &mut stop).await;
    let Connection {
        shared,
        mut socket,
        attachment,
        ..
    } = connection;
    match end {
        End::Server(code) => websocket::close(&mut socket, code).await,
        End::Client(_) => websocket::finish(&mut socket).await,
    }
    drop(socket);
    if let Some(attachment) = attachment {
        leave(&shared, &attachment, end, &mut stop).await;
    }
}

/// Ends the session at once if the client said goodbye, else when nobody resumes it in time.
async fn leave(shared: &Shared, attachment: &Attachment, end: End, stop: &mut Stop) {
    let said_goodbye = matches!(end, End::Client(Some(1000 | 1001)));
    if !said_goodbye {
        if !shared.change(|state| state.sessions.detach(attachment)) {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(RESUME_WINDOW) => {}
            () = stop.requested() => {}
        }
    }
    shared.change(|state| state.end_session(attachment));
}

/// Why a connection is over.
#[derive(Clone, Copy)]
enum End {
    /// The client closed, with its code if it sent one.
    Client(Option<u16>),
    /// The server closes, with this code.
    Server(Code),
}

struct Connection {
    shared: Arc<Shared>,
    socket: WebSocketStream<TcpStream>,
    transport: Transport,
    /// Handed to the session once there is one.
    outlet: Option<mpsc::Sender<Utf8Bytes>>,
    attachment: Option<Attachment>,
}

#[derive(Deserialize)]
struct Identify {
    token: String,
    intents: u64,
    #[serde(default)]
    compress: bool,
    #[serde(default)]
    shard: Option<(u64, u64)>,
}

#[derive(Deserialize)]
struct Resume {
    token: String,
    session_id: String,
    seq: u64,
}

impl Connection {
    async fn run(
        &mut self,
        mut inlet: mpsc::Receiver<Utf8Bytes>,
        known_version: bool,
        stop: &mut Stop,
    ) -> End {
        let hello = json!({
            "t": null, "s": null, "op": 10,
            "d": { "heartbeat_interval": HEARTBEAT_INTERVAL_MS, "_trace": [] },
        });
        if !self.send(hello.to_string().into()).await {
            return End::Client(None);
        }
        if !known_version {
            return End::Server(close::INVALID_VERSION);
        }
        loop {
            let incoming = tokio::select! {
                () = stop.requested() => return End::Server(close::GOING_AWAY),
                outgoing = inlet.recv() => {
                    // None: the session has moved to another connection, or this one is too slow.
                    let Some(text) = outgoing else { return End::Server(close::UNKNOWN_ERROR) };
                    if !self.send(text).await {
                        return End::Client(None);
                    }
                    continue;
                }
                incoming = websocket::receive(&mut self.socket) => incoming,
            };
            let incoming = match incoming {
                Incoming::Binary(bytes) => websocket::parse(&bytes),
                incoming => incoming,
            };
            let handled = match incoming {
                Incoming::Payload(payload) => self.handle(payload).await,
                Incoming::Garbage | Incoming::Binary(_) => Err(close::DECODE_ERROR),
                Incoming::Closed(code) => return End::Client(code),
            };
            if let Err(code) = handled {
                return End::Server(code);
            }
        }
    }

    /// Sends a payload; false if the connection is gone.
    async fn send(&mut self, text: Utf8Bytes) -> bool {
        let frame = self.transport.frame(text);
        self.socket.send(frame).await.is_ok()
    }

    async fn handle(&mut self, payload: Payload) -> Result<(), Code> {
        match (payload.op, &self.attachment) {
            (1, _) => {
                if !payload.d.is_null() && !payload.d.is_u64() {
                    return Err(close::DECODE_ERROR);
                }
                let ack = json!({ "t": null, "s": null, "op": 11, "d": null });
                self.send(ack.to_string().into()).await;
                Ok(())
            }
            (2 | 6, Some(_)) => Err(close::ALREADY_AUTHENTICATED),
            (2, None) => self.identify(parse(payload.d)?),
            (6, None) => self.resume(parse(payload.d)?).await,
            (3 | 4 | 8 | 31, None) => Err(close::NOT_AUTHENTICATED),
            (op @ (3 | 4 | 8 | 31), Some(attachment)) => self
                .shared
                .change(|state| state.gateway_request(attachment, op, &payload.d)),
            _ => Err(close::UNKNOWN_OPCODE),
        }
    }

    fn identify(&mut self, identify: Identify) -> Result<(), Code> {
        let shard = identify.shard.unwrap_or((0, 1));
        if shard.0 >= shard.1 {
            return Err(close::INVALID_SHARD);
        }
        if identify.intents & !intents::KNOWN != 0 {
            return Err(close::INVALID_INTENTS);
        }
        let resume_url = format!("ws://127.0.0.1:{}", self.shared.ports.gateway);
        let outlet = self.outlet.take().ok_or(close::ALREADY_AUTHENTICATED)?;
        let attachment = self.shared.change(|state| {
            let bot = state
                .find_bot(&identify.token)
                .ok_or(close::AUTHENTICATION_FAILED)?;
            let wanted = identify.intents & intents::PRIVILEGED;
            if wanted & !bot.privileged_intents != 0 {
                return Err(close::DISALLOWED_INTENTS);
            }
            let bot = bot.id;
            let attachment = state.sessions.open(bot, identify.intents, shard, outlet);
            state.greet(&attachment, shard, &resume_url);
            let name = state.name_of(bot);
            state.note(format!("{name} logged in"));
            Ok(attachment)
        })?;
        self.attachment = Some(attachment);
        if identify.compress {
            self.transport.compress_large();
        }
        Ok(())
    }

    async fn resume(&mut self, resume: Resume) -> Result<(), Code> {
        let outlet = self.outlet.clone().ok_or(close::ALREADY_AUTHENTICATED)?;
        let resumed = self.shared.change(|state| {
            let bot = state
                .find_bot(&resume.token)
                .ok_or(close::AUTHENTICATION_FAILED)?
                .id;
            Ok(state
                .sessions
                .resume(bot, &resume.session_id, resume.seq, outlet))
        })?;
        match resumed {
            Ok(attachment) => {
                // From here on only the session holds the outlet: dropping it there ends us.
                self.outlet = None;
                self.attachment = Some(attachment);
                Ok(())
            }
            Err(ResumeError::Ahead) => Err(close::INVALID_SEQUENCE),
            Err(ResumeError::Unknown) => {
                let invalid = json!({ "t": null, "s": null, "op": 9, "d": false });
                self.send(invalid.to_string().into()).await;
                Ok(())
            }
        }
    }
}

fn parse<T: for<'de> Deserialize<'de>>(data: Value) -> Result<T, Code> {
    serde_json::from_value(data).map_err(|_| close::DECODE_ERROR)
}
