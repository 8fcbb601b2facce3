//! A guild's player over REST, for its members and for sessions of bots that are in it. Contract 5, 8;
//! every request ends in the one `domain::player`.

use rocket::{get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Object;

use super::answer::Json;
use super::guards::{AppState, Body, OptionalBody};
use super::openapi::{GuildPath, Instant, one_of, one_of_or_null};
use super::sessions::PlayerCaller;
use crate::app::App;
use crate::clock::rfc3339;
use crate::db::plays::{DISCORD, LOCAL};
use crate::db::users;
use crate::discord::user_tag;
use crate::domain::player::{NowPlaying, PlayerState, Queued, State};
use crate::domain::settings::{Mode, Volume};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, NotASnowflake, UserId};

/// Longest name of a sound, in bytes: what file systems allow.
pub(super) const SOUND_MAX_BYTES: usize = 255;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlayBody {
    #[schema(min_length = 1, max_length = 255, example = "nice")]
    sound: String,
    #[serde(default)]
    #[schema(required = false, schema_with = sources_or_null)]
    source: Option<String>,
    /// For sessions of bots, which have to name it: a user's own channel is meant.
    #[serde(default)]
    #[schema(required = false, value_type = Option<ChannelId>)]
    channel_id: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JoinBody {
    /// For sessions of bots, which have to name it: a user's own channel is meant.
    #[serde(default)]
    #[schema(required = false, value_type = Option<ChannelId>)]
    channel_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PlayAnswer {
    #[schema(value_type = GuildId)]
    guild_id: String,
    #[schema(value_type = ChannelId)]
    channel_id: String,
    #[schema(example = "nice")]
    sound: String,
    #[schema(schema_with = sources)]
    source: &'static str,
    #[schema(schema_with = outcomes)]
    state: &'static str,
    position: usize,
    logged: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PlayerAnswer {
    #[schema(value_type = GuildId)]
    guild_id: String,
    #[schema(value_type = Option<ChannelId>)]
    channel_id: Option<String>,
    #[schema(schema_with = states)]
    state: &'static str,
    reason: Option<&'static str>,
    now_playing: Option<NowPlayingAnswer>,
    queue: Vec<QueuedAnswer>,
    #[schema(maximum = 200)]
    volume: u16,
    #[schema(schema_with = modes)]
    mode: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct QueuedAnswer {
    sound: String,
    #[schema(schema_with = sources)]
    source: &'static str,
    #[schema(value_type = UserId)]
    user_id: String,
    #[schema(example = "zekro#9131")]
    user_tag: String,
    length_ms: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct NowPlayingAnswer {
    sound: String,
    #[schema(schema_with = sources)]
    source: &'static str,
    #[schema(value_type = UserId)]
    user_id: String,
    #[schema(example = "zekro#9131")]
    user_tag: String,
    #[schema(value_type = Instant)]
    started_at: String,
    length_ms: u64,
}

fn sources() -> Object {
    one_of([LOCAL, DISCORD])
}

fn sources_or_null() -> Object {
    one_of_or_null([LOCAL, DISCORD])
}

fn outcomes() -> Object {
    one_of(["playing", "queued"])
}

fn states() -> Object {
    one_of(State::ALL.map(State::name))
}

/// What a play does to the sounds before it.
pub(super) fn modes() -> Object {
    one_of(Mode::ALL.map(Mode::name))
}

/// Plays a sound in the caller's voice channel, or in the one that a session names; answers once its
/// audio has started.
#[utoipa::path(
    post,
    path = "/api/guilds/{guild}/play",
    tag = "player",
    security(
        ("basic" = []),
        ("token" = [], "userid" = []),
        ("bearer" = []),
        ("session" = [])
    ),
    params(GuildPath),
    request_body = PlayBody,
    responses(
        (status = 200, description = "It is heard, or waits for its turn", body = PlayAnswer),
        (
            status = 403,
            description = "No member, no right to play, not in voice, or the bot may not speak"
        ),
        (status = 404, description = "No sound has this name, or the guild has no such channel"),
        (
            status = 409,
            description = "It cannot be played, the queue is full, or another sound came instead"
        ),
        (status = 502, description = "Discord refused the voice connection"),
        (status = 504, description = "Discord did not answer in time")
    ),
)]
#[post("/api/guilds/<guild>/play", data = "<body>")]
pub(super) async fn play_sound(
    app: &AppState,
    caller: PlayerCaller,
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
    let channel = caller.read_channel(body.channel_id.as_deref())?;
    let asker = caller.asker(guild, channel);
    if source == DISCORD && matches!(caller, PlayerCaller::Session(_)) {
        return Err(Error::Invalid("a session plays local sounds only"));
    }
    let user_tag = match &caller {
        PlayerCaller::User(user) => tag(app, user.user()).await?,
        PlayerCaller::Session(session) => session.bot().tag.clone(),
    };
    let play = if source == LOCAL {
        let player = caller.player(app, guild).await?;
        player.play(asker, user_tag, &body.sound).await?
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
#[utoipa::path(
    post,
    path = "/api/guilds/{guild}/stop",
    tag = "player",
    security(
        ("basic" = []),
        ("token" = [], "userid" = []),
        ("bearer" = []),
        ("session" = [])
    ),
    params(GuildPath),
    responses(
        (status = 200, description = "The player", body = PlayerAnswer),
        (
            status = 403,
            description = "No member, no right to play, not in voice, or the bot may not speak"
        )
    ),
)]
#[post("/api/guilds/<guild>/stop")]
pub(super) async fn stop_player(
    app: &AppState,
    caller: PlayerCaller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    let player = caller.player(app, guild).await?;
    let state = player.stop(&caller.asker(guild, None)).await?;
    Ok(Json(answer(guild, state)))
}

/// Ends what plays; what waits comes next.
#[utoipa::path(
    post,
    path = "/api/guilds/{guild}/skip",
    tag = "player",
    security(
        ("basic" = []),
        ("token" = [], "userid" = []),
        ("bearer" = []),
        ("session" = [])
    ),
    params(GuildPath),
    responses(
        (status = 200, description = "The player", body = PlayerAnswer),
        (
            status = 403,
            description = "No member, no right to play, not in voice, or the bot may not speak"
        )
    ),
)]
#[post("/api/guilds/<guild>/skip")]
pub(super) async fn skip_sound(
    app: &AppState,
    caller: PlayerCaller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    let player = caller.player(app, guild).await?;
    let state = player.skip(&caller.asker(guild, None)).await?;
    Ok(Json(answer(guild, state)))
}

/// Joins the caller's voice channel, or the one that a session names.
#[utoipa::path(
    post,
    path = "/api/guilds/{guild}/join",
    tag = "player",
    security(
        ("basic" = []),
        ("token" = [], "userid" = []),
        ("bearer" = []),
        ("session" = [])
    ),
    params(GuildPath),
    request_body = Option<JoinBody>,
    responses(
        (status = 200, description = "The player", body = PlayerAnswer),
        (
            status = 403,
            description = "No member, no right to play, not in voice, or the bot may not speak"
        ),
        (status = 404, description = "The guild has no such channel"),
        (status = 409, description = "Something else was asked for meanwhile")
    ),
)]
#[post("/api/guilds/<guild>/join", data = "<body>")]
pub(super) async fn join_channel(
    app: &AppState,
    caller: PlayerCaller,
    guild: Result<GuildId, NotASnowflake>,
    body: OptionalBody<JoinBody>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    let named = body.0.and_then(|body| body.channel_id);
    let channel = caller.read_channel(named.as_deref())?;
    let player = caller.player(app, guild).await?;
    let state = player.join(&caller.asker(guild, channel)).await?;
    Ok(Json(answer(guild, state)))
}

