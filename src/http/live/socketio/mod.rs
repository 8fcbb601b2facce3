//! `/socket.io`: events for the Socket.IO client 4.x, by requests that wait (polling), by websocket,
//! or by the one and then the other. Contract 7. Why this speaks the protocol itself:
//! `docs/decisions.md`.

mod packet;
mod session;

use std::sync::Arc;
use std::time::Duration;

use rocket::Either;
use rocket::data::ToByteUnit as _;
use rocket::request::{FromRequest, Outcome};
use rocket::{Data, Request, Shutdown, State, get, post};
use rocket_ws::Channel;

use super::guard::{SocketCaller, Upgrade};
use super::socket::{Closing, MESSAGE_MAX_BYTES, Socket, config};
use crate::clock::Clock;
use crate::error::Error;
use crate::http::error::fail;
use crate::http::guards::AppState;
use crate::http::query;
use packet::{NOOP, Open, PROBE, PROBE_ANSWER, Packet, SEPARATOR, UPGRADE};
pub(in crate::http) use session::Sessions;
use session::{PING_EVERY, PONG_WITHIN, Session};

const UNKNOWN: Error = Error::Invalid("this session has ended");
/// How often a request that waits is ended while the client changes to a websocket: it may begin
/// another before it does.
const WAKE_EVERY: Duration = Duration::from_millis(100);
/// How long that change may take.
const UPGRADE_WITHIN: Duration = Duration::from_secs(10);

/// What a request is about.
pub(in crate::http) enum Subject {
    /// A new session.
    New(SocketCaller),
    /// One that there is.
    Known(Arc<Session>),
}

/// How the client wants to go on.
pub(in crate::http) struct Transport(Option<Upgrade>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Subject {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        const VERSION: Error = Error::Invalid("EIO must be 4: the client is too old");
        let is_4 = matches!(query::find(request, "EIO"), Ok(Some(version)) if version == "4");
        if !is_4 {
            return fail(request, VERSION);
        }
        match query::find(request, "sid") {
            Ok(None) => SocketCaller::from_request(request).await.map(Self::New),
            Ok(Some(sid)) => {
                let sessions = request.rocket().state::<Arc<Sessions>>();
                match sessions.and_then(|sessions| sessions.find(&sid)) {
                    Some(session) => Outcome::Success(Self::Known(session)),
                    None => fail(request, UNKNOWN),
                }
            }
            Err(query::Twice) => fail(request, UNKNOWN),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Transport {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        const KNOWN: Error = Error::Invalid("transport must be polling or websocket");
        match query::find(request, "transport") {
            Ok(Some(name)) if name == "polling" => Outcome::Success(Self(None)),
            Ok(Some(name)) if name == "websocket" => {
                let upgrade = Upgrade::from_request(request).await;
                upgrade.map(|upgrade| Self(Some(upgrade)))
            }
            _ => fail(request, KNOWN),
        }
    }
}

/// Begins a session, waits for its packets, or goes on with a websocket.
#[utoipa::path(
    get,
    path = "/socket.io",
    tag = "live",
    security((), ("basic" = []), ("token" = [], "userid" = [])),
    params(
        ("EIO" = String, Query, description = "The version of engine.io: 4.", pattern = "^4$"),
        (
            "transport" = String,
            Query,
            description = "How the packets come.",
            pattern = "^(polling|websocket)$"
        ),
        ("sid" = Option<String>, Query, description = "The session, once there is one.")
    ),
    responses(
        (
            status = 200,
            description = "Packets of engine.io 4",
            body = String,
            content_type = "text/plain; charset=utf-8"
        ),
        (status = 101, description = "The connection speaks websocket from now on"),
        (status = 403, description = "A page of another site")
    ),
)]
#[get("/socket.io")]
pub(in crate::http) async fn receive_packets(
    app: &AppState,
    sessions: &State<Arc<Sessions>>,
    subject: Subject,
    transport: Transport,
    shutdown: Shutdown,
) -> Result<Either<String, Channel<'static>>, Error> {
    let (session, is_new) = match subject {
        Subject::Known(session) => (session, false),
        Subject::New(caller) => {
            let app = Arc::clone(app.inner());
            let session = sessions.begin(app, caller.subscriber, caller.address, shutdown)?;
            (session, true)
        }
    };
    let clock = app.clock.clone();
    match transport.0 {
        None if is_new => Ok(Either::Left(greeting(&session, &["websocket"]))),
        None => poll(&session).await.map(Either::Left),
        Some(upgrade) => {
            let channel = upgrade.0.config(config()).channel(move |stream| {
                Box::pin(async move {
                    let mut socket = Socket::new(stream, clock.clone());
                    let why = carry(&mut socket, &session, is_new, &clock).await;
                    let _has_ended = session.said.try_send(Packet::Close);
                    socket.close(why).await;
                    Ok(())
                })
            });
            Ok(Either::Right(channel))
        }
    }
}

