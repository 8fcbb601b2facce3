//! Sessions for any bot: beginning and ending one, and what its bot sees. The answers of these five
//! routes are seed 001's: bare lists, and failures without a code. Contract 8.

mod body;
mod guards;

use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};
use rocket::{Request, get, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Json;
use super::error::fail;
use super::guards::AppState;
use super::guild_wire::{ChannelData, MemberData, MessageData};
use super::login::NoStore;
use super::query::{self, number};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, UserId};
use body::BotLogin;
pub(super) use guards::PlayerCaller;
use guards::{LoginCaller, SessionCaller};

/// Messages of an answer where no limit is given, and at most. Contract 8.
const MESSAGES_DEFAULT: u32 = 100;
const MESSAGES_MAX: u32 = 1_000;

const GUILD: Error = Error::Invalid("guildId must be the id of a guild");

/// A session has begun.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BotLoginAnswer {
    #[schema(pattern = "^[0-9A-Za-z]{64}$")]
    session_id: String,
    #[schema(example = "Logged in successfully")]
    message: &'static str,
}

/// It has ended.
#[derive(Serialize, ToSchema)]
pub(super) struct BotLogoutAnswer {
    #[schema(example = "Logged out successfully")]
    message: &'static str,
}

/// `guildId` of a list; the bot's only guild where it is not there.
pub(super) struct OfGuild(Option<GuildId>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for OfGuild {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match guild(request) {
            Ok(guild) => Outcome::Success(Self(guild)),
            Err(error) => fail(request, error),
        }
    }
}

fn guild(request: &Request<'_>) -> Result<Option<GuildId>, Error> {
    let named = query::find(request, "guildId").map_err(|query::Twice| GUILD)?;
    let named = named.map(|text| text.parse().map_err(|_| GUILD));
    named.transpose()
}

/// `after` of a list of members.
pub(super) struct After(Option<UserId>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for After {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        const WRONG: Error = Error::Invalid("after must be the id of a user");
        let after = match query::find(request, "after") {
            Ok(text) => text.map(|text| text.parse()).transpose().ok(),
            Err(query::Twice) => None,
        };
        match after {
            Some(after) => Outcome::Success(Self(after)),
            None => fail(request, WRONG),
        }
    }
}

/// `channelId` and `limit` of a list of messages.
pub(super) struct OfChannel {
    channel: ChannelId,
    limit: u32,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for OfChannel {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match message_list(request) {
            Ok(wanted) => Outcome::Success(wanted),
            Err(error) => fail(request, error),
        }
    }
}

fn message_list(request: &Request<'_>) -> Result<OfChannel, Error> {
    const MISSING: Error = Error::Invalid("channelId is missing");
    const CHANNEL: Error = Error::Invalid("channelId must be the id of a channel");
    const LIMIT: Error = Error::Invalid("limit must be a number from 1 to 1000");
    let channel = query::find(request, "channelId").map_err(|query::Twice| CHANNEL)?;
    let channel: ChannelId = channel.ok_or(MISSING)?.parse().map_err(|_| CHANNEL)?;
    let limit = query::find(request, "limit").map_err(|query::Twice| LIMIT)?;
    let limit = limit.map_or(Some(MESSAGES_DEFAULT), |text| number(&text));
    let limit = limit.filter(|limit| (1..=MESSAGES_MAX).contains(limit));
    Ok(OfChannel {
        channel,
        limit: limit.ok_or(LIMIT)?,
    })
}

/// A list of members that may not be all of them.
pub(super) struct MemberArray {
    results: Vec<MemberData>,
    is_partial: bool,
}

impl<'r> Responder<'r, 'static> for MemberArray {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut answer = Json(self.results).respond_to(request)?;
        if self.is_partial {
            answer.set_raw_header("X-Partial", "true");
        }
        Ok(answer)
    }
}

