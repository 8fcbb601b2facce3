//! Between serenity and Discord's gateway: serenity connects to a socket on loopback, and what it
//! and Discord send passes through here. `session` opens one relay for each client.
//!
//! serenity 0.12 by itself identifies as often as it likes and never looks at the limits, spins
//! for most of a minute after a close frame without a code, needs as long to notice a line that
//! is dead, tries again without a pause, and looks at what it is to send only twice a second. The
//! relay counts each IDENTIFY before it leaves, lets a client send only one, watches the line,
//! sends no more than Discord takes, resumes where Discord wants it, ends a line in the one way
//! after which serenity resumes at once, and can wake serenity up.

mod frame;
mod link;
mod pace;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::directory::Directory;
use crate::clock::Clock;
use crate::domain::session_starts::SessionStarts;

/// serenity has one connection, and for a moment two.
const LINKS_MAX: usize = 4;

/// Why a client cannot go on; another one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// The session is over.
    SessionOver,
    /// Discord cannot be reached, or does not answer.
    Unreachable,
    /// Another session may be started only after this long.
    StartsUsedUp(Duration),
    /// Discord has closed with a code after which nobody should come again.
    Refused(u16),
}

/// Wakes serenity up, which otherwise looks every 500 ms only at what it is to send.
#[derive(Clone)]
pub(super) struct Nudge(watch::Sender<()>);

impl Nudge {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Something has been given to serenity to be sent.
    pub(super) fn nudge(&self) {
        self.0.send_replace(());
    }
}

/// What all links of a client share.
struct Shared {
    /// The gateway's address.
    upstream: String,
    /// What the path of a connection must be: nobody else on this machine knows it.
    key: String,
    clock: Clock,
    starts: Arc<SessionStarts>,
    directory: Arc<Directory>,
    reports: mpsc::Sender<Report>,
    nudge: Nudge,
    /// Whether nothing is connected to any more.
    is_closing: AtomicBool,
    has_identified: AtomicBool,
    /// Whether there is a session that can be resumed.
    has_session: AtomicBool,
    /// Where that is to be done.
    resume_at: Mutex<Option<String>>,
    /// How often the gateway was connected to since it last held.
    dials: AtomicU32,
}

impl Shared {
    /// Keeps where Discord wants the session to be resumed, if that is as safe as the gateway.
    fn set_resume_at(&self, url: String) {
        let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_owned());
        if scheme(&url) == scheme(&self.upstream) {
            *self.resume_at() = Some(url);
        }
    }

    fn resume_at(&self) -> MutexGuard<'_, Option<String>> {
        self.resume_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A relay for one client. It ends when this is dropped.
pub(super) struct Relay {
    shared: Arc<Shared>,
    address: SocketAddr,
    reports: mpsc::Receiver<Report>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// Listens on loopback, for a client that is to be connected to the gateway at `upstream`.
    ///
    /// # Errors
    /// The operating system's.
    pub(super) async fn open(
        upstream: String,
        clock: Clock,
        starts: Arc<SessionStarts>,
        directory: Arc<Directory>,
        nudge: Nudge,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (tell, reports) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            upstream,
            key: format!("/{:032x}", rand::random::<u128>()),
            clock,
            starts,
            directory,
            reports: tell,
            nudge,
            is_closing: AtomicBool::new(false),
            has_identified: AtomicBool::new(false),
            has_session: AtomicBool::new(false),
            resume_at: Mutex::default(),
            dials: AtomicU32::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            shared,
            address,
            reports,
            accepting,
        })
    }

    /// Where serenity is to connect to.
    pub(super) fn url(&self) -> String {
        format!("ws://{}{}", self.address, self.shared.key)
    }

    /// From now on serenity is let in, but not to Discord.
    pub(super) fn close(&self) {
        self.shared.is_closing.store(true, Ordering::Relaxed);
    }

    /// Waits until the client cannot go on.
    pub(super) async fn report(&mut self) -> Report {
        match self.reports.recv().await {
            Some(report) => report,
            // The sender lives as long as this.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if links.len() < LINKS_MAX => {
                    links.spawn(link::serve(stream, Arc::clone(&shared)));
                }
                Ok(_) => {}
                // No sockets are left: it may be better soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = links.join_next() => {}
        }
    }
}

