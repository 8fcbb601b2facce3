//! `GET /botapi/<endpoint>`: what a page may know of Discord through the bot, in Discord's own words.
//! A closed list of endpoints; each is answered with types of ours and has a right of its own.
//! Contract 6, seed 000.

mod endpoint;

use std::convert::Infallible;

use rocket::get;
use rocket::http::Status;
use rocket::http::uri::Segments;
use rocket::http::uri::fmt::Path;
use rocket::request::{FromSegments, Request};
use rocket::response::{self, Responder};
use serde::Serialize;

use super::answer::respond;
use super::guards::{AppState, Caller};
use super::guild_wire::{ChannelData, MemberData, MessageData, ProfileData, RoleData};
use super::openapi::Discords;
use crate::app::App;
use crate::discord::guild_data::{Channel, GuildInfo, GuildMember, GuildRole};
use crate::domain::guilds::VoiceSeat;
use crate::error::Error;
use crate::ids::{GuildId, UserId};
use endpoint::Endpoint;

/// An answer, which has been written.
pub(super) struct Passed(response::Result<'static>);

impl Passed {
    fn new(body: &impl Serialize) -> Self {
        Self(respond(Status::Ok, body))
    }
}

impl<'r> Responder<'r, 'static> for Passed {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        self.0
    }
}

/// Any path at all.
pub(super) struct Below;

impl FromSegments<'_> for Below {
    type Error = Infallible;

    fn from_segments(_: Segments<'_, Path>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

/// A guild among others.
#[derive(Serialize)]
struct GuildEntry {
    id: String,
    name: String,
    icon: Option<String>,
}

#[derive(Serialize)]
struct GuildBody<'a> {
    id: String,
    name: &'a str,
    icon: Option<&'a str>,
    description: Option<&'a str>,
    owner_id: String,
    premium_tier: u8,
    preferred_locale: &'a str,
    roles: Vec<RoleData>,
}

/// The session in it would let others listen: it is not passed on.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one of Discord's")]
struct VoiceStateBody {
    guild_id: String,
    channel_id: String,
    user_id: String,
    deaf: bool,
    mute: bool,
    self_deaf: bool,
    self_mute: bool,
    suppress: bool,
}

/// An endpoint of the list.
#[utoipa::path(
    get,
    path = "/botapi/{endpoint}",
    tag = "dashboards",
    params((
        "endpoint" = String,
        Path,
        description = "An endpoint of Discord's API, slashes and all: `docs/dashboard.md` lists them."
    )),
    responses(
        (status = 200, description = "As Discord would answer, in part", body = inline(Discords)),
        (status = 403, description = "Not of the list; not a member; a right is missing"),
        (status = 404, description = "There is no such member, channel or voice state"),
        (status = 502, description = "Discord refused"),
        (status = 504, description = "Discord did not answer in time")
    ),
)]
#[get("/botapi/<endpoint..>")]
pub(super) async fn ask(
    app: &AppState,
    caller: Caller,
    wanted: Endpoint,
    endpoint: Below,
) -> Result<Passed, Error> {
    let (data, user) = (&app.guild_data, caller.user());
    // Read by its guard, from what was sent.
    let Below = endpoint;
    Ok(match wanted {
        Endpoint::Profile => Passed::new(&ProfileData::from(&*data.get_profile().await?)),
        Endpoint::Guilds => Passed::new(&guilds(app, user).await?),
        Endpoint::Guild(guild) => Passed::new(&describe_guild(&data.get_info(guild, user).await?)),
        Endpoint::Channels(guild) => {
            Passed::new(&channels(&data.list_channels(guild, user).await?))
        }
        Endpoint::Roles(guild) => {
            let roles = data.list_roles(guild, user).await?;
            Passed::new(&describe_roles(roles.iter().map(|listed| &listed.role)))
        }
        Endpoint::Piece(kind) => Passed::new(&*data.get_piece(kind, user).await?),
        Endpoint::Member(guild, wanted) => {
            let member = data.get_member(guild, user, wanted).await?;
            Passed::new(&MemberData::from(&*member))
        }
        Endpoint::Members(guild, page) => {
            Passed::new(&members(&data.list_members(guild, user, page).await?.list))
        }
        Endpoint::Search(guild, text, limit) => {
            let found = data.search_members(guild, user, &text, limit).await?;
            Passed::new(&members(&found))
        }
        Endpoint::Channel(channel) => {
            Passed::new(&ChannelData::from(&data.get_channel(channel, user).await?))
        }
        Endpoint::Messages(channel, page) => {
            let messages = data.list_messages(channel, user, page).await?;
            Passed::new(&messages.iter().map(MessageData::from).collect::<Vec<_>>())
        }
        Endpoint::VoiceState(guild, wanted) => {
            let seat = data.get_voice_seat(guild, user, wanted).await?;
            Passed::new(&voice_state(guild, wanted, seat))
        }
    })
}

/// The guilds that the caller and the bot share, and no others.
async fn guilds(app: &App, user: UserId) -> Result<Vec<GuildEntry>, Error> {
    let shared = app.user_guilds.list_proven(user).await?;
    let entries = shared.into_iter().map(|guild| GuildEntry {
        id: guild.id.to_string(),
        name: guild.name,
        icon: guild.icon,
    });
    Ok(entries.collect())
}

fn describe_guild(guild: &GuildInfo) -> GuildBody<'_> {
    GuildBody {
        id: guild.id.to_string(),
        name: &guild.name,
        icon: guild.icon.as_deref(),
        description: guild.description.as_deref(),
        owner_id: guild.owner.to_string(),
        premium_tier: guild.premium_tier,
        preferred_locale: &guild.preferred_locale,
        roles: describe_roles(guild.roles.iter()),
    }
}

fn describe_roles<'a>(roles: impl Iterator<Item = &'a GuildRole>) -> Vec<RoleData> {
    roles.map(RoleData::from).collect()
}

fn channels(channels: &[Channel]) -> Vec<ChannelData> {
    channels.iter().map(ChannelData::from).collect()
}

fn members(members: &[GuildMember]) -> Vec<MemberData> {
    members.iter().map(MemberData::from).collect()
}

fn voice_state(guild: GuildId, user: UserId, seat: VoiceSeat) -> VoiceStateBody {
    VoiceStateBody {
        guild_id: guild.to_string(),
        channel_id: seat.channel.to_string(),
        user_id: user.to_string(),
        deaf: seat.is_deaf,
        mute: seat.is_mute,
        self_deaf: seat.is_self_deaf,
        self_mute: seat.is_self_mute,
        suppress: seat.is_suppressed,
    }
}
