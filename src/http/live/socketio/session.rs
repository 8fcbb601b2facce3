//! A session of Engine.IO: one task that talks with a client, whether its packets come and go in
//! requests or over a websocket. The routes of [`super`] carry them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rocket::Shutdown;
use serde_json::Value;
use tokio::sync::mpsc;

use super::packet::{self, Auth, Packet};
use crate::app::App;
use crate::domain::events::{End, Event, Feed, News, Scope};
use crate::domain::tokens::random_text;
use crate::error::Error;
use crate::http::guards::{told_credential, verify};
use crate::http::live::focus::focus;
use crate::http::live::guard::Subscriber;
use crate::http::live::wire::describe;
use crate::ids::UserId;

/// How often the client is asked whether it is still there, and how long it may take to answer.
pub(super) const PING_EVERY: Duration = Duration::from_secs(25);
pub(super) const PONG_WITHIN: Duration = Duration::from_secs(20);
/// How long a client may wait before it says that it wants to hear events.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may leave all packets lying that wait for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Packets that wait, each way.
const WAITING_MAX: usize = 32;
/// Characters of a session's name, which is all that a request needs to show.
const SID_LENGTH: usize = 32;

/// All sessions.
pub(in crate::http) struct Sessions {
    open: Mutex<HashMap<String, Arc<Session>>>,
    max: usize,
}

/// A session as requests see it.
pub(in crate::http) struct Session {
    pub(super) sid: String,
    /// What the client says.
    pub(super) said: mpsc::Sender<Packet>,
    /// What it is to be told: held by the one request or websocket that takes it there.
    pub(super) outbox: tokio::sync::Mutex<mpsc::Receiver<String>>,
    /// Ends a request that waits, so that a websocket can go on. Weak: it ends with the talk.
    pub(super) wake: mpsc::WeakSender<String>,
}

impl Sessions {
    /// None yet, and never more than `max`.
    pub(in crate::http) fn new(max: usize) -> Self {
        Self {
            open: Mutex::default(),
            max,
        }
    }

    /// The session of this name.
    pub(super) fn find(&self, sid: &str) -> Option<Arc<Session>> {
        self.lock().get(sid).cloned()
    }