/// Takes a client's packets.
#[utoipa::path(
    post,
    path = "/socket.io",
    tag = "live",
    security((), ("basic" = []), ("token" = [], "userid" = [])),
    params(
        ("EIO" = String, Query, description = "The version of engine.io: 4.", pattern = "^4$"),
        (
            "transport" = String,
            Query,
            description = "How the packets come.",
            pattern = "^(polling|websocket)$"
        ),
        ("sid" = Option<String>, Query, description = "The session, once there is one.")
    ),
    request_body(content = String, content_type = "text/plain"),
    responses(
        (
            status = 200,
            description = "They are taken",
            body = String,
            content_type = "text/plain; charset=utf-8"
        ),
        (status = 403, description = "A page of another site")
    ),
)]
#[post("/socket.io", data = "<data>")]
pub(in crate::http) async fn send_packets(
    subject: Subject,
    data: Data<'_>,
) -> Result<&'static str, Error> {
    const UNREADABLE: Error = Error::Invalid("these are no packets of engine.io 4");
    let Subject::Known(session) = subject else {
        return Err(UNKNOWN);
    };
    let body = data.open(MESSAGE_MAX_BYTES.bytes()).into_string().await;
    // What is too long or no text ends the session like what is no packet.
    let body = body.ok().filter(rocket::data::Capped::is_complete);
    let body = body.map(rocket::data::Capped::into_inner);
    for text in body.unwrap_or_default().split(SEPARATOR) {
        say(&session, text).map_err(|_| UNREADABLE)?;
    }
    Ok("ok")
}

/// The first packet of a session.
fn greeting(session: &Session, upgrades: &[&str]) -> String {
    packet::open(&Open {
        sid: &session.sid,
        upgrades,
        ping_interval: PING_EVERY.as_millis(),
        ping_timeout: PONG_WITHIN.as_millis(),
        max_payload: MESSAGE_MAX_BYTES,
    })
}

/// Hands a packet of the client's to the session; one that cannot be read, or one too many, ends
/// it.
fn say(session: &Session, text: &str) -> Result<(), Closing> {
    let said = packet::read(text).and_then(|packet| session.said.try_send(packet).ok());
    if said.is_none() {
        let _has_ended = session.said.try_send(Packet::Close);
    }
    said.ok_or(Closing::Odd)
}

/// Waits for packets, and takes all there are.
async fn poll(session: &Session) -> Result<String, Error> {
    let Ok(mut outbox) = session.outbox.try_lock() else {
        let _has_ended = session.said.try_send(Packet::Close);
        return Err(Error::Invalid("another request waits already"));
    };
    let mut body = outbox.recv().await.ok_or(UNKNOWN)?;
    while let Ok(packet) = outbox.try_recv() {
        body.push(SEPARATOR);
        body.push_str(&packet);
    }
    Ok(body)
}

/// Carries packets between a websocket and a session until one of them ends.
async fn carry(socket: &mut Socket, session: &Session, is_new: bool, clock: &Clock) -> Closing {
    let carried = async {
        if is_new {
            socket.send(greeting(session, &[])).await?;
        } else {
            upgrade(socket, session, clock).await?;
        }
        // A request that waited has been ended.
        let mut outbox = session.outbox.lock().await;
        loop {
            tokio::select! {
                biased;
                packet = outbox.recv() => match packet {
                    Some(packet) => socket.send(packet).await?,
                    None => return Err(Closing::Done),
                },
                text = socket.next() => say(session, &text?)?,
            }
        }
    };
    let carried: Result<(), Closing> = carried.await;
    carried.err().unwrap_or(Closing::Done)
}

/// Lets the client change from requests to this websocket.
async fn upgrade(socket: &mut Socket, session: &Session, clock: &Clock) -> Result<(), Closing> {
    let until = clock.monotonic() + UPGRADE_WITHIN;
    loop {
        tokio::select! {
            biased;
            text = socket.next() => match text?.as_str() {
                PROBE => socket.send(PROBE_ANSWER.to_owned()).await?,
                UPGRADE => return Ok(()),
                _ => return Err(Closing::Odd),
            },
            () = clock.sleep_until(until) => return Err(Closing::Odd),
            () = tokio::time::sleep(WAKE_EVERY) => {
                let is_waiting = session.outbox.try_lock().is_err();
                if let Some(wake) = session.wake.upgrade().filter(|_| is_waiting) {
                    let _is_awake_anyway = wake.try_send(NOOP.to_owned());
                }
            }
        }
    }
}
