//! Who calls with a bot's session, on its own routes or in a user's place on the player's; and who
//! may begin one. Contract 2, 8.

use std::net::IpAddr;
use std::sync::Arc;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use crate::app::App;
use crate::config::SessionsMode;
use crate::domain::limits::Refused;
use crate::domain::player::{Asker, Player, PlayerState, Who};
use crate::domain::sessions::Session;
use crate::error::Error;
use crate::http::error::fail;
use crate::http::guards::{Caller, address, app, charge, pay, presents_credential, verify};
use crate::ids::{ChannelId, GuildId};

/// A session that has paid for this request with a token of its bot's.
pub(in crate::http) struct SessionCaller(pub(in crate::http) Session);

/// Who asks a player for something: a user, or a session of a bot. Has paid for this request.
pub(in crate::http) enum PlayerCaller {
    /// Follows the user's voice channel, as the server's own bot.
    User(Caller),
    /// Goes where it is told to, as its own bot.
    Session(Session),
}

/// Somebody who may begin a session, as the configuration has it; from where, for the limits.
pub(in crate::http) struct LoginCaller(pub(in crate::http) IpAddr);

impl PlayerCaller {
    /// The channel that a session names, and has to. A user's own is meant.
    ///
    /// # Errors
    /// 400 for a session without one, for a user with one, and for what is no id.
    pub(in crate::http) fn read_channel(
        &self,
        named: Option<&str>,
    ) -> Result<Option<ChannelId>, Error> {
        const MISSING: Error =
            Error::Invalid("channel_id is missing: a session is in no voice channel");
        const NOT_MEANT: Error =
            Error::Invalid("channel_id is for sessions of bots: a user's own channel is meant");
        const WRONG: Error = Error::Invalid("channel_id must be the id of a channel");
        match (self, named) {
            (Self::User(_), None) => Ok(None),
            (Self::User(_), Some(_)) => Err(NOT_MEANT),
            (Self::Session(_), None) => Err(MISSING),
            (Self::Session(_), Some(id)) => id.parse().map(Some).map_err(|_| WRONG),
        }
    }

    /// The caller as the player knows it. Of a user the member is read from Discord before anything
    /// is changed; a bot goes into `channel`.
    pub(in crate::http) fn asker(&self, guild: GuildId, channel: Option<ChannelId>) -> Asker {
        let (user, who) = match self {
            Self::User(caller) => (caller.user(), Who::Member(None)),
            Self::Session(session) => (session.bot().id, Who::Bot(channel)),
        };
        Asker { guild, user, who }
    }

    /// The player of the server's own bot, or that of the session's, which is connected for it.
    ///
    /// # Errors
    /// [`Error::NOT_A_MEMBER`] for a guild that the session's bot is not in, before it is connected;
    /// 502, 503 and 504 where it cannot be.
    pub(in crate::http) async fn player(
        &self,
        app: &App,
        guild: GuildId,
    ) -> Result<Arc<Player>, Error> {
        match self {
            Self::User(_) => Ok(Arc::clone(&app.player)),
            Self::Session(session) => {
                check_guild(session, guild).await?;
                session.player().await
            }
        }
    }

    /// What that player does, for those who are in the guild; nothing is connected for it.
    ///
    /// # Errors
    /// [`Error::NOT_A_MEMBER`]; 502, 503 and 504 where Discord does not tell.
    pub(in crate::http) async fn state(
        &self,
        app: &App,
        guild: GuildId,
    ) -> Result<PlayerState, Error> {
        match self {
            Self::User(user) => {
                app.guilds.check_member(guild, user.user()).await?;
                app.player.state(guild).await
            }
            Self::Session(session) => {
                check_guild(session, guild).await?;
                session.player_state(guild).await
            }
        }
    }
}

/// Passes when the session's bot is in the guild. The player's routes say otherwise in their words.
async fn check_guild(session: &Session, guild: GuildId) -> Result<(), Error> {
    match session.get_guild(Some(guild)).await {
        Err(Error::NotFound(_)) => Err(Error::NOT_A_MEMBER),
        asked => asked.map(drop),
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SessionCaller {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match enter(request).await {
            Ok(session) => Outcome::Success(Self(session)),
            Err(error) => fail(request, error),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for PlayerCaller {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let known = if presented_id(request).is_some() {
            enter(request).await.map(Self::Session)
        } else {
            let charged = charge(request).await;
            charged.map(|identity| Self::User(Caller(identity)))
        };
        match known {
            Ok(caller) => Outcome::Success(caller),
            Err(error) => fail(request, error),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for LoginCaller {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match admit(request).await {
            Ok(address) => Outcome::Success(Self(address)),
            Err(error) => fail(request, error),
        }
    }
}

/// The session of the request, which is charged to its bot.
async fn enter(request: &Request<'_>) -> Result<Session, Error> {
    let app = app(request)?;
    let session = identify(app, request).await?;
    let hash = session.short_hash().to_owned();
    pay(app, request, session.bot().id, Some(hash))?;
    session.touch();
    Ok(session)
}

/// Finds out whose session it is, for nothing where it is one. What is none costs the address what
/// any credential does that is not good.
async fn identify(app: &App, request: &Request<'_>) -> Result<Session, Error> {
    let id = presented_id(request);
    if let Some(session) = id.and_then(|id| app.sessions.verify(id).ok()) {
        return Ok(session);
    }
    verify(app, address(app, request), None, id.is_some()).await?;
    Err(Error::Unauthorized)
}

/// What may be a session's id: the only `Authorization` header, where it has no scheme. Seed 001.
fn presented_id<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let mut values = request.headers().get("Authorization");
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    (!value.contains(' ')).then_some(value)
}

/// Whether somebody may begin a session; from where. A user pays for it like for any request.
async fn admit(request: &Request<'_>) -> Result<IpAddr, Error> {
    const OFF: Error = Error::Forbidden("sessions are switched off on this server");
    let app = app(request)?;
    let address = address(app, request);
    let limited = |refused: Refused| Error::Limited(refused.0);
    match app.config.sessions.mode {
        SessionsMode::Off => {
            app.limits.charge_stranger(address).map_err(limited)?;
            return Err(OFF);
        }
        SessionsMode::Admins => app.admins.check(charge(request).await?.user)?,
        SessionsMode::Open if presents_credential(request) => {
            charge(request).await?;
        }
        SessionsMode::Open => app.limits.charge_stranger(address).map_err(limited)?,
    }
    app.limits.charge_bot_login(address).map_err(limited)?;
    Ok(address)
}
