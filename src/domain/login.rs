//! Logging in through Discord: the two flows of seed 004, `/token` and `/login`, whose routes keep
//! the pending flow in the browser's encrypted cookie and call here at both ends; and the callback
//! of seed 002, which finishes what another site's page has started.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use subtle::ConstantTimeEq;

use crate::clock::Clock;
use crate::db::grants;
use crate::db::tokens::Kind;
use crate::db::users::{self, User};
use crate::discord::oauth::{Grant, OAuth, UserGuild};
use crate::domain::grants::Grants;
use crate::domain::guilds::{Guild, Guilds};
use crate::domain::jwe::{Jwe, Made};
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

/// A user who was admitted, and what Discord says of them.
struct Admitted {
    user: User,
    /// The guilds that the bot is in too.
    mutual: Vec<GuildId>,
    /// All guilds.
    guilds: Vec<UserGuild>,
}

/// All flows.
pub struct Login {
    oauth: Option<Arc<OAuth>>,
    guilds: Arc<Guilds>,
    tokens: Arc<Tokens>,
    grants: Arc<Grants>,
    jwe: Arc<Jwe>,
    callback_uris: Vec<String>,
    clock: Clock,
    /// States of flows that have come back.
    finished: Cache<String, ()>,
}

impl Login {
    /// `oauth` is `None` while no application is configured: nobody can log in then.
    /// `callback_uris` are the pages of other sites that may finish a flow here.
    pub fn new(
        oauth: Option<Arc<OAuth>>,
        guilds: Arc<Guilds>,
        tokens: Arc<Tokens>,
        grants: Arc<Grants>,
        jwe: Arc<Jwe>,
        callback_uris: Vec<String>,
        clock: Clock,
    ) -> Self {
        let finished = Cache::builder()
            .max_capacity(FINISHED_MAX)
            .time_to_live(PENDING_LIFETIME)
            .build();
        Self {
            oauth,
            guilds,
            tokens,
            grants,
            jwe,
            callback_uris,
            clock,
            finished,
        }
    }

    /// Starts a flow: what the browser keeps, and Discord's page. `callback` is its full address.
    ///
    /// # Errors
    /// 503 while no application is configured.
    pub fn start(&self, callback: &str) -> Result<(Pending, String), Error> {
        let oauth = self.oauth.as_ref().ok_or(NO_APPLICATION)?;
        let pending = Pending {
            state: random_text(43),
            verifier: random_text(64),
            started_ms: self.clock.now_ms(),
        };
        let page = oauth.authorize_url(callback, &pending.state, &pending.verifier);
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
        let (oauth, bots) = self.check(code)?;
        let grant = oauth.exchange(code, callback, &pending.verifier).await?;
        let admitted = admit(oauth, &grant, &bots).await;
        // Nothing more is read with it, whatever became of it.
        self.discard(oauth, &grant, admitted.as_ref().ok()).await;
        let Admitted { user, mutual, .. } = admitted?;

        let (id, now_ms) = (user.id, self.clock.now_ms());
        let kind = match flow {
            Flow::Token => Kind::Api,
            Flow::Login => Kind::Session,
        };
        let keep = move |conn: &mut _| users::upsert(conn, &user, &mutual, now_ms);
        Ok((id, self.tokens.issue_after(id, kind, keep).await?))
    }

    /// Finishes what another site's page has started, with the code that Discord has sent to
    /// `callback`: keeps the grant, opens a session and names it in a token. Seed 002.
    ///
    /// # Errors
    /// 403 where `callback` is not one of the configured pages, and for a grant that allows too
    /// little; else as [`finish`](Self::finish).
    pub async fn connect(&self, code: &str, verifier: &str, callback: &str) -> Result<Made, Error> {
        const NOT_LISTED: Error =
            Error::Forbidden("redirect_uri is not one of this server's callback_uris");
        const TOO_LITTLE: Error =
            Error::Forbidden("the login must ask discord for the scopes identify and guilds");
        if !self.callback_uris.iter().any(|listed| listed == callback) {
            return Err(NOT_LISTED);
        }
        let (oauth, bots) = self.check(code)?;
        let grant = oauth.exchange(code, callback, verifier).await?;
        let admitted = if grant.is_enough() {
            admit(oauth, &grant, &bots).await
        } else {
            Err(TOO_LITTLE)
        };
        let Admitted {
            user,
            mutual,
            guilds,
        } = match admitted {
            Ok(admitted) => admitted,
            Err(error) => {
                self.discard(oauth, &grant, None).await;
                return Err(error);
            }
        };

        let (id, now_ms) = (user.id, self.clock.now_ms());
        let sealed = self.grants.seal(id, &grant)?;
        let keep = move |conn: &mut _| {
            users::upsert(conn, &user, &mutual, now_ms)?;
            grants::put(conn, id, &sealed, now_ms)
        };
        let session = self.tokens.issue_after(id, Kind::Bearer, keep).await?;
        self.grants.remember(id, guilds.into()).await;
        self.jwe.make(id, &session.token)
    }

    /// What has to be there, and be so, before Discord is asked.
    fn check(&self, code: &str) -> Result<(&Arc<OAuth>, Vec<Guild>), Error> {
        if code.is_empty() || code.len() > CODE_MAX_BYTES {
            return Err(Error::Unauthorized);
        }
        let oauth = self.oauth.as_ref().ok_or(NO_APPLICATION)?;
        let bots = self.guilds.gateway().guilds().ok_or(Error::Unavailable(
            "the bot is not connected to Discord yet, try again",
        ))?;
        Ok((oauth, bots))
    }

    /// Gives a grant back. With it Discord forgets all that the user has granted us: where a grant
    /// of theirs is kept, this one is given back with that.
    async fn discard(&self, oauth: &OAuth, grant: &Grant, admitted: Option<&Admitted>) {
        if let Some(admitted) = admitted
            && matches!(self.grants.is_kept(admitted.user.id).await, Ok(true))
        {
            return;
        }
        if let Err(error) = oauth.revoke(&grant.access).await {
            tracing::warn!(%error, "the grant of a login was not given back");
        }
    }
}

/// Who has given a grant, if they share a guild with the bot.
async fn admit(oauth: &OAuth, grant: &Grant, bots: &[Guild]) -> Result<Admitted, Error> {
    let account = oauth.get_account(&grant.access).await?;
    let guilds = oauth.list_user_guilds(&grant.access).await?;
    let mutual: Vec<GuildId> = guilds
        .iter()
        .map(|guild| guild.id)
        .filter(|id| bots.iter().any(|guild| guild.id == *id))
        .collect();
    if mutual.is_empty() {
        return Err(STRANGER);
    }
    let user = User {
        id: account.id,
        username: account.username,
        global_name: account.global_name,
        discriminator: account.discriminator,
        avatar: account.avatar,
    };
    Ok(Admitted {
        user,
        mutual,
        guilds,
    })
}
