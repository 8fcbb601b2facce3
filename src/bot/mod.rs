//! Discord calls us: the gateway connection, the slash commands and the voice connections of the
//! configured bot, and the connections of those that others bring along ([`Guests`]). `app` builds the
//! [`Bot`] before anything that needs its ports, then runs it; the domain knows it only as [`Gateway`]
//! and [`Voice`].

mod commands;
mod describe;
mod directory;
mod gateway;
mod guests;
mod mix;
mod prompt;
mod reasons;
mod relay;
mod session;
mod slash;
mod track;
mod voice;
mod words;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::clock::Clock;
use crate::config;
use crate::db::Db;
use crate::discord::Discord;
use crate::domain::commands::{Commands, Registrar};
use crate::domain::favourites::Favourites;
use crate::domain::guild_data::GuildData;
use crate::domain::guilds::{Gateway, Outage};
use crate::domain::labels::Labels;
use crate::domain::library::Library;
use crate::domain::limits::Limits;
use crate::domain::occasions::Occasions;
use crate::domain::player::Player;
use crate::domain::session_starts::SessionStarts;
use crate::domain::settings::Settings;
use crate::domain::soundboard::Soundboard;
use crate::domain::suggestions::Suggestions;
use crate::domain::uploads::Uploads;
use crate::domain::voice::Voice;
use crate::ids::UserId;
use directory::Directory;
pub use guests::Guests;
use relay::Nudge;
use slash::Slash;
use voice::{Calls, Mixers};

/// Why the bot will not work until somebody changes something.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    /// Discord does not know the token.
    #[error("Discord refuses the bot token: get a new one and set YURI_DISCORD__BOT_TOKEN")]
    InvalidToken,
    /// Discord does not give this application the events that we ask for.
    #[error("Discord refuses the intents of the bot")]
    Intents,
    /// Discord closes the connection with this code, and would do so again.
    #[error("Discord refuses the connection with code {0}: use a newer version")]
    Refused(u16),
}

impl BotError {
    /// The same as those see it who ask how the connection is.
    fn outage(&self) -> Outage {
        match self {
            Self::InvalidToken => Outage::TokenRefused,
            Self::Intents => Outage::IntentsRefused,
            Self::Refused(_) => Outage::Refused,
        }
    }
}

/// What the bot's own commands are called: a guild's own cannot be called the same.
pub fn command_names() -> HashSet<String> {
    commands::names()
}

/// What commands and events work on.
#[derive(Clone)]
pub struct Parts {
    /// The one way a sound is played.
    pub player: Arc<Player>,
    /// All sounds.
    pub library: Arc<Library>,
    /// What each guild has chosen.
    pub settings: Arc<Settings>,
    /// What is heard without a command.
    pub occasions: Arc<Occasions>,
    /// The sounds that members like.
    pub favourites: Arc<Favourites>,
    /// What somebody may mean who has typed a part of a name.
    pub suggestions: Arc<Suggestions>,
    /// The guilds' own sounds.
    pub uploads: Arc<Uploads>,
    /// Discord's own soundboards.
    pub soundboard: Arc<Soundboard>,
    /// What people say of sounds.
    pub labels: Arc<Labels>,
    /// What dashboards see of guilds.
    pub guild_data: Arc<GuildData>,
    /// The guilds' own commands.
    pub commands: Arc<Commands>,
    /// What members may ask for, by commands and otherwise.
    pub limits: Arc<Limits>,
    /// Rows.
    pub db: Db,
}

/// What it takes to be connected as one bot, the configured one or a guest.
struct Connection {
    /// Whose it is.
    bot: UserId,
    http: reqwest::Client,
    /// The address that takes Discord's place in every request, if there is one.
    proxy: Option<String>,
    discord: Arc<Discord>,
    clock: Clock,
    starts: Arc<SessionStarts>,
    directory: Arc<Directory>,
    calls: Arc<Calls>,
    nudge: Nudge,
}

/// The bot, connected or not.
pub struct Bot {
    connection: Connection,
    has_registered: Arc<AtomicBool>,
    slash: Arc<Slash>,
    /// What messages may begin with, where Discord lets the bot read them.
    prefix: Option<String>,
    /// Whether the application has the Guild Members intent.
    has_members_intent: bool,
}

impl Bot {
    /// A bot that is not connected yet. Its ports can be used from now on and know nothing.
    /// `http` is the client that its requests go through, but for those of `discord`.
    pub fn new(
        config: &config::Discord,
        http: reqwest::Client,
        discord: Arc<Discord>,
        starts: Arc<SessionStarts>,
        clock: Clock,
    ) -> Self {
        let directory = Arc::new(Directory::new(config.members_intent));
        let slash = Slash::new(Arc::clone(&directory), clock.clone());
        let calls = Calls::new(Arc::clone(&directory), &Mixers::new());
        Self {
            connection: Connection {
                bot: starts.bot(),
                http,
                proxy: proxy(config),
                discord,
                clock,
                starts,
                directory,
                calls: Arc::new(calls),
                nudge: Nudge::new(),
            },
            has_registered: Arc::default(),
            slash: Arc::new(slash),
            prefix: config.message_prefix.clone(),
            has_members_intent: config.members_intent,
        }
    }

    /// What the connection knows.
    pub fn gateway(&self) -> Arc<dyn Gateway> {
        self.connection.directory.clone()
    }

    /// Who tells Discord of guilds' own commands.
    pub fn registrar(&self) -> Arc<dyn Registrar> {
        self.slash.clone()
    }

    /// The voice connections.
    pub fn voice(&self) -> Arc<dyn Voice> {
        self.connection.calls.clone()
    }
}

/// What stands in Discord's place for serenity, if something does.
fn proxy(config: &config::Discord) -> Option<String> {
    (config.rest_url() != config::DISCORD).then(|| config.rest_url().to_owned())
}
