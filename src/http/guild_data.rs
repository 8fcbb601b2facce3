//! Channels, roles and members of a guild, and messages that the bot sends, for dashboards. Contract
//! 6, seed 003.

use rocket::request::{FromRequest, Outcome};
use rocket::{Request, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Created, Json, List, Page};
use super::error::fail;
use super::guards::{AppState, Body, Caller};
use super::guild_wire::{ChannelData, MemberData, RoleData};
use super::openapi::GuildPath;
use super::query::{self, number};
use crate::domain::guild_data::MemberPage;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, NotASnowflake, UserId};

/// Members of a page where no limit is given, and at most. Seed 003; Discord's limit.
const MEMBERS_DEFAULT: u32 = 100;
const MEMBERS_MAX: u32 = 1_000;

/// What `type` may be, with Discord's number for it.
const KINDS: [(&str, u8); 7] = [
    ("text", 0),
    ("voice", 2),
    ("category", 4),
    ("announcement", 5),
    ("stage", 13),
    ("forum", 15),
    ("media", 16),
];

/// `type` of a list of channels, by name or by Discord's number; all kinds where it is not there.
pub(super) struct OfKind(Option<u8>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for OfKind {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        const WRONG: Error = Error::Invalid(
            "type must be text, voice, category, announcement, stage, forum or media, given once",
        );
        let kind = match query::find(request, "type") {
            Ok(None) => Some(None),
            Ok(Some(text)) => {
                let is_meant = |(name, kind): &&(&str, u8)| {
                    *name == text || number(&text) == Some(u32::from(*kind))
                };
                KINDS.iter().find(is_meant).map(|(_, kind)| Some(*kind))
            }
            Err(query::Twice) => None,
        };
        match kind {
            Some(kind) => Outcome::Success(Self(kind)),
            None => fail(request, WRONG),
        }
    }
}

/// `manageable` of a list of roles; both where it is not there.
pub(super) struct Manageable(Option<bool>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Manageable {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let wanted = match query::find(request, "manageable") {
            Ok(None) => Some(None),
            Ok(Some(text)) => text.parse().ok().map(Some),
            Err(query::Twice) => None,
        };
        match wanted {
            Some(wanted) => Outcome::Success(Self(wanted)),
            None => fail(
                request,
                Error::Invalid("manageable must be true or false, given once"),
            ),
        }
    }
}

/// `limit` and `after` of a list of members.
pub(super) struct OfMembers(pub(super) MemberPage);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for OfMembers {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match member_page(request) {
            Ok(page) => Outcome::Success(Self(page)),
            Err(error) => fail(request, error),
        }
    }
}

pub(super) fn member_page(request: &Request<'_>) -> Result<MemberPage, Error> {
    const LIMIT: Error = Error::Invalid("limit must be a number from 1 to 1000");
    const AFTER: Error = Error::Invalid("after must be the id of a user");
    let limit = match query::find(request, "limit").map_err(|query::Twice| LIMIT)? {
        None => MEMBERS_DEFAULT,
        Some(text) => number(&text)
            .filter(|limit| (1..=MEMBERS_MAX).contains(limit))
            .ok_or(LIMIT)?,
    };
    let after = query::find(request, "after").map_err(|query::Twice| AFTER)?;
    let after = after.map(|text| text.parse().map_err(|_| AFTER));
    Ok(MemberPage {
        limit,
        after: after.transpose()?,
    })
}

