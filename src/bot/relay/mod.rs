//! Between serenity and Discord's gateway: serenity connects to a socket on loopback, and what it
//! and Discord send passes through here. `session` opens one relay for each client.
//!
//! serenity 0.12 by itself identifies as often as it likes and never looks at the limits, spins
//! for most of a minute after a close frame without a code, needs as long to notice a line that
//! is dead, tries again without a pause, and looks at what it is to send only twice a second. The
//! relay counts each IDENTIFY before it leaves, lets a client send only one, watches the line,
//! ends it in the one way after which serenity resumes at once, and can wake serenity up.

mod frame;
mod link;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
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
    /// How often the gateway was connected to since it last held.
    dials: AtomicU32,
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
