//! Discord calls us: the gateway connection, the slash commands and the voice connections of the
//! one bot. `app` builds the [`Bot`] before anything that needs its ports, then runs it; the
//! domain knows it only as [`Gateway`] and [`Voice`].

mod commands;
mod directory;
mod gateway;
mod mix;
mod track;
mod voice;
mod words;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use poise::Framework;
use serenity::Client;
use serenity::client::ClientBuilder;
use serenity::gateway::{GatewayError, ShardManager};
use serenity::http::{HttpBuilder, HttpError};
use serenity::model::gateway::GatewayIntents;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::config;
use crate::db::Db;
use crate::domain::favourites::Favourites;
use crate::domain::guilds::Gateway;
use crate::domain::library::Library;
use crate::domain::limits::Limits;
use crate::domain::occasions::Occasions;
use crate::domain::player::Player;
use crate::domain::settings::Settings;
use crate::domain::suggestions::Suggestions;
use crate::domain::voice::Voice;
use crate::secret::Secret;
use commands::Data;
use directory::Directory;
use gateway::Events;
use voice::Calls;

/// Where serenity turns to when it cannot ask for the gateway's address.
const DEFAULT_GATEWAY: &str = "wss://gateway.discord.gg";
/// First and longest wait before another attempt to connect.
const RETRY_MIN: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_mins(5);
/// A connection that held this long was a good one: the waits begin anew.
const HELD: Duration = Duration::from_mins(1);
/// For everything that has to be said to Discord at the end.
const GOODBYE: Duration = Duration::from_secs(5);

/// Why the bot will not work until somebody changes something.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    /// There is no token.
    #[error("no bot token is configured")]
    NoToken,
    /// Discord does not know the token.
    #[error("Discord refuses the bot token: get a new one and set YURI_DISCORD__BOT_TOKEN")]
    InvalidToken,
    /// Discord does not give this application the events that we ask for.
    #[error("Discord refuses the intents of the bot")]
    Intents,
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
    /// What members may ask for, by commands and otherwise.
    pub limits: Arc<Limits>,
    /// Rows.
    pub db: Db,
}

/// The bot, connected or not.
pub struct Bot {
    http: reqwest::Client,
    /// The address that takes Discord's place in every request, if there is one.
    proxy: Option<String>,
    is_real: bool,
    token: Option<Secret>,
    directory: Arc<Directory>,
    calls: Arc<Calls>,
    has_registered: Arc<AtomicBool>,
    /// What messages may begin with, where Discord lets the bot read them.
    prefix: Option<String>,
}

impl Bot {
    /// A bot that is not connected yet. Its ports can be used from now on and know nothing.
    /// `http` is the client that its requests go through.
    pub fn new(config: &config::Discord, http: reqwest::Client) -> Self {
        let directory = Arc::new(Directory::new());
        Self {
            http,
            proxy: (config.rest_url() != config::DISCORD).then(|| config.rest_url().to_owned()),
            is_real: config.is_real(),
            token: config.bot_token.clone(),
            calls: Arc::new(Calls::new(Arc::clone(&directory))),
            directory,
            has_registered: Arc::default(),
            prefix: config.message_prefix.clone(),
        }
    }

    /// What the connection knows.
    pub fn gateway(&self) -> Arc<dyn Gateway> {
        self.directory.clone()
    }

    /// The voice connections.
    pub fn voice(&self) -> Arc<dyn Voice> {
        self.calls.clone()
    }