#[derive(Serialize, ToSchema)]
pub(super) struct MemberList {
    n: usize,
    /// Whether the bot may not know of all of them.
    partial: bool,
    results: Vec<MemberData>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageBody {
    #[schema(min_length = 1, max_length = 2000, example = "hello")]
    content: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct MessageAnswer {
    #[schema(example = "1104556121590808999")]
    id: String,
    #[schema(value_type = GuildId)]
    guild_id: String,
    #[schema(value_type = ChannelId)]
    channel_id: String,
    content: String,
}

/// The channels that the caller sees; all of them for those who manage the guild.
#[utoipa::path(
    get,
    path = "/api/guilds/{guild}/channels",
    tag = "dashboards",
    params(
        GuildPath,
        (
            "type" = Option<String>,
            Query,
            description = "One kind: text, voice, category, announcement, stage, forum, media, or \
                           Discord's number for it.",
            pattern = "^(text|voice|category|announcement|stage|forum|media|0|2|4|5|13|15|16)$"
        )
    ),
    responses((status = 200, description = "The channels", body = List<ChannelData>)),
)]
#[get("/api/guilds/<guild>/channels")]
pub(super) async fn list_channels(
    app: &AppState,
    caller: Caller,
    kind: OfKind,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Page<ChannelData>, Error> {
    let channels = app.guild_data.list_channels(guild?, caller.user()).await?;
    let is_wanted = |found: u8| kind.0.is_none_or(|wanted| wanted == found);
    let wanted = channels.iter().filter(|channel| is_wanted(channel.kind));
    Ok(whole(wanted.map(ChannelData::from).collect()))
}

/// A guild's roles, the highest first.
#[utoipa::path(
    get,
    path = "/api/guilds/{guild}/roles",
    tag = "dashboards",
    params(
        GuildPath,
        (
            "manageable" = Option<bool>,
            Query,
            description = "Those that the bot may give and take, or the others."
        )
    ),
    responses((status = 200, description = "The roles", body = List<RoleData>)),
)]
#[get("/api/guilds/<guild>/roles")]
pub(super) async fn list_guild_roles(
    app: &AppState,
    caller: Caller,
    manageable: Manageable,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Page<RoleData>, Error> {
    let roles = app.guild_data.list_roles(guild?, caller.user()).await?;
    let is_wanted = |found: bool| manageable.0.is_none_or(|wanted| wanted == found);
    let wanted = roles
        .iter()
        .filter(|listed| is_wanted(listed.is_manageable));
    Ok(whole(wanted.map(RoleData::listed).collect()))
}

/// Part of a guild's members by id, for those who manage it.
#[utoipa::path(
    get,
    path = "/api/guilds/{guild}/members",
    tag = "dashboards",
    params(
        GuildPath,
        (
            "limit" = Option<u32>,
            Query,
            description = "Most entries of the answer; 100 unless said otherwise.",
            minimum = 1,
            maximum = 1000
        ),
        ("after" = Option<UserId>, Query, description = "Members after this user.")
    ),
    responses(
        (status = 200, description = "The members", body = MemberList),
        (status = 403, description = "Not a member, or one who does not manage the guild")
    ),
)]
#[get("/api/guilds/<guild>/members")]
pub(super) async fn list_members(
    app: &AppState,
    caller: Caller,
    page: OfMembers,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<MemberList>, Error> {
    let members = app.guild_data.list_members(guild?, caller.user(), page.0);
    let members = members.await?;
    let results: Vec<_> = members.list.iter().map(MemberData::from).collect();
    Ok(Json(MemberList {
        n: results.len(),
        partial: members.is_partial,
        results,
    }))
}

/// One member, for itself and for those who manage the guild.
#[utoipa::path(
    get,
    path = "/api/guilds/{guild}/members/{user}",
    tag = "dashboards",
    params(GuildPath, ("user" = UserId, Path, description = "The member's user id.")),
    responses(
        (status = 200, description = "The member", body = MemberData),
        (status = 403, description = "Not a member, or one who does not manage the guild"),
        (status = 404, description = "There is no such member")
    ),
)]
#[get("/api/guilds/<guild>/members/<user>")]
pub(super) async fn get_member(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
    user: Result<UserId, NotASnowflake>,
) -> Result<Json<MemberData>, Error> {
    let member = app.guild_data.get_member(guild?, caller.user(), user?);
    Ok(Json(MemberData::from(&*member.await?)))
}

/// Sends a message as the bot, for those who manage the guild.
#[utoipa::path(
    post,
    path = "/api/guilds/{guild}/channels/{channel}/messages",
    tag = "dashboards",
    params(GuildPath, ("channel" = ChannelId, Path, description = "The channel's id.")),
    request_body = MessageBody,
    responses(
        (status = 201, description = "The message", body = MessageAnswer),
        (
            status = 403,
            description = "Not a member, one who does not manage the guild, or the bot may not write"
        ),
        (status = 404, description = "The guild has no such channel")
    ),
)]
#[post("/api/guilds/<guild>/channels/<channel>/messages", data = "<message>")]
pub(super) async fn send_message(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
    channel: Result<ChannelId, NotASnowflake>,
    message: Body<MessageBody>,
) -> Result<Created<MessageAnswer>, Error> {
    let (guild, channel, content) = (guild?, channel?, message.0.content);
    let data = &app.guild_data;
    let id = data.send_message(guild, caller.user(), channel, &content);
    Ok(Created(MessageAnswer {
        id: id.await?.to_string(),
        guild_id: guild.to_string(),
        channel_id: channel.to_string(),
        content,
    }))
}

/// A list of which there is no other part.
fn whole<T>(results: Vec<T>) -> Page<T> {
    let total = results.len().to_string();
    Page { results, total }
}
