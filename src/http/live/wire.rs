//! Events as clients get them: a name and JSON. What [`super`]'s channels have in common.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::db::logs::LogEntry;
use crate::db::plays::LOCAL;
use crate::discord::guild_data::Channel;
use crate::domain::events::Part;
use crate::domain::events::{Event, GuildEvent, PlayerEvent, Track};
use crate::domain::player::Queued;
use crate::domain::settings::Volume;
use crate::http::guild_wire::{ChannelData, MemberData, RoleData};
use crate::http::openapi::Instant;
use crate::ids::{ChannelId, GuildId};

/// The data of an event. Every key is always there.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Data<'a> {
    State {
        guild_id: String,
        channel_id: Option<String>,
        state: &'static str,
        reason: Option<&'static str>,
    },
    Queue {
        guild_id: String,
        queue: Vec<QueuedData<'a>>,
    },
    Track {
        #[serde(flatten)]
        track: TrackData<'a>,
        volume: u16,
    },
    Failed {
        #[serde(flatten)]
        track: TrackData<'a>,
        reason: &'static str,
    },
    Stuck {
        #[serde(flatten)]
        track: TrackData<'a>,
        threshold_ms: u128,
    },
    Volume {
        guild_id: String,
        volume: u16,
    },
    Channel {
        guild_id: String,
        channel_id: String,
        volume: u16,
    },
    Log(LogData<'a>),
    GuildChannel(ChannelData),
    Role {
        guild_id: String,
        #[serde(flatten)]
        role: RoleData,
    },
    RoleGone {
        guild_id: String,
        id: String,
    },
    Guild {
        id: String,
        name: &'a str,
        icon: Option<&'a str>,
    },
    Member {
        guild_id: String,
        #[serde(flatten)]
        member: MemberData,
    },
    MemberGone {
        guild_id: String,
        user_id: String,
    },
    /// Its keys are those of seed 003.
    Invalidated {
        #[serde(rename = "guildId")]
        guild_id: String,
        module: &'static str,
        action: &'static str,
    },
}

/// A message of the application log. Contract 7.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct LogData<'a> {
    #[schema(example = "warn")]
    level: String,
    message: &'a str,
    #[schema(value_type = Instant)]
    timestamp: String,
    stacktrace: Option<&'a str>,
}

/// A sound that waits.
#[derive(Serialize)]
pub(super) struct QueuedData<'a> {
    sound: &'a str,
    source: &'static str,
    user_id: String,
    user_tag: &'a str,
    length_ms: u64,
}

/// A sound that is played, or was to be.
#[derive(Serialize)]
pub(super) struct TrackData<'a> {
    guild_id: String,
    channel_id: String,
    sound: &'a str,
    source: &'static str,
    user_id: String,
    user_tag: &'a str,
}

/// JSON in one line.
pub(super) fn json(data: &impl Serialize) -> String {
    // Our types have string keys and no failing serializer.
    serde_json::to_string(data).unwrap_or_default()
}

/// An event's name and data.
pub(super) fn describe(event: &Event) -> (&'static str, Data<'_>) {
    match event {
        Event::Player(guild, event) => describe_player(*guild, event),
        Event::Guild(guild, event) => describe_change(*guild, event),
        Event::Log(entry) => ("log", Data::Log(describe_log(entry))),
    }
}

/// A message of the log as it is sent.
pub(in crate::http) fn describe_log(entry: &LogEntry) -> LogData<'_> {
    LogData {
        level: entry.level.as_str().to_lowercase(),
        message: &entry.message,
        timestamp: rfc3339(entry.time_ms),
        stacktrace: entry.stacktrace.as_deref(),
    }
}

