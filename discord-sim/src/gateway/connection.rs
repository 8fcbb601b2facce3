//! One gateway connection, from its handshake to its close.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::login::{Answer, Identify};
use super::pace::{Pace, after};
use super::transport::{self, Query, Transport};
use crate::protocol::{Code, gateway_close as close};
use crate::state::sessions::{Attachment, OUTLET, Outgoing};
use crate::state::{ConnectionRefusal, Interruption, Shared};
use crate::stop::Stop;
use crate::websocket::{self, Incoming, Payload, Refused};

/// Serves one client.
pub(crate) async fn serve(stream: TcpStream, shared: Arc<Shared>, mut stop: Stop) {
    let refusal = shared.change(|state| state.refusals.next_connection());
    if refusal == Some(ConnectionRefusal::Drop) {
        return reset(&stream);
    }
    let read = |query: &str| match refusal {
        Some(ConnectionRefusal::Status(status)) => Err(Refused::with_status(status)),
        _ => transport::read_query(query).map_err(Refused::from),
    };
    let accepting = websocket::accept(stream, read);
    let Ok(Some((socket, query))) = tokio::time::timeout(websocket::HANDSHAKE, accepting).await
    else {
        return;
    };
    let Query {
        transport,
        known_version,
    } = query;
    let pace = shared.read(|state| Pace::new(&state.sessions.limits, Instant::now()));
    let mut connection = Connection {
        shared,
        socket,
        stop: stop.clone(),
        transport,
        pace,
        login: None,
        held: VecDeque::new(),
        stalled_until: None,
    };
    let end = connection.run(refusal, known_version).await;
    let Connection {
        shared,
        mut socket,
        login,
        ..
    } = connection;
    let left = login.map(|login| login.attachment);
    if let End::Server(Some(code)) = end {
        shared.change(|state| state.note_close(left.as_ref(), code));
    }
    let said_goodbye = matches!(end, End::Client(Some(1000 | 1001)));
    // From here on another connection may resume the session, however long this one takes
    // to close.
    let left = left.filter(|left| shared.change(|state| state.detach(left, said_goodbye)));
    let mut closing_stop = stop.clone();
    let closing = async move {
        match end {
            End::Client(_) => websocket::finish(&mut socket).await,
            End::Server(Some(code)) => websocket::close(&mut socket, code).await,
            End::Server(None) => websocket::close_with(&mut socket, None).await,
            End::Cut { reset: true } => reset(socket.get_ref()),
            End::Cut { reset: false } => {}
            End::HalfOpen => swallow(socket.get_mut(), &mut closing_stop).await,
        }
    };
    tokio::join!(closing, async {
        if let Some(left) = left {
            wait_for_resume(&shared, &left, &mut stop).await;
        }
    });
}

/// Ends the session if nobody resumes it in time.
async fn wait_for_resume(shared: &Shared, left: &Attachment, stop: &mut Stop) {
    let window = shared.read(|state| state.sessions.limits.resume_window);
    tokio::select! {
        () = sleep_until(after(Instant::now(), window)) => {
            shared.change(|state| state.give_up(left));
        }
        // At the end of the simulator nobody needs to hear of anything.
        () = stop.requested() => {}
    }
}

/// Makes the connection end with a reset instead of a close.
fn reset(stream: &TcpStream) {
    // Where the system does not allow it, the end is an ordinary one.
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "no reset");
    }
}

/// Reads what comes and answers nothing, until the client gives up.
async fn swallow(stream: &mut TcpStream, stop: &mut Stop) {
    let mut buffer = vec![0; 1024];
    let swallowing = async { while let Ok(1..) = stream.read(&mut buffer).await {} };
    tokio::select! {
        () = swallowing => {}
        () = stop.requested() => {}
    }
}