    /// Begins a session; `known` is who it is, where the request has shown that.
    ///
    /// # Errors
    /// 429 where there are too many.
    pub(super) fn begin(
        self: &Arc<Self>,
        app: Arc<App>,
        known: Option<Subscriber>,
        address: IpAddr,
        shutdown: Shutdown,
    ) -> Result<Arc<Session>, Error> {
        let (said, heard) = mpsc::channel(WAITING_MAX);
        let (tell, told) = mpsc::channel(WAITING_MAX);
        let session = Arc::new(Session {
            sid: random_text(SID_LENGTH),
            said,
            outbox: tokio::sync::Mutex::new(told),
            wake: tell.downgrade(),
        });
        let mut open = self.lock();
        if open.len() >= self.max {
            return Err(Error::Limited(CONNECT_WITHIN));
        }
        open.insert(session.sid.clone(), Arc::clone(&session));
        drop(open);
        let talk = Talk {
            app,
            known,
            address,
            heard,
            tell,
        };
        let (sessions, name) = (Arc::clone(self), session.sid.clone());
        tokio::spawn(async move {
            talk.run(shutdown).await;
            sessions.lock().remove(&name);
        });
        Ok(session)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is nothing more to say.
struct Over;

struct Talk {
    app: Arc<App>,
    known: Option<Subscriber>,
    address: IpAddr,
    heard: mpsc::Receiver<Packet>,
    tell: mpsc::Sender<String>,
}

impl Talk {
    async fn run(mut self, mut shutdown: Shutdown) {
        tokio::select! {
            biased;
            () = &mut shutdown => {
                let _nobody_waits = self.tell.try_send(packet::CLOSE.to_owned());
            }
            Over = self.talk() => {}
        }
    }

    async fn talk(&mut self) -> Over {
        let (user, mut feed) = match self.wait_for_connect().await {
            Ok(connected) => connected,
            Err(over) => return over,
        };
        let clock = self.app.clock.clone();
        let mut ping_at = clock.monotonic() + PING_EVERY;
        let mut awaits_pong = false;
        loop {
            let told = tokio::select! {
                biased;
                packet = self.heard.recv() => match packet {
                    Some(Packet::Pong) => {
                        awaits_pong = false;
                        ping_at = clock.monotonic() + PING_EVERY;
                        Ok(())
                    }
                    Some(Packet::Focus) => {
                        self.focus(user);
                        Ok(())
                    }
                    Some(Packet::Connect(_) | Packet::Other) => Ok(()),
                    Some(Packet::Close | Packet::Disconnect) | None => Err(Over),
                },
                () = clock.sleep_until(ping_at) => {
                    if awaits_pong {
                        return Over;
                    }
                    awaits_pong = true;
                    ping_at = clock.monotonic() + PONG_WITHIN;
                    self.say(packet::PING.to_owned()).await
                }
                news = feed.next() => self.pass_on(news).await,
            };
            if let Err(over) = told {
                return over;
            }
        }
    }

    /// Waits until the client wants to hear events and has shown that it may.
    async fn wait_for_connect(&mut self) -> Result<(UserId, Feed), Over> {
        let clock = self.app.clock.clone();
        let until = clock.monotonic() + CONNECT_WITHIN;
        loop {
            let packet = tokio::select! {
                biased;
                packet = self.heard.recv() => packet.ok_or(Over)?,
                () = clock.sleep_until(until) => {
                    let _nobody_waits = self.tell.try_send(packet::CLOSE.to_owned());
                    return Err(Over);
                }
            };
            let auth = match packet {
                Packet::Connect(auth) => auth,
                Packet::Pong | Packet::Focus | Packet::Other => continue,
                Packet::Close | Packet::Disconnect => return Err(Over),
            };
            match self.open(auth).await {
                Ok((user, feed)) => {
                    self.say(packet::connected(&random_text(SID_LENGTH)))
                        .await?;
                    self.say(packet::event("ready", self.ready(user))).await?;
                    return Ok((user, feed));
                }
                Err(error) => self.say(packet::refused(&error.to_string())).await?,
            }
        }
    }

    async fn open(&self, auth: Value) -> Result<(UserId, Feed), Error> {
        let (user, credential) = if let Some(known) = &self.known {
            (known.user, known.credential)
        } else {
            let auth: Auth = serde_json::from_value(auth).map_err(|_| Error::Unauthorized)?;
            let credential = told_credential(&self.app, &auth.user_id, &auth.token);
            let identity = verify(&self.app, self.address, credential.as_ref(), true).await?;
            (identity.user, credential.ok_or(Error::Unauthorized)?)
        };
        let feeds = &self.app.feeds;
        let feed = feeds.open(user, credential, Scope::Everything, None)?;
        Ok((user, feed))
    }

    fn ready(&self, user: UserId) -> Ready {
        let gateway = self.app.guilds.gateway();
        Ready {
            user_id: user.to_string(),
            bot: gateway.bot().map(|bot| Bot {
                id: bot.id.to_string(),
                tag: bot.tag,
            }),
            connected: gateway.is_connected(),
        }
    }

    /// In a task of its own: a join takes its time. One too many is passed over.
    fn focus(&self, user: UserId) {
        if self.app.limits.charge_socket(user).is_ok() {
            let app = Arc::clone(&self.app);
            tokio::spawn(async move { focus(&app, user).await });
        }
    }

    async fn pass_on(&self, news: Result<News, End>) -> Result<(), Over> {
        match news {
            Ok(News::Event(event)) => {
                let (name, data) = describe(&event.event);
                // Seed 002 names this one with a capital.
                let is_log = matches!(event.event, Event::Log(_));
                let name = if is_log { "Log" } else { name };
                self.say(packet::event(name, data)).await
            }
            // Nothing is replayed here, so nothing is missing.
            Ok(News::Missed) => Ok(()),
            // It may come back at once, and need not be known to be slow.
            Err(End::Slow) => {
                self.say(packet::CLOSE.to_owned()).await?;
                Err(Over)
            }
            Err(End::Revoked) => {
                self.say(packet::DISCONNECT.to_owned()).await?;
                Err(Over)
            }
        }
    }

    /// Lays a packet ready for the client.
    async fn say(&self, packet: String) -> Result<(), Over> {
        let until = self.app.clock.monotonic() + PATIENCE;
        tokio::select! {
            biased;
            said = self.tell.send(packet) => said.map_err(|_| Over),
            () = self.app.clock.sleep_until(until) => Err(Over),
        }
    }
}

/// What a client is told first.
#[derive(serde::Serialize)]
struct Ready {
    user_id: String,
    bot: Option<Bot>,
    connected: bool,
}

#[derive(serde::Serialize)]
struct Bot {
    id: String,
    tag: String,
}
