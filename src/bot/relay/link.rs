//! One connection of serenity's and the one to Discord behind it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, accept_hdr_async_with_config, connect_async_with_config,
};

use super::frame::{FromClient, FromDiscord, from_client, from_discord, heartbeat_ack, resume_url};
use super::pace::Pace;
use super::{Report, Shared, set_up};

type Local = WebSocketStream<TcpStream>;
type Upstream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A large guild comes in one message of some megabytes.
const MESSAGE_MAX_BYTES: usize = 64 << 20;
/// For serenity, on this machine, to shake hands.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(5);
/// For one attempt to connect, up to Discord's HELLO. serenity waits for that for 15 seconds.
const DIAL_PATIENCE: Duration = Duration::from_secs(10);
/// For all attempts to connect again while there is a session.
const REDIAL_PATIENCE: Duration = Duration::from_secs(90);
/// First and longest pause before one of these, but for the first of all.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// A connection that held this long was a good one: pauses begin anew.
const STEADY: Duration = Duration::from_mins(1);
/// Dials without a login between them, after which the session is given up.
const DIALS_MAX: u32 = 12;
/// Of these as many are forgotten by a login that comes to nothing soon.
const DIALS_AFTER_LOGIN: u32 = 4;
/// For Discord to answer a heartbeat, and a login; by the clock.
const HEARTBEAT_PATIENCE: Duration = Duration::from_secs(10);
const LOGIN_PATIENCE: Duration = Duration::from_secs(20);
/// For a frame to be taken by the operating system.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// For the other side to say goodbye as well.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
/// For serenity to go when it was told to, or when its client is being ended.
const LINGER_PATIENCE: Duration = Duration::from_mins(1);
/// Frames that serenity sends while there is nowhere to send them to.
const HELD_MAX: usize = 32;
/// "Unknown error": serenity resumes after it, and Discord keeps a session that is closed so.
const RESUMABLE: u16 = 4000;

/// How a link ends.
enum End {
    /// serenity closes, with its code if it says one.
    Local(Option<CloseFrame>),
    /// The line to Discord is down, or as good as that.
    Line,
    /// Another client is needed.
    Report(Report),
}

/// Serves one connection of serenity's.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    set_up(&stream);
    let Some((mut local, query)) = greet(stream, &shared).await else {
        return;
    };
    if shared.is_closing.load(Ordering::Relaxed) {
        return part(&shared, local, End::Local(None)).await;
    }
    let mut held = VecDeque::new();
    let dialled = tokio::select! {
        dialled = dial(&shared, &query) => dialled,
        end = hold(&mut local, &mut held) => Err(end),
    };
    let end = match dialled {
        Ok((mut upstream, hello)) => {
            let since = Instant::now();
            let mut link = Link::new(&shared, &mut local, &mut upstream);
            let end = link.run(hello, held).await;
            if since.elapsed() > STEADY {
                shared.dials.store(0, Ordering::Relaxed);
            }
            let frame = match &end {
                End::Local(frame) => frame.clone(),
                End::Line | End::Report(_) => None,
            };
            let frame = frame.or_else(|| Some(close_frame(RESUMABLE)));
            close_upstream(upstream, frame).await;
            end
        }
        Err(end) => end,
    };
    part(&shared, local, end).await;
}

async fn greet(stream: TcpStream, shared: &Shared) -> Option<(Local, String)> {
    let mut query = String::new();
    #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let check = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        if request.uri().path() == shared.key {
            request
                .uri()
                .query()
                .unwrap_or_default()
                .clone_into(&mut query);
            return Ok(response);
        }
        let mut refused = ErrorResponse::new(None);
        *refused.status_mut() = StatusCode::NOT_FOUND;
        Err(refused)
    };
    let accepting = accept_hdr_async_with_config(stream, check, Some(config()));
    let local = timeout(HANDSHAKE_PATIENCE, accepting).await.ok()?.ok()?;
    Some((local, query))
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_MAX_BYTES))
        .max_frame_size(Some(MESSAGE_MAX_BYTES))
}

/// Keeps serenity patient while there is no line to Discord.
async fn hold(local: &mut Local, held: &mut VecDeque<Message>) -> End {
    loop {
        let message = match local.next().await {
            Some(Ok(Message::Close(frame))) => return End::Local(frame),
            Some(Ok(message)) => message,
            Some(Err(_)) | None => return End::Local(None),
        };
        let taken = match from_client(&message) {
            FromClient::Heartbeat => local.send(heartbeat_ack()).await.is_ok(),
            _ if message.is_text() && held.len() < HELD_MAX => {
                held.push_back(message);
                true
            }
            _ => !message.is_text(),
        };
        if !taken {
            return End::Line;
        }
    }
}