/// A connection without waiting for more to send.
fn set_up(stream: &TcpStream) {
    let _slower_otherwise = stream.set_nodelay(true);
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tempfile::TempDir;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, accept_async, connect_async};

    use super::*;
    use crate::config::DatabaseUrl;
    use crate::db::Db;
    use crate::ids::UserId;

    /// A relay to a gateway that is played by the test.
    struct Stage {
        relay: Relay,
        gateway: TcpListener,
        clock: Clock,
        _folder: TempDir,
    }

    impl Stage {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Clock::manual(1_000_000);
            let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("db"))).unwrap();
            let bot = UserId::try_from(7).unwrap();
            let gateway = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let relay = Relay::open(
                url(&gateway),
                clock.clone(),
                Arc::new(SessionStarts::new(db, clock.clone(), bot)),
                Arc::new(Directory::new(false)),
                Nudge::new(),
            );
            Self {
                relay: relay.await.unwrap(),
                gateway,
                clock,
                _folder: folder,
            }
        }

        /// Both ends of a connection through the relay to one of two gateways; both have said hello.
        async fn connect(&self, gateway: &TcpListener) -> (Serenity, WebSocketStream<TcpStream>) {
            let (serenity, discord) = tokio::join!(connect_async(self.relay.url()), async {
                let (stream, _) = gateway.accept().await.unwrap();
                let mut discord = accept_async(stream).await.unwrap();
                let hello = r#"{"op":10,"d":{"heartbeat_interval":41250}}"#;
                discord.send(Message::text(hello)).await.unwrap();
                discord
            });
            let (mut serenity, _) = serenity.unwrap();
            told(&mut serenity, "\"op\":10").await;
            (serenity, discord)
        }
    }

    type Serenity = WebSocketStream<MaybeTlsStream<TcpStream>>;

    fn url(gateway: &TcpListener) -> String {
        format!("ws://{}", gateway.local_addr().unwrap())
    }

    /// Checks what serenity is told next.
    async fn told(serenity: &mut Serenity, what: &str) {
        let told = serenity.next().await.unwrap().unwrap();
        assert!(told.to_text().unwrap().contains(what), "{told}");
    }

    /// The `d` of so many frames that arrive at Discord.
    async fn arrived(
        discord: &mut WebSocketStream<TcpStream>,
        count: usize,
    ) -> Vec<serde_json::Value> {
        let mut arrived = Vec::new();
        while arrived.len() < count {
            let frame = discord.next().await.unwrap().unwrap();
            let frame: serde_json::Value = serde_json::from_str(frame.to_text().unwrap()).unwrap();
            arrived.push(frame["d"].clone());
        }
        arrived
    }

    #[tokio::test]
    async fn more_than_discord_takes_waits_while_heartbeats_go_on() {
        let stage = Stage::new().await;
        let (mut serenity, mut discord) = stage.connect(&stage.gateway).await;
        let voice = |guild: usize, channel: &str| {
            let d = serde_json::json!({"guild_id": guild.to_string(), "channel_id": channel});
            Message::text(serde_json::json!({"op": 4, "d": d}).to_string())
        };
        for guild in 1..=130 {
            serenity.send(voice(guild, "1")).await.unwrap();
        }
        serenity.send(voice(120, "2")).await.unwrap();
        let heartbeat = Message::text(r#"{"op":1,"d":5}"#);
        serenity.send(heartbeat).await.unwrap();
        let first = arrived(&mut discord, pace::PER_WINDOW + 1).await;
        assert_eq!(first[pace::PER_WINDOW], 5, "{first:?}");
        discord.send(frame::heartbeat_ack()).await.unwrap();
        told(&mut serenity, "\"op\":11").await;
        stage.clock.advance(Duration::from_mins(1));
        let rest = arrived(&mut discord, 20).await;
        let guilds: Vec<_> = rest
            .iter()
            .map(|d| d["guild_id"].as_str().unwrap())
            .collect();
        let expected: Vec<_> = (111..=130).map(|guild: i32| guild.to_string()).collect();
        assert_eq!(guilds, expected);
        assert_eq!(rest[9]["channel_id"], "2");
    }

    #[tokio::test]
    async fn a_session_is_resumed_where_discord_wants_it_while_that_is_there() {
        let stage = Stage::new().await;
        let other = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (mut serenity, mut discord) = stage.connect(&stage.gateway).await;
        serenity
            .send(Message::text(r#"{"op":2,"d":1}"#))
            .await
            .unwrap();
        arrived(&mut discord, 1).await;
        let ready = serde_json::json!({
            "t": "READY", "s": 1, "op": 0, "d": {"resume_gateway_url": url(&other)},
        });
        discord
            .send(Message::text(ready.to_string()))
            .await
            .unwrap();
        told(&mut serenity, "READY").await;
        drop(discord);
        let closed = serenity.next().await.unwrap().unwrap();
        assert!(
            matches!(&closed, Message::Close(Some(frame)) if u16::from(frame.code) == 4000),
            "{closed}"
        );

        let (serenity, discord) = stage.connect(&other).await;
        drop((serenity, discord, other));
        stage.connect(&stage.gateway).await;
    }
}
