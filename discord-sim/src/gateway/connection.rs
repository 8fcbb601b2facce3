//! One gateway connection, from its handshake to its close.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::login::{Answer, Identify, Owner};
use super::pace::{Pace, after};
use super::transport::{self, Query, Transport};
use crate::faults::active::Strike;
use crate::faults::answer::HttpAnswer;
use crate::faults::arrival::arrive;
use crate::faults::cut::cut;
use crate::faults::effect::{Cut, Effect};
use crate::faults::passage::Passage;
use crate::faults::point::{self, GatewayKind, Server};
use crate::protocol::{Code, gateway_close as close};
use crate::state::sessions::{Attachment, OUTLET, Outgoing};
use crate::state::{ConnectionRefusal, Interruption, Shared};
use crate::stop::Stop;
use crate::websocket::{self, Incoming, Payload};

/// Serves one client.
pub(crate) async fn serve(mut stream: TcpStream, shared: Arc<Shared>, mut stop: Stop) {
    let arrived = arrive(&shared.faults, Server::Gateway, &mut stream, &mut stop).await;
    let Some(arrival) = arrived else {
        return;
    };
    let refusal = shared.change(|state| state.refusals.next_connection());
    if refusal == Some(ConnectionRefusal::Drop) {
        return cut(&mut stream, Cut::Reset, &mut stop).await;
    }
    let read = |query: &str| match (arrival.answer, refusal) {
        (Some(answer), _) => Err(answer),
        (None, Some(ConnectionRefusal::Status(status))) => Err(HttpAnswer::bare(status)),
        _ => transport::read_query(query).map_err(websocket::refusal),
    };
    let accepting = websocket::accept(stream, false, read);
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
            End::Cut(how) => cut(socket.get_mut(), how, &mut closing_stop).await,
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

/// Why a connection is over.
#[derive(Clone, Copy)]
enum End {
    /// The client closed, with its code if it sent one, or is gone.
    Client(Option<u16>),
    /// The server closes, with this code or none.
    Server(Option<Code>),
    /// A test cuts it, without a close frame.
    Cut(Cut),
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
    /// Events that a fault delays or a stall holds back, and from when on they may be sent.
    held: VecDeque<(Instant, Utf8Bytes)>,
    stalled_until: Option<Instant>,
}

/// A session that this connection serves.
struct Login {
    attachment: Attachment,
    inlet: mpsc::Receiver<Outgoing>,
    owner: Owner,
}

/// What a connection waits for.
enum Next {
    Stop,
    Silent,
    Due,
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
                Next::Due => self.release().await,
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
            Some(ConnectionRefusal::Silence) => return Err(End::Cut(Cut::HalfOpen)),
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
        let due = self.due();
        let outgoing = async {
            match &mut self.login {
                Some(login) => login.inlet.recv().await,
                None => std::future::pending().await,
            }
        };
        let release = async {
            match due {
                Some(due) => sleep_until(due).await,
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
            () = release => Next::Due,
            outgoing = outgoing => Next::Outgoing(outgoing),
            incoming = incoming => Next::Incoming(incoming),
        }
    }

    /// Sends a payload that is no event, as far as faults let it.
    async fn send(&mut self, op: u64, data: Value) -> Result<(), End> {
        let passage = self.pass(op, None, frame(op, data));
        if !passage.delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(passage.delay) => {}
                () = self.stop.requested() => {}
            }
            // Meanwhile no heartbeat was read.
            self.pace.deadline = after(self.pace.deadline, passage.delay);
        }
        for message in passage.messages {
            self.write(message).await?;
        }
        self.meet(passage.end).await
    }

    /// What becomes of a payload because of faults.
    fn pass(&self, op: u64, event: Option<&str>, text: Utf8Bytes) -> Passage {
        let payload = self.payload(op, event);
        self.shared.faults.pass(&payload, Message::Text(text))
    }

    fn payload<'a>(&self, op: u64, event: Option<&'a str>) -> point::Payload<'a> {
        let owner = self.login.as_ref().map(|login| login.owner);
        let Owner { bot, shard } = owner.unwrap_or_default();
        point::Payload {
            gateway: GatewayKind::Main,
            op,
            event,
            bot,
            shard,
            guild: None,
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        let frame = match message {
            Message::Text(text) => self.transport.frame(text),
            other => other,
        };
        // Whoever reads nothing can neither be told why it is closed.
        let sent = tokio::select! {
            sent = self.socket.send(frame) => sent.is_ok(),
            () = sleep_until(self.pace.deadline) => false,
            () = self.stop.requested() => false,
        };
        if sent { Ok(()) } else { Err(End::Client(None)) }
    }

    /// Lets happen to the connection what a fault wants instead of a payload.
    async fn meet(&mut self, end: Option<Effect>) -> Result<(), End> {
        match end {
            Some(Effect::Cut(how)) => Err(End::Cut(how)),
            Some(Effect::Close(code)) => Err(End::Server(code.map(close::with_reason))),
            Some(Effect::Reconnect) => self.write(Message::Text(frame(7, Value::Null))).await,
            Some(Effect::InvalidSession { resumable }) => {
                if !resumable && let Some(login) = self.login.take() {
                    self.shared.change(|state| state.give_up(&login.attachment));
                }
                let invalid = frame(9, json!(resumable));
                self.write(Message::Text(invalid)).await
            }
            _ => Ok(()),
        }
    }

    /// Sends an event, as far as faults let it, in its turn.
    async fn pass_on(&mut self, event: Utf8Bytes) -> Result<(), End> {
        let passage = if self.shared.faults.is_empty() {
            Passage::from(Message::Text(event))
        } else {
            let named = serde_json::from_str::<Named<'_>>(&event).ok();
            let name = named.as_ref().map(|named| named.t.as_ref());
            self.pass(0, name, event.clone())
        };
        let now = Instant::now();
        let last = self.held.back().map_or(now, |(due, _)| *due);
        let due = after(now, passage.delay).max(last);
        let waits = due > now || !self.held.is_empty() || self.stalled_until.is_some();
        for message in passage.messages {
            match message {
                Message::Text(text) if waits => self.held.push_back((due, text)),
                message => self.write(message).await?,
            }
        }
        if self.held.len() > OUTLET {
            return Err(close::UNKNOWN_ERROR.into());
        }
        self.meet(passage.end).await
    }

    /// When the next event that waits may be sent; at the end of a stall it is over.
    fn due(&self) -> Option<Instant> {
        let first = self.held.front().map(|(due, _)| *due);
        match (first, self.stalled_until) {
            (Some(first), Some(end)) => Some(first.max(end)),
            (first, end) => first.or(end),
        }
    }

    /// Sends the events that have waited long enough.
    async fn release(&mut self) -> Result<(), End> {
        self.stalled_until = None;
        let now = Instant::now();
        while let Some((_, event)) = self.held.pop_front_if(|(due, _)| *due <= now) {
            self.write(Message::Text(event)).await?;
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
            Interruption::Drop => Err(End::Cut(Cut::Reset)),
            Interruption::HangUp => Err(End::Cut(Cut::Close)),
            Interruption::HalfOpen => Err(End::Cut(Cut::HalfOpen)),
            Interruption::Stall(Duration::ZERO) => self.release().await,
            Interruption::Stall(time) => {
                self.stalled_until = Some(after(Instant::now(), time));
                Ok(())
            }
        }
    }

    async fn handle(&mut self, payload: Payload) -> Result<(), End> {
        if let Some(strike) = self.strike(&payload) {
            return self.meet(Some(strike.effect)).await;
        }
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

    /// What strikes a payload that has come in. All that can happen to it is in its place.
    fn strike(&self, received: &Payload) -> Option<Strike> {
        if self.shared.faults.is_empty() {
            return None;
        }
        let mut payload = self.payload(received.op, None);
        if let (2 | 6, None) = (received.op, &self.login) {
            let claimed = self.shared.read(|state| state.claimed_owner(&received.d));
            Owner {
                bot: payload.bot,
                shard: payload.shard,
            } = claimed;
        }
        let strikes = self.shared.faults.on_received(&payload);
        strikes.into_iter().next()
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
            Answer::Attached(attachment) => {
                let owner = self
                    .shared
                    .read(|state| state.sessions.owner(&attachment.session));
                self.login = Some(Login {
                    attachment,
                    inlet,
                    owner: owner.map(Owner::from).unwrap_or_default(),
                });
            }
            Answer::Invalid(resumable) => self.send(9, json!(resumable)).await?,
            Answer::Nothing => {}
        }
        Ok(())
    }
}

/// The name of an event.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
}

/// A payload that is no event.
fn frame(op: u64, data: Value) -> Utf8Bytes {
    let payload = json!({ "t": null, "s": null, "op": op, "d": data });
    payload.to_string().into()
}

fn parse<T: for<'de> Deserialize<'de>>(data: Value) -> Result<T, Code> {
    serde_json::from_value(data).map_err(|_| close::DECODE_ERROR)
}
