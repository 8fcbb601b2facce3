//! The life of a connection: one session with Discord after another, each only when it may be
//! started. [`Bot`] and the guests run it.

use std::sync::Arc;
use std::time::Duration;

use poise::Framework;
use serenity::Client;
use serenity::client::ClientBuilder;
use serenity::gateway::{GatewayError, ShardManager};
use serenity::http::{HttpBuilder, HttpError};
use serenity::model::gateway::GatewayIntents;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::commands::{self, Data};
use super::gateway::{Events, Host};
use super::prompt::Prompt;
use super::relay::{Relay, Report};
use super::{Bot, BotError, Connection, Parts};
use crate::clock::rfc3339;
use crate::discord::gateway::GatewayBotError;
use crate::domain::guilds::Outage;
use crate::domain::sessions::Ears;

/// First and longest wait before another attempt to connect.
const RETRY_MIN: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_mins(5);
/// The wait before a new session after one that had lasted. Discord asks for 1 to 5 seconds.
const RENEW: Duration = Duration::from_secs(3);
/// A session that held this long was a good one: the waits begin anew.
const HELD: Duration = Duration::from_mins(1);
/// For what serenity asks of Discord before it connects.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// For everything that has to be said to Discord at the end.
const GOODBYE: Duration = Duration::from_secs(5);
/// For serenity to start a shard, which takes a connection on this machine.
const BOOT_LOOKS: u32 = 30;
const BOOT_LOOK_EVERY: Duration = Duration::from_millis(10);
/// Discord says when its limit is reset; not more than a day from now.
const RESET_MAX: Duration = Duration::from_hours(24);

/// How a session ended.
enum End {
    /// We were told to stop.
    Stopped,
    /// It can be tried again.
    Lost(Outage),
    /// It can be tried again after this long.
    Wait(Outage, Duration),
    /// It cannot.
    Fatal(BotError),
}

impl From<Report> for End {
    fn from(report: Report) -> Self {
        match report {
            Report::SessionOver | Report::Unreachable => Self::Lost(Outage::Unreachable),
            Report::StartsUsedUp(wait) => Self::Wait(Outage::StartsUsedUp, wait),
            Report::Refused(4004) => Self::Fatal(BotError::InvalidToken),
            Report::Refused(4013 | 4014) => Self::Fatal(BotError::Intents),
            Report::Refused(code) => Self::Fatal(BotError::Refused(code)),
        }
    }
}

/// What a connection is for.
pub(super) enum Role {
    /// The configured bot, with its commands.
    Host(Arc<Bot>, Box<Parts>),
    /// A bot that somebody has brought along: it plays what it is asked for over REST.
    Guest(Ears),
}

impl Bot {
    /// Keeps the bot connected until `stop` becomes true; it leaves its voice channels and says
    /// goodbye then.
    ///
    /// # Errors
    /// [`BotError`], at once and without another attempt. Whatever else ends the connection is
    /// logged and tried again, after 5 seconds at first and 5 minutes at most.
    pub async fn run(
        self: Arc<Self>,
        parts: Parts,
        stop: watch::Receiver<bool>,
    ) -> Result<(), BotError> {
        let commands = Arc::clone(&parts.commands);
        let role = Role::Host(Arc::clone(&self), Box::new(parts));
        tokio::select! {
            ended = self.connection.keep(&role, stop) => ended,
            never = self.slash.run(&commands) => match never {},
        }
    }
}