/// Connects to Discord, up to its HELLO: once, or again and again while there is a session.
async fn dial(shared: &Shared, query: &str) -> Result<(Upstream, Message), End> {
    let since = Instant::now();
    // Where a session can be resumed, for as long as that works.
    let mut resume_at = shared.resume_at().clone();
    loop {
        let dials = shared.dials.fetch_add(1, Ordering::Relaxed);
        sleep(pause(dials)).await;
        let has_session = shared.has_session.load(Ordering::Relaxed);
        let gateway = resume_at.take().filter(|_| has_session);
        let gateway = gateway.as_ref().unwrap_or(&shared.upstream);
        let address = format!("{}/?{query}", gateway.trim_end_matches('/'));
        match timeout(DIAL_PATIENCE, dial_once(&address)).await {
            Ok(Ok(dialled)) => return Ok(dialled),
            Ok(Err(Some(code))) if let Some(report) = verdict(code) => {
                return Err(End::Report(report));
            }
            _ => tracing::debug!(dials, "the gateway does not answer"),
        }
        if !has_session || since.elapsed() > REDIAL_PATIENCE {
            return Err(End::Report(Report::Unreachable));
        }
        if dials >= DIALS_MAX {
            return Err(End::Report(Report::SessionOver));
        }
    }
}

/// How long to wait before a dial, by how many there have been.
fn pause(dials: u32) -> Duration {
    let Some(doublings) = dials.checked_sub(2) else {
        return Duration::ZERO;
    };
    let pause = PAUSE_MIN.saturating_mul(1 << doublings.min(16));
    pause.min(PAUSE_MAX).mul_f64(rand::random_range(0.75..1.25))
}

/// # Errors
/// The code that Discord closed with, if it did.
async fn dial_once(address: &str) -> Result<(Upstream, Message), Option<u16>> {
    let connecting = connect_async_with_config(address, Some(config()), true);
    let (mut upstream, _) = connecting.await.map_err(|_| None)?;
    while let Some(Ok(message)) = upstream.next().await {
        match message {
            Message::Close(frame) => return Err(frame.map(|frame| frame.code.into())),
            message if from_discord(&message) == FromDiscord::Hello => {
                return Ok((upstream, message));
            }
            Message::Ping(_) | Message::Pong(_) => {}
            _ => break,
        }
    }
    Err(None)
}

/// What a close code of Discord's means, where the session cannot be resumed after it.
/// <https://docs.discord.com/developers/topics/opcodes-and-status-codes>
fn verdict(code: u16) -> Option<Report> {
    match code {
        4004 | 4010..=4014 => Some(Report::Refused(code)),
        4003 | 4007 | 4009 => Some(Report::SessionOver),
        _ => None,
    }
}

/// Both sides, while both are there.
struct Link<'a> {
    shared: &'a Shared,
    local: &'a mut Local,
    upstream: &'a mut Upstream,
    /// By when Discord must have said anything, and something about a login.
    heard_by: Option<Duration>,
    login_by: Option<Duration>,
    pace: Pace,
}

impl<'a> Link<'a> {
    fn new(shared: &'a Shared, local: &'a mut Local, upstream: &'a mut Upstream) -> Self {
        Self {
            shared,
            local,
            upstream,
            heard_by: None,
            login_by: None,
            pace: Pace::default(),
        }
    }

