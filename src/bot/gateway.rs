//! Events of the gateway connection. serenity calls; the [`Directory`] is told what it cannot read
//! from the cache, and the slash commands are registered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serenity::async_trait;
use serenity::client::{Context, EventHandler};
use serenity::gateway::{ConnectionStage, ShardStageUpdateEvent};
use serenity::http::Http;
use serenity::model::application::Command;
use serenity::model::event::ResumedEvent;
use serenity::model::gateway::Ready;
use serenity::model::guild::{Guild, PartialGuild, UnavailableGuild};
use serenity::model::id::GuildId;
use serenity::model::voice::VoiceState;
use tokio::time::sleep;

use super::commands;
use super::directory::{Directory, from_discord};
use crate::domain::player::Player;

/// How long the guilds may take to come in before the bot counts as ready without them.
const GUILDS_PATIENCE: Duration = Duration::from_secs(5);
/// Waits between attempts to register the commands.
const REGISTER_AGAIN: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
];

/// Receives the events.
pub(super) struct Events {
    directory: Arc<Directory>,
    player: Arc<Player>,
    /// Whether this process has registered the commands, or is about to.
    has_registered: Arc<AtomicBool>,
}

impl Events {
    pub(super) fn new(
        directory: Arc<Directory>,
        player: Arc<Player>,
        has_registered: Arc<AtomicBool>,
    ) -> Self {
        Self {
            directory,
            player,
            has_registered,
        }
    }
}

#[async_trait]
impl EventHandler for Events {
    /// Comes again whenever Discord starts the session anew.
    async fn ready(&self, ctx: Context, ready: Ready) {
        tracing::info!(bot.name = %ready.user.name, guilds = ready.guilds.len(), "connected");
        self.directory
            .connected(&ctx.cache, &ready.user, &ready.guilds);
        if !self.has_registered.swap(true, Ordering::AcqRel) {
            let has_registered = Arc::clone(&self.has_registered);
            tokio::spawn(register(Arc::clone(&ctx.http), has_registered));
        }
        let directory = Arc::clone(&self.directory);
        tokio::spawn(async move {
            sleep(GUILDS_PATIENCE).await;
            directory.complete();
        });
    }

    async fn cache_ready(&self, _: Context, _: Vec<GuildId>) {
        self.directory.complete();
    }

    async fn resume(&self, _: Context, _: ResumedEvent) {
        self.directory.set_connected(true);
    }

    async fn shard_stage_update(&self, _: Context, event: ShardStageUpdateEvent) {
        self.directory
            .set_connected(event.new == ConnectionStage::Connected);
    }

    async fn guild_create(&self, _: Context, guild: Guild, _: Option<bool>) {
        self.directory.add(guild.id, &guild.name);
        // Its voice states are known only now.
        self.directory.own_voice_changed();
    }

    async fn guild_update(&self, _: Context, _: Option<Guild>, guild: PartialGuild) {
        self.directory.add(guild.id, &guild.name);
    }

    async fn guild_delete(&self, _: Context, guild: UnavailableGuild, _: Option<Guild>) {
        // A guild that is out of order has not been left.
        if !guild.unavailable {
            self.directory.remove(guild.id);
        }
        self.directory.own_voice_changed();
    }

    async fn voice_state_update(&self, _: Context, _: Option<VoiceState>, new: VoiceState) {
        if self.directory.is_bot(new.user_id) {
            self.directory.own_voice_changed();
        }
        if let Some(guild) = new.guild_id.and_then(from_discord) {
            self.player.voice_changed(guild);
        }
    }
}

/// Registers the slash commands, which replaces those of earlier versions; until it succeeds
/// Discord keeps what it has.
async fn register(http: Arc<Http>, has_registered: Arc<AtomicBool>) {
    for wait in REGISTER_AGAIN {
        match Command::set_global_commands(&http, commands::declarations()).await {
            Ok(commands) => {
                tracing::debug!(commands = commands.len(), "slash commands are registered");
                return;
            }
            Err(error) => tracing::warn!(%error, "slash commands cannot be registered"),
        }
        sleep(wait).await;
    }
    // The next session tries again.
    has_registered.store(false, Ordering::Release);
}