/// Leaves the voice channel.
#[utoipa::path(
    post,
    path = "/api/guilds/{guild}/leave",
    tag = "player",
    security(
        ("basic" = []),
        ("token" = [], "userid" = []),
        ("bearer" = []),
        ("session" = [])
    ),
    params(GuildPath),
    responses(
        (status = 200, description = "The player", body = PlayerAnswer),
        (
            status = 403,
            description = "No member, no right to play, not in voice, or the bot may not speak"
        )
    ),
)]
#[post("/api/guilds/<guild>/leave")]
pub(super) async fn leave_channel(
    app: &AppState,
    caller: PlayerCaller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    let player = caller.player(app, guild).await?;
    let state = player.leave(&caller.asker(guild, None)).await?;
    Ok(Json(answer(guild, state)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VolumeBody {
    #[schema(maximum = 200, example = 85)]
    volume: u16,
}

/// Sets how loud everything is in the guild.
#[utoipa::path(
    put,
    path = "/api/guilds/{guild}/volume",
    tag = "player",
    security(
        ("basic" = []),
        ("token" = [], "userid" = []),
        ("bearer" = []),
        ("session" = [])
    ),
    params(GuildPath),
    request_body = VolumeBody,
    responses(
        (status = 200, description = "The player", body = PlayerAnswer),
        (
            status = 403,
            description = "No member, no right to play, not in voice, or the bot may not speak"
        )
    ),
)]
#[put("/api/guilds/<guild>/volume", data = "<body>")]
pub(super) async fn set_volume(
    app: &AppState,
    caller: PlayerCaller,
    guild: Result<GuildId, NotASnowflake>,
    body: Body<VolumeBody>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    let volume = Volume::new(body.0.volume);
    let volume = volume.ok_or(Error::Invalid("volume must be a number from 0 to 200"))?;
    let player = caller.player(app, guild).await?;
    let asker = caller.asker(guild, None);
    let state = player.set_volume(&asker, volume).await?;
    Ok(Json(answer(guild, state)))
}

/// What a guild's player does. For its members; for a session what its own bot does there.
#[utoipa::path(
    get,
    path = "/api/guilds/{guild}/player",
    tag = "player",
    security(
        ("basic" = []),
        ("token" = [], "userid" = []),
        ("bearer" = []),
        ("session" = [])
    ),
    params(GuildPath),
    responses((status = 200, description = "The player", body = PlayerAnswer)),
)]
#[get("/api/guilds/<guild>/player")]
pub(super) async fn get_player(
    app: &AppState,
    caller: PlayerCaller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<PlayerAnswer>, Error> {
    let guild = guild?;
    Ok(Json(answer(guild, caller.state(app, guild).await?)))
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
