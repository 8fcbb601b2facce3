//! Bots that others bring along, each with a connection of its own: they play what they are asked for
//! over REST and have no commands. `domain::sessions` opens and ends them. Seed 001.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::directory::Directory;
use super::relay::Nudge;
use super::session::Role;
use super::voice::{Calls, Mixers};
use super::{Connection, proxy};
use crate::clock::Clock;
use crate::config;
use crate::db::Db;
use crate::discord::Discord;
use crate::domain::guilds::{Gateway, Outage};
use crate::domain::session_starts::SessionStarts;
use crate::domain::sessions::{Bots, Ears, Line};
use crate::domain::voice::Voice;
use crate::ids::UserId;

/// What the connections of guests have in common.
pub struct Guests {
    http: reqwest::Client,
    proxy: Option<String>,
    db: Db,
    clock: Clock,
    /// Of all guests together, so that a hundred of them are not a hundred threads; and none of the
    /// configured bot's, which guests must not slow down.
    mixers: Mixers,
}

impl Guests {
    /// Nobody is connected yet. `http` is the client that serenity's requests go through; starts of
    /// sessions with Discord are counted in `db`.
    pub fn new(config: &config::Discord, http: reqwest::Client, db: Db, clock: Clock) -> Self {
        Self {
            http,
            proxy: proxy(config),
            db,
            clock,
            mixers: Mixers::new(),
        }
    }
}

impl Bots for Guests {
    fn line(&self, bot: UserId, discord: Arc<Discord>) -> Arc<dyn Line> {
        // What such a bot may know of members is asked over REST.
        let directory = Arc::new(Directory::new(false));
        let starts = SessionStarts::new(self.db.clone(), self.clock.clone(), bot);
        let calls = Calls::new(Arc::clone(&directory), &self.mixers);
        Arc::new(Guest(Connection {
            bot,
            http: self.http.clone(),
            proxy: self.proxy.clone(),
            discord,
            clock: self.clock.clone(),
            starts: Arc::new(starts),
            directory,
            calls: Arc::new(calls),
            nudge: Nudge::new(),
        }))
    }
}

struct Guest(Connection);

#[async_trait]
impl Line for Guest {
    fn gateway(&self) -> Arc<dyn Gateway> {
        self.0.directory.clone()
    }

    fn voice(&self) -> Arc<dyn Voice> {
        self.0.calls.clone()
    }

    async fn ready(&self) -> Result<(), Outage> {
        self.0.directory.ready().await
    }

    async fn run(&self, ears: Ears, stop: watch::Receiver<bool>) {
        if let Err(error) = self.0.keep(&Role::Guest(ears), stop).await {
            // Whoever has brought it is told when something is asked of it.
            let bot_id = self.0.bot;
            tracing::info!(%bot_id, %error, "the connection of a session's bot has ended");
        }
    }
}