fn describe_change(guild: GuildId, event: &GuildEvent) -> (&'static str, Data<'_>) {
    let guild_id = guild.to_string();
    let channel = |channel: &Channel| Data::GuildChannel(ChannelData::from(channel));
    match event {
        GuildEvent::ChannelCreated(new) => ("channel_create", channel(new)),
        GuildEvent::ChannelUpdated(new) => ("channel_update", channel(new)),
        GuildEvent::ChannelDeleted(old) => ("channel_delete", channel(old)),
        GuildEvent::RoleCreated(role) => {
            let role = RoleData::from(role);
            ("role_create", Data::Role { guild_id, role })
        }
        GuildEvent::RoleUpdated(role) => {
            let role = RoleData::from(role);
            ("role_update", Data::Role { guild_id, role })
        }
        GuildEvent::RoleDeleted(role) => {
            let id = role.to_string();
            ("role_delete", Data::RoleGone { guild_id, id })
        }
        GuildEvent::Updated { name, icon } => {
            let data = Data::Guild {
                id: guild_id,
                name,
                icon: icon.as_deref(),
            };
            ("guild_update", data)
        }
        GuildEvent::MemberAdded(member) => {
            let member = MemberData::from(&**member);
            ("member_add", Data::Member { guild_id, member })
        }
        GuildEvent::MemberUpdated(member) => {
            let member = MemberData::from(&**member);
            ("member_update", Data::Member { guild_id, member })
        }
        GuildEvent::MemberRemoved(user) => {
            let user_id = user.to_string();
            ("member_remove", Data::MemberGone { guild_id, user_id })
        }
        GuildEvent::Invalidated(part) => {
            let data = Data::Invalidated {
                guild_id,
                module: module(*part),
                action: "INVALIDATE",
            };
            ("config:update", data)
        }
    }
}

/// A part of a guild as seed 003 names it.
fn module(part: Part) -> &'static str {
    match part {
        Part::Channels => "CHANNELS",
        Part::Roles => "ROLES",
        Part::Members => "MEMBERS",
        Part::Guild => "GUILD",
        Part::Commands => "COMMANDS",
        Part::Settings => "SETTINGS",
    }
}

fn describe_player(guild: GuildId, event: &PlayerEvent) -> (&'static str, Data<'_>) {
    let guild_id = guild.to_string();
    match event {
        PlayerEvent::State {
            channel,
            state,
            reason,
        } => {
            let data = Data::State {
                guild_id,
                channel_id: channel.map(|channel| channel.to_string()),
                state: state.name(),
                reason: *reason,
            };
            ("player_state", data)
        }
        PlayerEvent::Queue(queue) => {
            let queue = queue.iter().map(queued).collect();
            ("queue", Data::Queue { guild_id, queue })
        }
        PlayerEvent::Playing { track, volume } => ("playing", sounding(guild_id, track, *volume)),
        PlayerEvent::Ended { track, volume } => ("end", sounding(guild_id, track, *volume)),
        PlayerEvent::Failed { track, reason } => {
            let data = Data::Failed {
                track: describe_track(guild_id, track),
                reason,
            };
            ("play_error", data)
        }
        PlayerEvent::Stuck { track, threshold } => {
            let data = Data::Stuck {
                track: describe_track(guild_id, track),
                threshold_ms: threshold.as_millis(),
            };
            ("stuck", data)
        }
        PlayerEvent::Volume(volume) => {
            let volume = volume.percent();
            ("volume_changed", Data::Volume { guild_id, volume })
        }
        PlayerEvent::Joined { channel, volume } => ("joined", place(guild_id, *channel, *volume)),
        PlayerEvent::Left { channel, volume } => ("left", place(guild_id, *channel, *volume)),
    }
}

fn sounding(guild_id: String, track: &Track, volume: Volume) -> Data<'_> {
    Data::Track {
        track: describe_track(guild_id, track),
        volume: volume.percent(),
    }
}

fn place(guild_id: String, channel: ChannelId, volume: Volume) -> Data<'static> {
    Data::Channel {
        guild_id,
        channel_id: channel.to_string(),
        volume: volume.percent(),
    }
}

fn describe_track(guild_id: String, track: &Track) -> TrackData<'_> {
    TrackData {
        guild_id,
        channel_id: track.channel.to_string(),
        sound: &track.sound,
        source: LOCAL,
        user_id: track.user.to_string(),
        user_tag: &track.user_tag,
    }
}

fn queued(waiting: &Queued) -> QueuedData<'_> {
    QueuedData {
        sound: &waiting.sound,
        source: LOCAL,
        user_id: waiting.user.to_string(),
        user_tag: &waiting.user_tag,
        length_ms: waiting.length_ms,
    }
}
