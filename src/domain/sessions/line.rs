//! How the bots of sessions reach Discord's gateway: the port that `bot` fills.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::discord::Discord;
use crate::domain::guild_data::Watcher;
use crate::domain::guilds::{Gateway, Outage};
use crate::domain::player::Player;
use crate::domain::voice::Voice;
use crate::ids::UserId;

/// Who makes connections.
pub trait Bots: Send + Sync {
    /// A connection for a bot, of which nothing is opened before [`run`](Line::run).
    fn line(&self, bot: UserId, discord: Arc<Discord>) -> Arc<dyn Line>;
}

/// A bot's connection to the gateway.
#[async_trait]
pub trait Line: Send + Sync {
    /// What it knows; nothing before it is up.
    fn gateway(&self) -> Arc<dyn Gateway>;
    /// The voice connections.
    fn voice(&self) -> Arc<dyn Voice>;
    /// Waits until it is up and the bot's guilds are known. Cancel safe.
    ///
    /// # Errors
    /// Why that will not be.
    async fn ready(&self) -> Result<(), Outage>;
    /// Keeps it up until `stop` becomes true or Discord does not want it; leaves the voice channels
    /// and says goodbye then.
    async fn run(&self, ears: Ears, stop: watch::Receiver<bool>);
}

/// Who is told of what Discord tells.
#[derive(Clone)]
pub struct Ears {
    /// What happens in voice.
    pub player: Arc<Player>,
    /// What changes in guilds.
    pub watcher: Arc<dyn Watcher>,
}