    async fn run(&mut self, hello: Message, held: VecDeque<Message>) -> End {
        match self.relay(hello, held).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn relay(
        &mut self,
        hello: Message,
        held: VecDeque<Message>,
    ) -> Result<std::convert::Infallible, End> {
        self.hear(Some(Ok(hello))).await?;
        for message in held {
            self.pass_on(Some(Ok(message))).await?;
        }
        let mut nudges = self.shared.nudge.0.subscribe();
        loop {
            let deadline = self.heard_by.into_iter().chain(self.login_by).min();
            tokio::select! {
                message = self.upstream.next() => self.hear(message).await?,
                message = self.local.next() => self.pass_on(message).await?,
                () = when(self.shared, deadline) => {
                    tracing::warn!("the gateway does not answer any more");
                    return Err(End::Line);
                }
                () = when(self.shared, self.pace.due()) => self.send_waiting().await?,
                // The relay itself keeps the sender.
                _ = nudges.changed() => self.tell(Message::Pong(Bytes::new())).await?,
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, Fault>>) -> Result<(), End> {
        let message = match message {
            Some(Ok(Message::Close(frame))) => {
                let code = frame.map(|frame| u16::from(frame.code));
                tracing::debug!(code, "the gateway has closed the connection");
                return Err(code.and_then(verdict).map_or(End::Line, End::Report));
            }
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                tracing::debug!(%error, "the connection to the gateway is broken");
                return Err(End::Line);
            }
            None => return Err(End::Line),
        };
        self.heard_by = None;
        match from_discord(&message) {
            FromDiscord::SessionOver => return Err(End::Report(Report::SessionOver)),
            FromDiscord::Event => {
                if self.login_by.take().is_some() {
                    if let Some(url) = resume_url(&message) {
                        self.shared.set_resume_at(url);
                    }
                    self.shared.has_session.store(true, Ordering::Relaxed);
                    let forget = |dials: u32| Some(dials.min(DIALS_AFTER_LOGIN));
                    let dials = &self.shared.dials;
                    let _always = dials.fetch_update(Ordering::Relaxed, Ordering::Relaxed, forget);
                }
            }
            FromDiscord::Hello | FromDiscord::Other => {}
        }
        match message {
            // tungstenite answers these itself.
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            message => self.tell(message).await,
        }
    }

    async fn pass_on(&mut self, message: Option<Result<Message, Fault>>) -> Result<(), End> {
        let message = match message {
            Some(Ok(Message::Close(frame))) => return Err(End::Local(frame)),
            Some(Ok(message)) => message,
            Some(Err(_)) | None => return Err(End::Local(None)),
        };
        let now = self.shared.clock.monotonic();
        match from_client(&message) {
            FromClient::Heartbeat => {
                self.heard_by.get_or_insert(now + HEARTBEAT_PATIENCE);
            }
            FromClient::Identify => {
                self.may_identify().await?;
                self.login_by = Some(now + LOGIN_PATIENCE);
            }
            FromClient::Resume => self.login_by = Some(now + LOGIN_PATIENCE),
            FromClient::Other if message.is_ping() || message.is_pong() => return Ok(()),
            FromClient::Voice(guild) => return self.send_in_turn(Some(guild), message).await,
            FromClient::Other => return self.send_in_turn(None, message).await,
        }
        self.pace.count(now);
        self.send(message).await
    }

    async fn send_in_turn(&mut self, voice: Option<u64>, message: Message) -> Result<(), End> {
        if !self.pace.hold(voice, message) {
            tracing::warn!("too much waits to be sent to the gateway: a message is dropped");
        }
        self.send_waiting().await
    }

    async fn send_waiting(&mut self) -> Result<(), End> {
        while let Some(message) = self.pace.next(self.shared.clock.monotonic()) {
            self.send(message).await?;
        }
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND_PATIENCE, self.upstream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Line),
        }
    }

    async fn may_identify(&self) -> Result<(), End> {
        if self.shared.has_identified.swap(true, Ordering::Relaxed) {
            return Err(End::Report(Report::SessionOver));
        }
        let taken = self.shared.starts.take().await;
        taken.map_err(|wait| End::Report(Report::StartsUsedUp(wait)))
    }

    async fn tell(&mut self, message: Message) -> Result<(), End> {
        let told = self.local.send(message).await;
        told.map_err(|_| End::Local(None))
    }
}

type Fault = tokio_tungstenite::tungstenite::Error;

/// Waits until a time by the clock, for ever if there is none.
async fn when(shared: &Shared, time: Option<Duration>) {
    match time {
        Some(time) => shared.clock.sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn close_frame(code: u16) -> CloseFrame {
    CloseFrame {
        code: CloseCode::from(code),
        reason: "".into(),
    }
}

async fn close_upstream(mut upstream: Upstream, frame: Option<CloseFrame>) {
    let closing = async {
        if upstream.close(frame).await.is_ok() {
            while let Some(Ok(_)) = upstream.next().await {}
        }
    };
    // Whoever does not answer is left.
    let _in_time = timeout(CLOSE_PATIENCE, closing).await;
}

/// Says to serenity and to `session` what has come of the link.
async fn part(shared: &Shared, mut local: Local, end: End) {
    let report = match end {
        End::Local(_) => None,
        End::Line => {
            shared.directory.set_connected(false);
            if shared.has_session.load(Ordering::Relaxed) {
                let resume = close_frame(RESUMABLE);
                let _gone_otherwise = local.close(Some(resume)).await;
                None
            } else {
                Some(Report::Unreachable)
            }
        }
        End::Report(report) => {
            shared.directory.set_connected(false);
            Some(report)
        }
    };
    if let Some(report) = report {
        // The first one decides.
        let _told_already = shared.reports.try_send(report);
    }
    // serenity waits for an answer to its goodbye; reading sends it.
    let lingering = async { while let Some(Ok(_)) = local.next().await {} };
    let _in_time = timeout(LINGER_PATIENCE, lingering).await;
}