/// Why a connection is over.
#[derive(Clone, Copy)]
enum End {
    /// The client closed, with its code if it sent one, or is gone.
    Client(Option<u16>),
    /// The server closes, with this code or none.
    Server(Option<Code>),
    /// A test cuts it, without a close frame.
    Cut { reset: bool },
    /// A test wants nothing to be answered any more.
    HalfOpen,
}

impl From<Code> for End {
    fn from(code: Code) -> End {
        End::Server(Some(code))
    }
}

struct Connection {
    shared: Arc<Shared>,
    socket: WebSocketStream<TcpStream>,
    stop: Stop,
    transport: Transport,
    pace: Pace,
    login: Option<Login>,
    /// Events that a stall holds back.
    held: VecDeque<Utf8Bytes>,
    stalled_until: Option<Instant>,
}

/// A session that this connection serves.
struct Login {
    attachment: Attachment,
    inlet: mpsc::Receiver<Outgoing>,
}

/// What a connection waits for.
enum Next {
    Stop,
    Silent,
    StallOver,
    Outgoing(Option<Outgoing>),
    Incoming(Incoming),
}

impl Connection {
    async fn run(&mut self, refusal: Option<ConnectionRefusal>, known_version: bool) -> End {
        if let Err(end) = self.greet(refusal, known_version).await {
            return end;
        }
        loop {
            let handled = match self.next().await {
                Next::Stop => Err(close::GOING_AWAY.into()),
                Next::Silent => Err(close::SESSION_TIMED_OUT.into()),
                Next::StallOver => self.release().await,
                // The session has moved to another connection, or this one is too slow.
                Next::Outgoing(None) => Err(close::UNKNOWN_ERROR.into()),
                Next::Outgoing(Some(Outgoing::Event(event))) => self.pass_on(event).await,
                Next::Outgoing(Some(Outgoing::Interruption(interruption))) => {
                    self.interrupt(interruption).await
                }
                Next::Incoming(Incoming::Payload(payload)) => self.handle(payload).await,
                Next::Incoming(Incoming::Garbage | Incoming::Binary(_)) => {
                    Err(close::DECODE_ERROR.into())
                }
                Next::Incoming(Incoming::Closed(code)) => Err(End::Client(code)),
            };
            if let Err(end) = handled {
                return end;
            }
        }
    }

    async fn greet(
        &mut self,
        refusal: Option<ConnectionRefusal>,
        known_version: bool,
    ) -> Result<(), End> {
        match refusal {
            Some(ConnectionRefusal::Silence) => return Err(End::HalfOpen),
            Some(ConnectionRefusal::Reconnect) => return self.send(7, Value::Null).await,
            _ => {}
        }
        let interval_ms = self.pace.interval.as_millis();
        let interval_ms = u64::try_from(interval_ms).unwrap_or(u64::MAX);
        let hello = json!({ "heartbeat_interval": interval_ms, "_trace": [] });
        self.send(10, hello).await?;
        match refusal {
            Some(ConnectionRefusal::Close(code)) => Err(close::with_reason(code).into()),
            _ if !known_version => Err(close::INVALID_VERSION.into()),
            _ => Ok(()),
        }
    }

