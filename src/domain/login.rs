//! Logging in through Discord: the two flows of seed 004, `/token` and `/login`. The routes keep
//! the pending flow in the browser's encrypted cookie and call here at both ends.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use subtle::ConstantTimeEq;

use crate::clock::Clock;
use crate::db::Db;
use crate::db::tokens::Kind;
use crate::db::users::{self, User};
use crate::discord::Discord;
use crate::domain::guilds::Guilds;
use crate::domain::tokens::{Issued, Tokens, random_text};
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// How long a user may take on Discord's page.
pub const PENDING_LIFETIME: Duration = Duration::from_mins(10);
/// Most finished flows remembered, so that none is used twice.
const FINISHED_MAX: u64 = 100_000;
/// Longest code that is sent on to Discord.
const CODE_MAX_BYTES: usize = 512;

const NOT_OURS: Error =
    Error::Forbidden("this login was not started in this browser or is too old, start again");
const STRANGER: Error =
    Error::Forbidden("you must be a member of a guild the bot is also member of");
const NO_APPLICATION: Error =
    Error::Unavailable("this server has no Discord application yet, see its start page");

/// What a flow ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// `/token`: an API token, shown once.
    Token,
    /// `/login`: a session in cookies.
    Login,
}

impl Flow {
    /// Where it starts; the callback is below it.
    pub fn path(self) -> &'static str {
        match self {
            Self::Token => "/token",
            Self::Login => "/login",
        }
    }
}

/// A flow between its two ends, known to the browser that started it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Comes back with the callback.
    pub state: String,
    /// Its SHA-256 went to Discord (PKCE).
    pub verifier: String,
    /// Unix milliseconds.
    pub started_ms: i64,
}

/// Both flows.
pub struct Login {
    discord: Option<Arc<Discord>>,
    guilds: Arc<Guilds>,
    tokens: Arc<Tokens>,
    db: Db,
    clock: Clock,
    /// States of flows that have come back.
    finished: Cache<String, ()>,
}

impl Login {
    /// `discord` is `None` while no application is configured: nobody can log in then.
    pub fn new(
        discord: Option<Arc<Discord>>,
        guilds: Arc<Guilds>,
        tokens: Arc<Tokens>,
        db: Db,
        clock: Clock,
    ) -> Self {
        let finished = Cache::builder()
            .max_capacity(FINISHED_MAX)
            .time_to_live(PENDING_LIFETIME)
            .build();
        Self {
            discord,
            guilds,
            tokens,
            db,
            clock,
            finished,
        }
    }

    /// Starts a flow: what the browser keeps, and Discord's page. `callback` is its full address.
    ///
    /// # Errors
    /// 503 while no application is configured.
    pub fn start(&self, callback: &str) -> Result<(Pending, String), Error> {
        let discord = self.discord.as_ref().ok_or(NO_APPLICATION)?;
        let pending = Pending {
            state: random_text(43),
            verifier: random_text(64),
            started_ms: self.clock.now_ms(),
        };
        let page = discord.authorize_url(callback, &pending.state, &pending.verifier);
        Ok((pending, page))
    }

    /// Checks that a callback belongs to the flow that this browser has started, and uses the flow
    /// up: it is good for one callback, whatever that brings.
    ///
    /// # Errors
    /// 403; Discord has not been asked anything then.
    pub fn redeem(&self, pending: Option<Pending>, state: &str) -> Result<Pending, Error> {
        let pending = pending.ok_or(NOT_OURS)?;
        let same: bool = pending.state.as_bytes().ct_eq(state.as_bytes()).into();
        let age_ms = u64::try_from(self.clock.now_ms() - pending.started_ms);
        let in_time = age_ms.is_ok_and(|age| Duration::from_millis(age) <= PENDING_LIFETIME);
        if !same || !in_time {
            return Err(NOT_OURS);
        }
        let entry = self.finished.entry(pending.state.clone()).or_insert(());
        if entry.is_fresh() {
            Ok(pending)
        } else {
            Err(NOT_OURS)
        }
    }

    /// Finishes a redeemed flow: who is it, do they share a guild with the bot, then the token.
    ///
    /// # Errors
    /// 401 for a code that Discord does not accept; 403 for somebody who shares no guild with the
    /// bot; 502, 503 and 504 for failures of Discord's or of the bot's connection.
    pub async fn finish(
        &self,
        flow: Flow,
        pending: &Pending,
        code: &str,
        callback: &str,
    ) -> Result<(UserId, Issued), Error> {
        if code.is_empty() || code.len() > CODE_MAX_BYTES {
            return Err(Error::Unauthorized);
        }
        let discord = self.discord.as_ref().ok_or(NO_APPLICATION)?;
        let bots = self.guilds.gateway().guilds().ok_or(Error::Unavailable(
            "the bot is not connected to Discord yet, try again",
        ))?;

        let grant = discord.exchange(code, callback, &pending.verifier).await?;
        let read = async {
            let account = discord.get_account(&grant).await?;
            let guilds = discord.list_user_guilds(&grant).await?;
            Ok::<_, Error>((account, guilds))
        };
        let read = read.await;
        // Nothing more is read with the grant, whatever became of it.
        if let Err(error) = discord.revoke(grant).await {
            tracing::warn!(%error, "the grant of a login was not given back");
        }
        let (account, guilds) = read?;

        let mutual: Vec<GuildId> = guilds
            .into_iter()
            .filter(|id| bots.iter().any(|guild| guild.id == *id))
            .collect();
        if mutual.is_empty() {
            return Err(STRANGER);
        }
        let (id, now_ms) = (account.id, self.clock.now_ms());
        let user = User {
            id,
            username: account.username,
            global_name: account.global_name,
            discriminator: account.discriminator,
            avatar: account.avatar,
        };
        self.db
            .write(move |conn| users::upsert(conn, &user, &mutual, now_ms))
            .await?;
        let kind = match flow {
            Flow::Token => Kind::Api,
            Flow::Login => Kind::Session,
        };
        Ok((id, self.tokens.issue(id, kind).await?))
    }
}
