//! How the server reaches Discord, for its own bot and for those that others bring along. Built by
//! `App` before everything that needs it.

use std::sync::Arc;

use super::BuildError;
use crate::audio::Transcoder;
use crate::bot::{Bot, Guests};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::discord::oauth::OAuth;
use crate::discord::rest::Rest;
use crate::discord::{self, Discord};
use crate::domain::guild_data::GuildCache;
use crate::domain::labels::Labels;
use crate::domain::library::Library;
use crate::domain::limits::Limits;
use crate::domain::play_log::PlayLog;
use crate::domain::player::Player;
use crate::domain::session_starts::SessionStarts;
use crate::domain::sessions::{OwnBot, Parts, Sessions};

/// How the server reaches Discord.
pub(super) struct Upstream {
    rest: Arc<Rest>,
    /// What serenity's requests go through.
    http: reqwest::Client,
    /// The configured bot; `None` while a credential is missing.
    pub(super) discord: Option<Arc<Discord>>,
    /// The application it belongs to.
    pub(super) oauth: Option<Arc<OAuth>>,
    /// What Discord has told the configured bot.
    pub(super) cache: Arc<GuildCache>,
}

impl Upstream {
    pub(super) fn open(config: &Config, clock: &Clock) -> Result<Self, BuildError> {
        let rest = Rest::open(&config.discord, clock.clone()).map_err(BuildError::Discord)?;
        let rest = Arc::new(rest);
        Ok(Self {
            http: discord::client(&config.discord).map_err(BuildError::Discord)?,
            discord: Discord::new(&config.discord, Arc::clone(&rest)).map(Arc::new),
            oauth: OAuth::new(&config.discord, Arc::clone(&rest)).map(Arc::new),
            rest,
            cache: Arc::new(GuildCache::new(clock)),
        })
    }

    /// The configured bot; `None` while a credential is missing.
    pub(super) fn bot(&self, config: &Config, db: &Db, clock: &Clock) -> Option<Arc<Bot>> {
        let (discord, id) = self.discord.as_ref().zip(config.discord.bot_id())?;
        let starts = SessionStarts::new(db.clone(), clock.clone(), id);
        Some(Arc::new(Bot::new(
            &config.discord,
            self.http.clone(),
            Arc::clone(discord),
            Arc::new(starts),
            clock.clone(),
        )))
    }

    /// The sessions of bots, which play with the parts that the configured bot plays with.
    pub(super) fn sessions(
        &self,
        config: &Config,
        bot: Option<&Arc<Bot>>,
        player: &Arc<Player>,
        ground: Ground<'_>,
    ) -> Sessions {
        let Ground {
            library,
            labels,
            transcoder,
            play_log,
            limits,
            db,
            clock,
        } = ground;
        let (http, db) = (self.http.clone(), db.clone());
        let bots = Guests::new(&config.discord, http, db.clone(), clock.clone());
        let parts = Parts {
            bots: Arc::new(bots),
            rest: Arc::clone(&self.rest),
            discord: config.discord.clone(),
            cache: Arc::new(GuildCache::new(clock)),
            library: Arc::clone(library),
            labels: Arc::clone(labels),
            transcoder: transcoder.clone(),
            play_log: play_log.clone(),
            settle: config.discord.voice_settle,
            limits: Arc::clone(limits),
            db,
            clock: clock.clone(),
        };
        let own = self.discord.as_ref().zip(bot).zip(config.discord.bot_id());
        let own = own.map(|((discord, bot), id)| OwnBot {
            id,
            discord: Arc::clone(discord),
            gateway: bot.gateway(),
            cache: Arc::clone(&self.cache),
            player: Arc::clone(player),
        });
        Sessions::new(&config.sessions, parts, own)
    }
}

/// What sessions stand on.
pub(super) struct Ground<'a> {
    pub(super) library: &'a Arc<Library>,
    pub(super) labels: &'a Arc<Labels>,
    pub(super) transcoder: &'a Transcoder,
    pub(super) play_log: &'a PlayLog,
    pub(super) limits: &'a Arc<Limits>,
    pub(super) db: &'a Db,
    pub(super) clock: &'a Clock,
}