impl Connection {
    /// Keeps it until `stop` becomes true.
    ///
    /// # Errors
    /// As [`Bot::run`].
    pub(super) async fn keep(
        &self,
        role: &Role,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), BotError> {
        let mut next = RETRY_MIN;
        loop {
            let started = self.clock.monotonic();
            let end = self.session(role, &mut stop).await;
            self.directory.set_connected(false);
            let held = self.clock.monotonic().saturating_sub(started) > HELD;
            let (outage, asked) = match end {
                End::Stopped => return Ok(()),
                End::Lost(outage) => (outage, Duration::ZERO),
                End::Wait(outage, asked) => (outage, asked.min(RESET_MAX)),
                End::Fatal(error) => {
                    self.directory.set_outage(error.outage());
                    if matches!(error, BotError::InvalidToken) {
                        self.discord.refuse_token();
                    }
                    return Err(error);
                }
            };
            self.directory.set_outage(outage);
            let (wait, then) = if held {
                (RENEW, RETRY_MIN)
            } else {
                (next, (next * 2).min(RETRY_MAX))
            };
            next = then;
            // Never before Discord allows it, and not all bots at once.
            let wait = (asked + asked.mul_f64(rand::random_range(0.0..0.01)))
                .max(wait.mul_f64(rand::random_range(0.75..1.25)));
            let until_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            let until = rfc3339(self.clock.now_ms().saturating_add(until_ms));
            let (bot_id, reason) = (self.bot, outage.text());
            match role {
                Role::Host(..) => {
                    tracing::warn!(%bot_id, reason, until, "the bot is not connected");
                }
                // Its bringer is told when something is asked of it; it is not the operator's affair.
                Role::Guest(_) => {
                    tracing::info!(%bot_id, reason, until, "a session's bot is not connected");
                }
            }
            tokio::select! {
                () = self.sleep(wait) => {}
                () = stopped(&mut stop) => return Ok(()),
            }
        }
    }

    async fn sleep(&self, time: Duration) {
        self.clock.sleep_until(self.clock.monotonic() + time).await;
    }

    /// One session, from asking whether it may be started to its end.
    async fn session(&self, role: &Role, stop: &mut watch::Receiver<bool>) -> End {
        let prepared = tokio::select! {
            prepared = self.prepare(role) => prepared,
            () = stopped(stop) => return End::Stopped,
        };
        let (mut client, mut relay) = match prepared {
            Ok(prepared) => prepared,
            Err(end) => return end,
        };
        let shards = Arc::clone(&client.shard_manager);
        let end = tokio::select! {
            ended = client.start() => ended.map_or_else(
                |error| judge(&error),
                |()| End::Lost(Outage::Unreachable),
            ),
            report = relay.report() => report.into(),
            () = stopped(stop) => {
                self.calls.close().await;
                End::Stopped
            }
        };
        relay.close();
        say_goodbye(shards).await;
        end
    }

    /// A client that may start a session, and what it is to connect through.
    async fn prepare(&self, role: &Role) -> Result<(Client, Relay), End> {
        let upstream = self.permission().await?;
        let relay = Relay::open(
            upstream,
            self.clock.clone(),
            Arc::clone(&self.starts),
            Arc::clone(&self.directory),
            self.nudge.clone(),
        );
        let relay = relay.await.map_err(|error| {
            tracing::error!(bot_id = %self.bot, %error, "no socket on loopback for the bot");
            End::Lost(Outage::Unreachable)
        })?;
        let client = timeout(CONNECT_PATIENCE, self.client(role)).await;
        let client = client
            .map_err(|_| End::Lost(Outage::Unreachable))?
            .map_err(|error| judge(&error))?;
        *client.ws_url.lock().await = relay.url();
        Ok((client, relay))
    }

