//! The life of the bot: one session with Discord after another, each only when it may be
//! started. `app` runs it.

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
use super::gateway::Events;
use super::prompt::Prompt;
use super::relay::{Relay, Report};
use super::{Bot, BotError, Parts};
use crate::clock::rfc3339;
use crate::discord::gateway::GatewayBotError;
use crate::domain::guilds::Outage;
use crate::secret::Secret;

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
        tokio::select! {
            ended = self.keep_connected(&parts, stop) => ended,
            never = self.slash.run(&parts.commands) => match never {},
        }
    }

    async fn keep_connected(
        &self,
        parts: &Parts,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), BotError> {
        let token = self.token.as_ref().ok_or(BotError::NoToken)?;
        let mut next = RETRY_MIN;
        loop {
            let started = self.clock.monotonic();
            let end = self.session(token, parts, &mut stop).await;
            self.directory.set_connected(false);
            let held = self.clock.monotonic().saturating_sub(started) > HELD;
            let (outage, asked) = match end {
                End::Stopped => return Ok(()),
                End::Lost(outage) => (outage, Duration::ZERO),
                End::Wait(outage, asked) => (outage, asked.min(RESET_MAX)),
                End::Fatal(error) => {
                    self.directory.set_outage(error.outage());
                    self.discord_is_left(&error);
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
            tracing::warn!(reason = outage.text(), until, "the bot is not connected");
            tokio::select! {
                () = self.sleep(wait) => {}
                () = stopped(&mut stop) => return Ok(()),
            }
        }
    }

    fn discord_is_left(&self, error: &BotError) {
        if matches!(error, BotError::InvalidToken) {
            self.discord.refuse_token();
        }
    }

    async fn sleep(&self, time: Duration) {
        self.clock.sleep_until(self.clock.monotonic() + time).await;
    }

    /// One session, from asking whether it may be started to its end.
    async fn session(
        &self,
        token: &Secret,
        parts: &Parts,
        stop: &mut watch::Receiver<bool>,
    ) -> End {
        let prepared = tokio::select! {
            prepared = self.prepare(token, parts) => prepared,
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
    async fn prepare(&self, token: &Secret, parts: &Parts) -> Result<(Client, Relay), End> {
        let upstream = self.permission().await?;
        let relay = Relay::open(
            upstream,
            self.clock.clone(),
            Arc::clone(&self.starts),
            Arc::clone(&self.directory),
            self.nudge.clone(),
        );
        let relay = relay.await.map_err(|error| {
            tracing::error!(%error, "no socket on loopback for the bot");
            End::Lost(Outage::Unreachable)
        })?;
        let data = Data {
            parts: parts.clone(),
            prefix: self.prefix.clone(),
        };
        let client = timeout(CONNECT_PATIENCE, self.client(token, data)).await;
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
                tracing::warn!(%error, cause, "the gateway's address is not known");
                Err(End::Lost(Outage::Unreachable))
            }
        }
    }

    /// A client that is ready to be started.
    async fn client(&self, token: &Secret, data: Data) -> serenity::Result<Client> {
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
        if self.has_members_intent {
            intents |= GatewayIntents::GUILD_MEMBERS;
        }
        let events = Events::new(
            Arc::clone(&self.directory),
            Arc::clone(&data.parts.player),
            Arc::clone(&data.parts.occasions),
            Arc::clone(&data.parts.guild_data),
            Arc::clone(&self.has_registered),
            Arc::clone(&self.slash),
        );
        let framework = Framework::builder()
            .options(commands::options(self.prefix.is_some()))
            .initialize_owners(false)
            .setup(|_, _, _| Box::pin(async move { Ok(data) }))
            .build();
        ClientBuilder::new_with_http(http.build(), intents)
            .event_handler(events)
            .voice_manager_arc(Arc::new(Prompt::new(
                self.calls.songbird(),
                self.nudge.clone(),
            )))
            .framework(framework)
            .await
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
