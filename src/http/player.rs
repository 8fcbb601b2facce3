//! A guild's player over REST. Contract 5; every request ends in the one `domain::player`.

use rocket::{get, post};
use serde::{Deserialize, Serialize};

use super::answer::Json;
use super::guards::{AppState, Body, Caller};
use crate::app::App;
use crate::clock::rfc3339;
use crate::db::plays::LOCAL;
use crate::db::users;
use crate::discord::user_tag;
use crate::domain::player::{Asker, NowPlaying, PlayerState};
use crate::error::Error;
use crate::ids::{GuildId, NotASnowflake};

/// Longest name of a sound, in bytes: what file systems allow.
const SOUND_MAX_BYTES: usize = 255;

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
    position: u32,
    logged: bool,
}

#[derive(Serialize)]
pub(super) struct PlayerAnswer {
    guild_id: String,
    channel_id: Option<String>,
    state: &'static str,
    reason: Option<String>,
    now_playing: Option<NowPlayingAnswer>,
    queue: [(); 0],
    volume: u32,
    mode: &'static str,
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
    if body.source.is_some_and(|source| source != LOCAL) {
        return Err(Error::Invalid("source must be local"));
    }
    let user_tag = tag(app, &caller).await?;
    let play = app
        .player
        .play(asker(&caller, guild), user_tag, &body.sound)
        .await?;
    Ok(Json(PlayAnswer {
        guild_id: guild.to_string(),
        channel_id: play.channel.to_string(),
        sound: play.sound,
        source: LOCAL,
        state: "playing",
        position: 0,
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

/// What a guild's player does. For its members.
#[get("/api/guilds/<guild>/player")]
pub(super) async fn get_player(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    app.guilds.check_member(guild, caller.user()).await?;
    Ok(Json(answer(guild, app.player.state(guild))))
}

/// The caller; the member is read from Discord before anything is changed.
fn asker(caller: &Caller, guild: GuildId) -> Asker {
    Asker {
        guild,
        user: caller.user(),
        member: None,
    }
}

/// What the log calls the caller: the name at the last login.
async fn tag(app: &App, caller: &Caller) -> Result<String, Error> {
    let id = caller.user();
    let user = app.db.quick(move |conn| users::find(conn, id)).await?;
    Ok(user.map_or_else(
        || id.to_string(),
        |user| user_tag(&user.username, &user.discriminator),
    ))
}

fn answer(guild: GuildId, player: PlayerState) -> PlayerAnswer {
    let state = match (&player.channel, &player.now_playing) {
        (None, _) => "idle",
        (Some(_), None) => "ready",
        (Some(_), Some(_)) => "playing",
    };
    PlayerAnswer {
        guild_id: guild.to_string(),
        channel_id: player.channel.map(|channel| channel.to_string()),
        state,
        reason: None,
        now_playing: player.now_playing.map(now_playing),
        queue: [],
        volume: 100,
        mode: "replace",
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
