//! A guild's player over REST. Contract 5; every request ends in the one `domain::player`.

use rocket::{get, post, put};
use serde::{Deserialize, Serialize};

use super::answer::Json;
use super::guards::{AppState, Body, Caller};
use crate::app::App;
use crate::clock::rfc3339;
use crate::db::plays::{DISCORD, LOCAL};
use crate::db::users;
use crate::discord::user_tag;
use crate::domain::player::{Asker, NowPlaying, PlayerState, Queued};
use crate::domain::settings::Volume;
use crate::error::Error;
use crate::ids::{GuildId, NotASnowflake, UserId};

/// Longest name of a sound, in bytes: what file systems allow.
pub(super) const SOUND_MAX_BYTES: usize = 255;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlayBody {
    sound: String,
    #[serde(default)]
    source: Option<String>,
}

#[derive(Serialize)]
pub(super) struct PlayAnswer {
    guild_id: String,
    channel_id: String,
    sound: String,
    source: &'static str,
    state: &'static str,
    position: usize,
    logged: bool,
}

#[derive(Serialize)]
pub(super) struct PlayerAnswer {
    guild_id: String,
    channel_id: Option<String>,
    state: &'static str,
    reason: Option<&'static str>,
    now_playing: Option<NowPlayingAnswer>,
    queue: Vec<QueuedAnswer>,
    volume: u16,
    mode: &'static str,
}

#[derive(Serialize)]
pub(super) struct QueuedAnswer {
    sound: String,
    source: &'static str,
    user_id: String,
    user_tag: String,
    length_ms: u64,
}

#[derive(Serialize)]
pub(super) struct NowPlayingAnswer {
    sound: String,
    source: &'static str,
    user_id: String,
    user_tag: String,
    started_at: String,
    length_ms: u64,
}

/// Plays a sound in the caller's voice channel; answers once its audio has started.
#[post("/api/guilds/<guild>/play", data = "<body>")]
pub(super) async fn play_sound(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
    body: Body<PlayBody>,
) -> Result<Json<PlayAnswer>, Error> {
    let guild = guild?;
    let body = body.0;
    if body.sound.is_empty() || body.sound.len() > SOUND_MAX_BYTES {
        return Err(Error::Invalid("sound must be the name of a sound"));
    }
    let source = match body.source.as_deref() {
        None | Some(LOCAL) => LOCAL,
        Some(DISCORD) => DISCORD,
        Some(_) => return Err(Error::Invalid("source must be local or discord")),
    };
    let user_tag = tag(app, caller.user()).await?;
    let asker = asker(&caller, guild);
    let play = if source == LOCAL {
        app.player.play(asker, user_tag, &body.sound).await?
    } else {
        app.soundboard.play(asker, user_tag, &body.sound).await?
    };
    Ok(Json(PlayAnswer {
        guild_id: guild.to_string(),
        channel_id: play.channel.to_string(),
        sound: play.sound,
        source,
        state: if play.position == 0 {
            "playing"
        } else {
            "queued"
        },
        position: play.position,
        logged: play.logged,
    }))
}

/// Stops what plays.
#[post("/api/guilds/<guild>/stop")]
pub(super) async fn stop_player(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    let state = app.player.stop(&asker(&caller, guild)).await?;
    Ok(Json(answer(guild, state)))
}

/// Ends what plays; what waits comes next.
#[post("/api/guilds/<guild>/skip")]
pub(super) async fn skip_sound(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    let state = app.player.skip(&asker(&caller, guild)).await?;
    Ok(Json(answer(guild, state)))
}

/// Joins the caller's voice channel.
#[post("/api/guilds/<guild>/join")]
pub(super) async fn join_channel(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    let state = app.player.join(&asker(&caller, guild)).await?;
    Ok(Json(answer(guild, state)))
}

/// Leaves the voice channel.
#[post("/api/guilds/<guild>/leave")]
pub(super) async fn leave_channel(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    let state = app.player.leave(&asker(&caller, guild)).await?;
    Ok(Json(answer(guild, state)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VolumeBody {
    volume: u16,
}

/// Sets how loud everything is in the guild.
#[put("/api/guilds/<guild>/volume", data = "<body>")]
pub(super) async fn set_volume(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
    body: Body<VolumeBody>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    let volume = Volume::new(body.0.volume);
    let volume = volume.ok_or(Error::Invalid("volume must be a number from 0 to 200"))?;
    let state = app
        .player
        .set_volume(&asker(&caller, guild), volume)
        .await?;
    Ok(Json(answer(guild, state)))
}

/// What a guild's player does. For its members.
#[get("/api/guilds/<guild>/player")]
pub(super) async fn get_player(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    app.guilds.check_member(guild, caller.user()).await?;
    Ok(Json(answer(guild, app.player.state(guild).await?)))
}

/// The caller; the member is read from Discord before anything is changed.
fn asker(caller: &Caller, guild: GuildId) -> Asker {
    Asker {
        guild,
        user: caller.user(),
        member: None,
    }
}

/// What the log calls a user: the name at the last login.
pub(super) async fn tag(app: &App, id: UserId) -> Result<String, Error> {
    let user = app.db.quick(move |conn| users::find(conn, id)).await?;
    Ok(user.map_or_else(
        || id.to_string(),
        |user| user_tag(&user.username, &user.discriminator),
    ))
}

fn answer(guild: GuildId, player: PlayerState) -> PlayerAnswer {
    PlayerAnswer {
        guild_id: guild.to_string(),
        channel_id: player.channel.map(|channel| channel.to_string()),
        state: player.state.name(),
        reason: player.reason,
        now_playing: player.playing.into_iter().next_back().map(now_playing),
        queue: player.queue.into_iter().map(queued).collect(),
        volume: player.volume.percent(),
        mode: player.mode.name(),
    }
}

fn queued(waiting: Queued) -> QueuedAnswer {
    QueuedAnswer {
        sound: waiting.sound,
        source: LOCAL,
        user_id: waiting.user.to_string(),
        user_tag: waiting.user_tag,
        length_ms: waiting.length_ms,
    }
}

fn now_playing(playing: NowPlaying) -> NowPlayingAnswer {
    NowPlayingAnswer {
        sound: playing.sound,
        source: LOCAL,
        user_id: playing.user.to_string(),
        user_tag: playing.user_tag,
        started_at: rfc3339(playing.started_ms),
        length_ms: playing.length_ms,
    }
}