/// Begins a session of a bot, for whom the server's `sessions.mode` lets.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    tag = "sessions",
    security((), ("basic" = []), ("token" = [], "userid" = []), ("bearer" = [])),
    request_body = BotLogin,
    responses(
        (status = 200, description = "The session", body = BotLoginAnswer),
        (
            status = 401,
            description = "Discord does not accept the token; or the caller's own credential is \
                missing or not good"
        ),
        (
            status = 403,
            description = "Sessions are switched off, or only administrators begin them; or \
                cookies, and a page of another site"
        ),
        (status = 413, description = "The body has more than 1 KiB"),
        (status = 429, description = "Too many logins, refused tokens or sessions")
    ),
)]
#[post("/api/auth/login", data = "<body>")]
pub(super) async fn log_in_bot(
    app: &AppState,
    caller: LoginCaller,
    body: BotLogin,
) -> Result<NoStore<Json<BotLoginAnswer>>, Error> {
    let id = app.sessions.login(body.token, caller.0).await?;
    Ok(NoStore::new(Json(BotLoginAnswer {
        session_id: id.expose().to_owned(),
        message: "Logged in successfully",
    })))
}

/// Ends the session.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    tag = "sessions",
    security(("session" = [])),
    responses((status = 200, description = "It has ended", body = BotLogoutAnswer)),
)]
#[post("/api/auth/logout")]
pub(super) fn log_out_bot(app: &AppState, caller: SessionCaller) -> Json<BotLogoutAnswer> {
    app.sessions.logout(&caller.0);
    Json(BotLogoutAnswer {
        message: "Logged out successfully",
    })
}

/// The members of one of the bot's guilds, by id: 10 000 at most.
#[utoipa::path(
    get,
    path = "/api/members",
    tag = "sessions",
    security(("session" = [])),
    params(
        ("guildId" = Option<GuildId>, Query, description = "The bot's only guild without it."),
        ("after" = Option<UserId>, Query, description = "Members after this user.")
    ),
    responses(
        (
            status = 200,
            description = "The members",
            body = Vec<MemberData>,
            headers(("X-Partial" = String, description = "`true`: there may be more."))
        ),
        (status = 403, description = "The bot has not Discord's Server Members Intent"),
        (status = 404, description = "The bot is in no such guild, or in none")
    ),
)]
#[get("/api/members")]
pub(super) async fn list_bot_members(
    caller: SessionCaller,
    guild: OfGuild,
    after: After,
) -> Result<MemberArray, Error> {
    let session = caller.0;
    let guild = session.get_guild(guild.0).await?;
    let members = session.list_members(guild, after.0).await?;
    Ok(MemberArray {
        results: members.list.iter().map(MemberData::from).collect(),
        is_partial: members.is_partial,
    })
}

/// The channels of one of the bot's guilds.
#[utoipa::path(
    get,
    path = "/api/channels",
    tag = "sessions",
    security(("session" = [])),
    params(("guildId" = Option<GuildId>, Query, description = "The bot's only guild without it.")),
    responses(
        (status = 200, description = "The channels", body = Vec<ChannelData>),
        (status = 404, description = "The bot is in no such guild, or in none")
    ),
)]
#[get("/api/channels")]
pub(super) async fn list_bot_channels(
    caller: SessionCaller,
    guild: OfGuild,
) -> Result<Json<Vec<ChannelData>>, Error> {
    let session = caller.0;
    let guild = session.get_guild(guild.0).await?;
    let channels = session.list_channels(guild).await?;
    Ok(Json(channels.iter().map(ChannelData::from).collect()))
}

/// The last messages of a channel that the bot reads, the newest first.
#[utoipa::path(
    get,
    path = "/api/messages",
    tag = "sessions",
    security(("session" = [])),
    params(
        ("channelId" = ChannelId, Query, description = "The channel's id."),
        (
            "limit" = Option<u32>,
            Query,
            description = "Most messages of the answer; 100 unless said otherwise.",
            minimum = 1,
            maximum = 1000
        )
    ),
    responses(
        (status = 200, description = "The messages", body = Vec<MessageData>),
        (status = 404, description = "The bot sees no such channel")
    ),
)]
#[get("/api/messages")]
pub(super) async fn list_bot_messages(
    caller: SessionCaller,
    wanted: OfChannel,
) -> Result<Json<Vec<MessageData>>, Error> {
    let messages = caller.0.list_messages(wanted.channel, wanted.limit);
    let messages = messages.await?;
    Ok(Json(messages.iter().map(MessageData::from).collect()))
}