    async fn next(&mut self) -> Next {
        let stalled_until = self.stalled_until;
        let outgoing = async {
            match &mut self.login {
                Some(login) => login.inlet.recv().await,
                None => std::future::pending().await,
            }
        };
        let stall = async {
            match stalled_until {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let incoming = async {
            match websocket::receive(&mut self.socket).await {
                Incoming::Binary(bytes) => websocket::parse(&bytes),
                incoming => incoming,
            }
        };
        tokio::select! {
            () = self.stop.requested() => Next::Stop,
            () = sleep_until(self.pace.deadline) => Next::Silent,
            () = stall => Next::StallOver,
            outgoing = outgoing => Next::Outgoing(outgoing),
            incoming = incoming => Next::Incoming(incoming),
        }
    }

    /// Sends a payload that is no event.
    async fn send(&mut self, op: u64, data: Value) -> Result<(), End> {
        let payload = json!({ "t": null, "s": null, "op": op, "d": data });
        self.send_text(payload.to_string().into()).await
    }

    async fn send_text(&mut self, text: Utf8Bytes) -> Result<(), End> {
        let frame = self.transport.frame(text);
        // Whoever reads nothing can neither be told why it is closed.
        let sent = tokio::select! {
            sent = self.socket.send(frame) => sent.is_ok(),
            () = sleep_until(self.pace.deadline) => false,
            () = self.stop.requested() => false,
        };
        if sent { Ok(()) } else { Err(End::Client(None)) }
    }

    async fn pass_on(&mut self, event: Utf8Bytes) -> Result<(), End> {
        if self.stalled_until.is_none() {
            return self.send_text(event).await;
        }
        if self.held.len() == OUTLET {
            return Err(close::UNKNOWN_ERROR.into());
        }
        self.held.push_back(event);
        Ok(())
    }

    /// Ends a stall.
    async fn release(&mut self) -> Result<(), End> {
        self.stalled_until = None;
        while let Some(event) = self.held.pop_front() {
            self.send_text(event).await?;
        }
        Ok(())
    }

    async fn interrupt(&mut self, interruption: Interruption) -> Result<(), End> {
        match interruption {
            Interruption::Reconnect => self.send(7, Value::Null).await,
            Interruption::RequestHeartbeat => self.send(1, Value::Null).await,
            Interruption::InvalidSession { resumable } => {
                if !resumable {
                    self.login = None;
                }
                self.send(9, json!(resumable)).await
            }
            Interruption::Close(code) => Err(End::Server(code.map(close::with_reason))),
            Interruption::Drop => Err(End::Cut { reset: true }),
            Interruption::HangUp => Err(End::Cut { reset: false }),
            Interruption::HalfOpen => Err(End::HalfOpen),
            Interruption::Stall(Duration::ZERO) => self.release().await,
            Interruption::Stall(time) => {
                self.stalled_until = Some(after(Instant::now(), time));
                Ok(())
            }
        }
    }

    async fn handle(&mut self, payload: Payload) -> Result<(), End> {
        let now = Instant::now();
        self.pace.count(now)?;
        match (payload.op, &self.login) {
            (1, _) => {
                if !payload.d.is_null() && !payload.d.is_u64() {
                    return Err(close::DECODE_ERROR.into());
                }
                self.pace.beat(now);
                self.send(11, Value::Null).await
            }
            (2 | 6, Some(_)) => Err(close::ALREADY_AUTHENTICATED.into()),
            (op @ (2 | 6), None) => self.log_in(op, payload.d).await,
            (3 | 4 | 8 | 31, None) => Err(close::NOT_AUTHENTICATED.into()),
            (op @ (3 | 4 | 8 | 31), Some(login)) => {
                let attachment = &login.attachment;
                let requested = self
                    .shared
                    .change(|state| state.gateway_request(attachment, op, &payload.d));
                Ok(requested?)
            }
            _ => Err(close::UNKNOWN_OPCODE.into()),
        }
    }

    async fn log_in(&mut self, op: u64, data: Value) -> Result<(), End> {
        let (outlet, inlet) = mpsc::channel(OUTLET);
        let answer = if op == 2 {
            let identify = parse::<Identify>(data)?;
            if identify.compress {
                self.transport.compress_large();
            }
            self.shared
                .change(|state| state.identify(&identify, outlet))
        } else {
            let resume = parse(data)?;
            self.shared.change(|state| state.resume(&resume, outlet))
        };
        match answer? {
            Answer::Attached(attachment) => self.login = Some(Login { attachment, inlet }),
            Answer::Invalid(resumable) => self.send(9, json!(resumable)).await?,
            Answer::Nothing => {}
        }
        Ok(())
    }
}

fn parse<T: for<'de> Deserialize<'de>>(data: Value) -> Result<T, Code> {
    serde_json::from_value(data).map_err(|_| close::DECODE_ERROR)
}
