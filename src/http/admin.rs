//! For administrators of the installation. Contract 2, 7.

use std::borrow::Cow;
use std::env::consts::{ARCH, OS};
use std::num::NonZero;
use std::thread::available_parallelism;

use rocket::Request;
use rocket::get;
use rocket::request::{FromRequest, Outcome};
use serde::{Serialize, Serializer};
use tokio::runtime::Handle;
use tracing::Level;
use utoipa::ToSchema;

use super::answer::{Json, List, Page};
use super::error::fail;
use super::guards::{AppState, Caller};
use super::live::{LogData, describe_log};
use super::query::{self, Paging};
use crate::config::built;
use crate::db::logs::LogEntry;
use crate::db::plays;
use crate::domain::guilds::Guild;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId};
use crate::telemetry::Usage;

/// Messages of a page where no limit is given.
const LIMIT_DEFAULT: u32 = 1000;

/// `level` of a list: what is not as bad is left out. Everything where it is not there.
pub(super) struct AtLeast(Level);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for AtLeast {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let level = match query::find(request, "level") {
            Ok(None) => Some(Level::TRACE),
            Ok(Some(name)) => read_level(&name),
            Err(query::Twice) => None,
        };
        match level {
            Some(level) => Outcome::Success(Self(level)),
            None => fail(
                request,
                Error::Invalid("level must be error, warn, info, debug or trace"),
            ),
        }
    }
}

fn read_level(name: &str) -> Option<Level> {
    // Its own reading takes numbers and other letter case as well.
    let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase());
    name.parse().ok().filter(|_| is_name)
}

/// A message as [`describe_log`] writes it.
pub(super) struct Entry(LogEntry);

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        describe_log(&self.0).serialize(serializer)
    }
}

impl utoipa::PartialSchema for Entry {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        <LogData<'_> as utoipa::PartialSchema>::schema()
    }
}

impl ToSchema for Entry {
    fn name() -> Cow<'static, str> {
        "LogMessage".into()
    }
}

/// What the server has logged, newest first. Contract 7.
#[utoipa::path(
    get,
    path = "/api/admin/logs",
    tag = "administration",
    params(
        Paging,
        (
            "level" = Option<String>,
            Query,
            description = "What is less bad is left out; everything is there unless said otherwise.",
            pattern = "^(error|warn|info|debug|trace)$"
        )
    ),
    responses(
        (status = 200, description = "The messages, newest first", body = List<Entry>),
        (status = 403, description = "Not an administrator")
    ),
)]
#[get("/api/admin/logs")]
pub(super) async fn list_logs(
    app: &AppState,
    caller: Caller,
    paging: Paging,
    at_least: AtLeast,
) -> Result<Page<Entry>, Error> {
    app.admins.check(caller.user())?;
    let limit = paging.limit.unwrap_or(LIMIT_DEFAULT);
    let limit = limit.min(app.config.limits.page_max);
    let page = app.app_log.page(at_least.0, paging.from, limit).await?;
    Ok(Page {
        results: page.entries.into_iter().map(Entry).collect(),
        total: page.total.to_string(),
    })
}

/// The keys are the original server's, and two more at the end.
#[derive(Serialize, ToSchema)]
pub(super) struct Stats {
    guilds: Vec<GuildEntry>,
    voice_connections: Vec<VoiceConnection>,
    system: System,
}

#[derive(Clone, Serialize, ToSchema)]
struct GuildEntry {
    name: String,
    #[schema(value_type = GuildId)]
    id: String,
}

#[derive(Serialize, ToSchema)]
struct VoiceConnection {
    guild: GuildEntry,
    #[schema(value_type = ChannelId)]
    vc_id: String,
}

#[derive(Serialize, ToSchema)]
struct System {
    arch: &'static str,
    os: &'static str,
    go_version: &'static str,
    cpu_used_cores: usize,
    go_routines: usize,
    heap_use_b: u64,
    stack_use_b: u64,
    uptime_seconds: f64,
    resident_b: u64,
    cpu_seconds: f64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SoundStats {
    sounds_len: usize,
    #[schema(minimum = 0)]
    log_len: i64,
    size_b: u64,
}

/// Where the bot is, and what the process uses.
#[utoipa::path(
    get,
    path = "/api/admin/stats",
    tag = "administration",
    responses(
        (status = 200, description = "What is in use", body = Stats),
        (status = 403, description = "Not an administrator")
    ),
)]
#[get("/api/admin/stats")]
pub(super) fn show_stats(app: &AppState, caller: Caller) -> Result<Json<Stats>, Error> {
    app.admins.check(caller.user())?;
    let gateway = app.guilds.gateway();
    let bot = gateway.bot().map(|bot| bot.id);
    let guilds = gateway.guilds().unwrap_or_default();
    let place = |guild: &Guild| {
        let channel = bot.and_then(|bot| gateway.voice_channel(guild.id, bot))?;
        Some(VoiceConnection {
            guild: describe_guild(guild),
            vc_id: channel.to_string(),
        })
    };
    let usage = Usage::read();
    Ok(Json(Stats {
        guilds: guilds.iter().map(describe_guild).collect(),
        voice_connections: guilds.iter().filter_map(place).collect(),
        system: System {
            arch: ARCH,
            os: OS,
            go_version: built::RUST,
            cpu_used_cores: available_parallelism().map_or(1, NonZero::get),
            go_routines: Handle::current().metrics().num_alive_tasks(),
            heap_use_b: usage.heap_bytes,
            stack_use_b: usage.stack_bytes,
            uptime_seconds: app.clock.monotonic().as_secs_f64(),
            resident_b: usage.resident_bytes,
            cpu_seconds: usage.cpu_time.as_secs_f64(),
        },
    }))
}

/// How many sounds and plays there are.
#[utoipa::path(
    get,
    path = "/api/admin/soundstats",
    tag = "administration",
    responses(
        (status = 200, description = "How many there are", body = SoundStats),
        (status = 403, description = "Not an administrator")
    ),
)]
#[get("/api/admin/soundstats")]
pub(super) async fn show_sound_stats(
    app: &AppState,
    caller: Caller,
) -> Result<Json<SoundStats>, Error> {
    app.admins.check(caller.user())?;
    let sounds = app.library.list_all();
    let sizes = sounds.iter().map(|sound| sound.original.stamp().size_bytes);
    let (sounds_len, size_b) = (sounds.len(), sizes.sum());
    Ok(Json(SoundStats {
        sounds_len,
        log_len: app.db.run(plays::count_all).await?,
        size_b,
    }))
}

fn describe_guild(guild: &Guild) -> GuildEntry {
    GuildEntry {
        name: guild.name.clone(),
        id: guild.id.to_string(),
    }
}
