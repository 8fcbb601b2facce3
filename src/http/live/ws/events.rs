//! What the original protocol calls things, for [`super`]. Its clients read `docs/events.md`.

use serde::Serialize;

use crate::domain::events::{Event, PlayerEvent, Track};
use crate::domain::settings::Volume;
use crate::http::live::wire::json;
use crate::ids::{ChannelId, GuildId};

/// The protocol's number for sounds of the operator's folder.
pub(super) const LOCAL: u8 = 0;

/// A message to the client.
#[derive(Serialize)]
struct Message<T> {
    name: &'static str,
    data: T,
}

/// A message as it is sent.
pub(super) fn write(name: &'static str, data: impl Serialize) -> String {
    json(&Message { name, data })
}

/// The answer to a good login.
#[derive(Serialize)]
pub(super) struct Hello {
    pub(super) admin: bool,
    /// Whether the bot is in voice in the guild where the user is.
    pub(super) connected: bool,
    pub(super) vol: u16,
    /// Where it is.
    pub(super) voice_state: Option<VoiceState>,
}

#[derive(Serialize)]
pub(super) struct VoiceState {
    pub(super) guild_id: String,
    pub(super) channel_id: String,
}

#[derive(Serialize)]
struct TrackData<'a> {
    ident: &'a str,
    source: u8,
    guild_id: String,
    channel_id: String,
    user_id: String,
    user_tag: &'a str,
}

#[derive(Serialize)]
struct Sounding<'a> {
    #[serde(flatten)]
    track: TrackData<'a>,
    vol: u16,
}

#[derive(Serialize)]
struct Failed<'a> {
    reason: &'static str,
    track: TrackData<'a>,
}

#[derive(Serialize)]
struct Stuck<'a> {
    /// Milliseconds.
    threshold: u128,
    track: TrackData<'a>,
}

#[derive(Serialize)]
struct VolumeChanged {
    guild_id: String,
    vol: u16,
}

#[derive(Serialize)]
struct Place {
    guild_id: String,
    channel_id: String,
    vol: u16,
}

/// An event as a message; `None` for those that the protocol does not know.
pub(super) fn describe(event: &Event) -> Option<String> {
    let Event::Player(guild, event) = event else {
        return None;
    };
    let message = match event {
        PlayerEvent::Playing { track, volume } => {
            write("PLAYING", sounding(*guild, track, *volume))
        }
        PlayerEvent::Ended { track, volume } => write("END", sounding(*guild, track, *volume)),
        PlayerEvent::Failed { track, reason } => {
            let track = describe_track(*guild, track);
            write("PLAY_ERROR", Failed { reason, track })
        }
        PlayerEvent::Stuck { track, threshold } => {
            let track = describe_track(*guild, track);
            let threshold = threshold.as_millis();
            write("STUCK", Stuck { threshold, track })
        }
        PlayerEvent::Volume(volume) => {
            let data = VolumeChanged {
                guild_id: guild.to_string(),
                vol: volume.percent(),
            };
            write("VOLUME_CHANGED", data)
        }
        PlayerEvent::Joined { channel, volume } => {
            write("JOINED", place(*guild, *channel, *volume))
        }
        PlayerEvent::Left { channel, volume } => write("LEFT", place(*guild, *channel, *volume)),
        PlayerEvent::State { .. } | PlayerEvent::Queue(_) => return None,
    };
    Some(message)
}

fn sounding(guild: GuildId, track: &Track, volume: Volume) -> Sounding<'_> {
    Sounding {
        track: describe_track(guild, track),
        vol: volume.percent(),
    }
}

fn describe_track(guild: GuildId, track: &Track) -> TrackData<'_> {
    TrackData {
        ident: &track.sound,
        source: LOCAL,
        guild_id: guild.to_string(),
        channel_id: track.channel.to_string(),
        user_id: track.user.to_string(),
        user_tag: &track.user_tag,
    }
}

fn place(guild: GuildId, channel: ChannelId, volume: Volume) -> Place {
    Place {
        guild_id: guild.to_string(),
        channel_id: channel.to_string(),
        vol: volume.percent(),
    }
}