    /// Waits until a session may be started, by our own count; then asks Discord for its own, and
    /// for the gateway's address.
    async fn permission(&self) -> Result<String, End> {
        loop {
            let wait = self.starts.wait().await;
            if wait.is_zero() {
                break;
            }
            if wait > crate::domain::session_starts::SPACING {
                return Err(End::Wait(Outage::StartsUsedUp, wait));
            }
            self.sleep(wait).await;
        }
        match self.discord.gateway_bot().await {
            Ok(answer) if answer.starts_remaining == 0 => {
                Err(End::Wait(Outage::StartsUsedUp, answer.reset_after))
            }
            Ok(answer) => Ok(answer.url),
            Err(GatewayBotError::TokenRefused) => Err(End::Fatal(BotError::InvalidToken)),
            Err(GatewayBotError::Limited(wait)) => Err(End::Wait(Outage::Unreachable, wait)),
            Err(GatewayBotError::Failed(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                let bot_id = self.bot;
                tracing::warn!(%bot_id, %error, cause, "the gateway's address is not known");
                Err(End::Lost(Outage::Unreachable))
            }
        }
    }

    /// A client that is ready to be started.
    async fn client(&self, role: &Role) -> serenity::Result<Client> {
        let http = HttpBuilder::new(self.discord.token().expose()).client(self.http.clone());
        let http = match &self.proxy {
            None => http,
            // serenity's own rate limiter takes no notice of another address: it has to limit
            // by itself.
            Some(address) => http.proxy(address).ratelimiter_disabled(true),
        };
        let mut intents = GatewayIntents::GUILDS | GatewayIntents::GUILD_VOICE_STATES;
        if let Role::Host(bot, _) = role {
            // Of messages without a prefix only those that mention the bot say anything.
            intents |= GatewayIntents::GUILD_MESSAGES;
            if bot.prefix.is_some() {
                intents |= GatewayIntents::MESSAGE_CONTENT;
            }
            if bot.has_members_intent {
                intents |= GatewayIntents::GUILD_MEMBERS;
            }
        }
        let client = ClientBuilder::new_with_http(http.build(), intents)
            .event_handler(self.events(role))
            .voice_manager_arc(Arc::new(Prompt::new(
                self.calls.songbird(),
                self.nudge.clone(),
            )));
        match role {
            Role::Host(bot, parts) => client.framework(bot.framework(parts)).await,
            Role::Guest(_) => client.await,
        }
    }

    fn events(&self, role: &Role) -> Events {
        let directory = Arc::clone(&self.directory);
        match role {
            Role::Host(bot, parts) => {
                let host = Host {
                    occasions: Arc::clone(&parts.occasions),
                    has_registered: Arc::clone(&bot.has_registered),
                    slash: Arc::clone(&bot.slash),
                };
                let (player, watcher) = (parts.player.clone(), parts.guild_data.clone());
                Events::new(directory, player, watcher, Some(host))
            }
            Role::Guest(Ears { player, watcher }) => {
                Events::new(directory, Arc::clone(player), Arc::clone(watcher), None)
            }
        }
    }
}

impl Bot {
    /// The commands, as serenity takes them.
    fn framework(&self, parts: &Parts) -> Framework<Data, serenity::Error> {
        let data = Data {
            parts: parts.clone(),
            prefix: self.prefix.clone(),
        };
        Framework::builder()
            .options(commands::options(self.prefix.is_some()))
            .initialize_owners(false)
            .setup(|_, _, _| Box::pin(async move { Ok(data) }))
            .build()
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Nobody who could say stop any more means the same.
    let _said_or_gone = stop.wait_for(|stop| *stop).await;
}

/// Ends a client, whatever it is doing.
async fn say_goodbye(shards: Arc<ShardManager>) {
    let goodbye = async {
        // serenity's queue of shards is told to end only where there is a shard: else it, and all
        // that its handlers hold, would stay for ever.
        if !wait_for_shard(&shards).await {
            shards.set_shards(0, 1, 1).await;
            // It never fails.
            let _booted = shards.initialize();
            wait_for_shard(&shards).await;
        }
        shards.shutdown_all().await;
    };
    if timeout(GOODBYE, goodbye).await.is_err() {
        tracing::warn!("the connection to Discord could not be closed in time");
    }
}

async fn wait_for_shard(shards: &ShardManager) -> bool {
    for _ in 0..BOOT_LOOKS {
        if !shards.shards_instantiated().await.is_empty() {
            return true;
        }
        sleep(BOOT_LOOK_EVERY).await;
    }
    false
}

/// What an error of serenity's means for the next attempt.
fn judge(error: &serenity::Error) -> End {
    const UNAUTHORIZED: u16 = 401;
    tracing::debug!(?error, "the client has ended");
    match error {
        serenity::Error::Gateway(
            GatewayError::InvalidAuthentication | GatewayError::NoAuthentication,
        ) => End::Fatal(BotError::InvalidToken),
        serenity::Error::Http(HttpError::UnsuccessfulRequest(answer))
            if answer.status_code.as_u16() == UNAUTHORIZED =>
        {
            End::Fatal(BotError::InvalidToken)
        }
        _ => End::Lost(Outage::Unreachable),
    }
}