    /// Keeps the bot connected until `stop` becomes true; it leaves its voice channels and says
    /// goodbye then.
    ///
    /// # Errors
    /// [`BotError`], at once and without another attempt. Whatever else ends the connection is
    /// logged and tried again, after 5 seconds at first and 5 minutes at most.
    pub async fn run(
        self: Arc<Self>,
        parts: Parts,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), BotError> {
        let token = self.token.as_ref().ok_or(BotError::NoToken)?;
        let mut wait = RETRY_MIN;
        loop {
            let started = Instant::now();
            let data = Data {
                parts: parts.clone(),
                prefix: self.prefix.clone(),
            };
            let mut client = tokio::select! {
                client = self.connect(token, data) => client,
                () = stopped(&mut stop) => return Ok(()),
            };
            let ended = match &mut client {
                Ok(client) => {
                    let shards = Arc::clone(&client.shard_manager);
                    tokio::select! {
                        ended = client.start() => {
                            say_goodbye(&shards).await;
                            ended
                        }
                        () = stopped(&mut stop) => {
                            self.calls.close().await;
                            say_goodbye(&shards).await;
                            self.directory.set_connected(false);
                            return Ok(());
                        }
                    }
                }
                Err(error) => Err(std::mem::replace(error, serenity::Error::Other(""))),
            };
            self.directory.set_connected(false);
            if let Err(error) = &ended {
                fatal(error)?;
            }
            if started.elapsed() > HELD {
                wait = RETRY_MIN;
            }
            let jittered = wait.mul_f64(rand::random_range(0.75..1.25));
            tracing::warn!(
                ?ended,
                wait_s = jittered.as_secs(),
                "the bot is not connected"
            );
            tokio::select! {
                () = sleep(jittered) => wait = (wait * 2).min(RETRY_MAX),
                () = stopped(&mut stop) => return Ok(()),
            }
        }
    }

    /// A client that is ready to be started.
    async fn connect(&self, token: &Secret, data: Data) -> serenity::Result<Client> {
        let http = HttpBuilder::new(token.expose()).client(self.http.clone());
        let http = match &self.proxy {
            None => http,
            // serenity's own rate limiter takes no notice of another address: it has to limit
            // by itself.
            Some(address) => http.proxy(address).ratelimiter_disabled(true),
        };
        // Of messages without a prefix only those that mention the bot say anything.
        let mut intents = GatewayIntents::GUILDS
            | GatewayIntents::GUILD_VOICE_STATES
            | GatewayIntents::GUILD_MESSAGES;
        if self.prefix.is_some() {
            intents |= GatewayIntents::MESSAGE_CONTENT;
        }
        let events = Events::new(
            Arc::clone(&self.directory),
            Arc::clone(&data.player),
            Arc::clone(&data.occasions),
            Arc::clone(&self.has_registered),
        );
        let framework = Framework::builder()
            .options(commands::options(self.prefix.is_some()))
            .initialize_owners(false)
            .setup(|_, _, _| Box::pin(async move { Ok(data) }))
            .build();
        let client = ClientBuilder::new_with_http(http.build(), intents)
            .event_handler(events)
            .voice_manager_arc(self.calls.songbird())
            .framework(framework)
            .await?;
        // A stand-in's token is none of the real Discord's business.
        if !self.is_real && *client.ws_url.lock().await == DEFAULT_GATEWAY {
            return Err(serenity::Error::Other("the gateway's address is not known"));
        }
        Ok(client)
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Nobody who could say stop any more means the same.
    let _said_or_gone = stop.wait_for(|stop| *stop).await;
}

async fn say_goodbye(shards: &ShardManager) {
    if timeout(GOODBYE, shards.shutdown_all()).await.is_err() {
        tracing::warn!("the connection to Discord could not be closed in time");
    }
}

/// Passes for errors that another attempt may get over.
fn fatal(error: &serenity::Error) -> Result<(), BotError> {
    const UNAUTHORIZED: u16 = 401;
    match error {
        serenity::Error::Gateway(
            GatewayError::InvalidAuthentication | GatewayError::NoAuthentication,
        ) => Err(BotError::InvalidToken),
        serenity::Error::Gateway(
            GatewayError::InvalidGatewayIntents | GatewayError::DisallowedGatewayIntents,
        ) => Err(BotError::Intents),
        serenity::Error::Http(HttpError::UnsuccessfulRequest(answer))
            if answer.status_code.as_u16() == UNAUTHORIZED =>
        {
            Err(BotError::InvalidToken)
        }
        _ => Ok(()),
    }
}
