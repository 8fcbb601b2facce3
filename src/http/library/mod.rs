//! The library over REST: the operator's sounds and each guild's own. Contract 5. `changes` edits
//! them, `upload` and `bulk` bring them in, `export` hands them out; what they sound like is told
//! by `http::media`.

pub(super) mod bulk;
pub(super) mod changes;
pub(super) mod export;
mod form;
pub(super) mod upload;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rocket::Request;
use rocket::get;
use rocket::request::{FromRequest, Outcome};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Json, List, Page};
use super::error::fail;
use super::guards::{AppState, Caller};
use super::openapi::Instant;
use super::query::{InGuild, Paging, find};
use crate::app::App;
use crate::audio::Level;
use crate::clock::rfc3339;
use crate::db::plays;
use crate::domain::labels::Label;
use crate::domain::library::{Library, Order, Shelf, Sound};
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// Entries of a page where no limit is given.
const LIMIT_DEFAULT: u32 = 1000;

const NOT_FOUND: Error = Error::NotFound("sound was not found");

/// A sound, in the form of contract 5.
#[derive(Serialize, ToSchema)]
pub(super) struct SoundAnswer {
    #[schema(example = "danke")]
    name: String,
    #[schema(example = "danke.wav")]
    file_name: String,
    #[schema(value_type = Option<GuildId>)]
    guild_id: Option<String>,
    #[schema(example = 1725)]
    length_ms: Option<u64>,
    #[schema(example = -16.1)]
    loudness_lufs: Option<f64>,
    #[schema(example = 28622)]
    size_bytes: u64,
    #[schema(max_items = 20)]
    tags: Vec<String>,
    category: Option<String>,
    #[schema(minimum = 0, example = 12)]
    plays: i64,
    favourite: bool,
    #[schema(value_type = Option<UserId>)]
    uploader_id: Option<String>,
    #[schema(value_type = Instant)]
    created_at: String,
    playable: bool,
    reason: Option<String>,
}

/// In which order sounds are listed; ties by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Ascending in byte order.
    Name,
    /// The youngest first.
    Newest,
    /// What was played most in the guild first.
    Plays,
    /// The shortest first; those whose length nobody knows at the end.
    Length,
}

impl Sort {
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "name" => Some(Self::Name),
            "newest" => Some(Self::Newest),
            "plays" => Some(Self::Plays),
            "length" => Some(Self::Length),
            _ => None,
        }
    }
}

/// Which sounds are asked for.
pub(super) struct Wanted {
    /// What somebody has typed of a name.
    query: Option<String>,
    tag: Option<String>,
    category: Option<String>,
    /// `None`: by name, or what fits the query best first.
    sort: Option<Sort>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Wanted {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match wanted(request) {
            Ok(wanted) => Outcome::Success(wanted),
            Err(error) => fail(request, error),
        }
    }
}

fn wanted(request: &Request<'_>) -> Result<Wanted, Error> {
    const QUERY: Error = Error::Invalid("query must be given once");
    const TAG: Error = Error::Invalid("tag must be a tag, given once");
    const CATEGORY: Error = Error::Invalid("category must be a category, given once");
    const SORT: Error = Error::Invalid("sort must be name, newest, plays or length");
    let text = |name, otherwise: Error| match find(request, name) {
        Ok(text) => Ok(text.map(Cow::into_owned)),
        Err(_twice) => Err(otherwise),
    };
    // Read as they are kept: what no sound can have is a mistake.
    let tag = text("tag", TAG)?;
    let tags: Vec<&String> = tag.iter().collect();
    Label::read(&tags, None).map_err(|_| TAG)?;
    let category = text("category", CATEGORY)?;
    let named = Label::read(&[""; 0], category.as_deref()).map_err(|_| CATEGORY)?;
    if named.category.is_some() != category.is_some() {
        return Err(CATEGORY);
    }
    let sort = match text("sort", SORT)? {
        Some(name) => Some(Sort::named(&name).ok_or(SORT)?),
        None => None,
    };
    let query = text("query", QUERY)?.filter(|query| !query.trim().is_empty());
    Ok(Wanted {
        query,
        tag,
        category,
        sort,
    })
}

/// The operator's sounds; with a guild its own as well, for its members.
#[utoipa::path(
    get,
    path = "/api/sounds",
    tag = "sounds",
    params(
        InGuild,
        ("query" = Option<String>, Query, description = "What somebody has typed of a name."),
        (
            "tag" = Option<String>,
            Query,
            description = "A tag that the sounds have: letters, digits, spaces, `-` and `_`.",
            min_length = 1,
            max_length = 32
        ),
        (
            "category" = Option<String>,
            Query,
            description = "The sounds' category, of the same characters.",
            min_length = 1,
            max_length = 32
        ),
        (
            "sort" = Option<String>,
            Query,
            description = "`name`, `newest`, `plays` (needs a guild) or `length`, in any letter case."
        ),
        Paging
    ),
    responses((status = 200, description = "The sounds", body = List<SoundAnswer>)),
)]
#[get("/api/sounds")]
pub(super) async fn list_library(
    app: &AppState,
    caller: Caller,
    guild: InGuild,
    wanted: Wanted,
    paging: Paging,
) -> Result<Page<SoundAnswer>, Error> {
    let guild = guild.0;
    if let Some(guild) = guild {
        app.guilds.check_member(guild, caller.user()).await?;
    } else if wanted.sort == Some(Sort::Plays) {
        return Err(Error::Invalid("sort by plays needs a guild"));
    }
    let sounds = select(app, guild, &wanted).await?;
    let limit = paging.limit.unwrap_or(LIMIT_DEFAULT);
    let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
    let limit = count(limit.min(app.config.limits.page_max));
    let part: Vec<_> = sounds
        .iter()
        .skip(count(paging.from))
        .take(limit)
        .cloned()
        .collect();
    Ok(Page {
        results: describe(app, caller.user(), guild, &part).await?,
        total: sounds.len().to_string(),
    })
}

/// One sound, found as a play finds it.
#[utoipa::path(
    get,
    path = "/api/sounds/{name}",
    tag = "sounds",
    params(
        (
            "name" = String,
            Path,
            description = "The sound's name, with or without its extension.",
            min_length = 1
        ),
        InGuild
    ),
    responses(
        (status = 200, description = "The sound", body = SoundAnswer),
        (status = 404, description = "No sound has this name")
    ),
)]
#[get("/api/sounds/<name>")]
pub(super) async fn get_sound(
    app: &AppState,
    caller: Caller,
    guild: InGuild,
    name: &str,
) -> Result<Json<SoundAnswer>, Error> {
    let guild = guild.0;
    if let Some(guild) = guild {
        app.guilds.check_member(guild, caller.user()).await?;
    }
    let sound = find_sound(app, guild, name)?;
    answer(app, caller.user(), guild, sound).await.map(Json)
}

/// The sound that a name means, in a guild or among the operator's.
pub(super) fn find_sound(
    app: &App,
    guild: Option<GuildId>,
    name: &str,
) -> Result<Arc<Sound>, Error> {
    let found = match guild {
        Some(guild) => app.library.find_in(guild, name),
        None => app.library.find(name),
    };
    found.ok_or(NOT_FOUND)
}

/// One sound as somebody sees it who asks about a guild.
async fn answer(
    app: &App,
    user: UserId,
    guild: Option<GuildId>,
    sound: Arc<Sound>,
) -> Result<SoundAnswer, Error> {
    let mut described = describe(app, user, guild, &[sound]).await?;
    described
        .pop()
        .ok_or_else(|| Error::internal("a sound was not described"))
}

/// The sounds that are asked for, in the order asked for.
async fn select(
    app: &App,
    guild: Option<GuildId>,
    wanted: &Wanted,
) -> Result<Vec<Arc<Sound>>, Error> {
    let mut sounds = match guild {
        Some(guild) => app.library.list_in(guild),
        None => app.library.page(Order::Name, 0, usize::MAX).0,
    };
    if let Some(query) = &wanted.query {
        sounds = Library::rank(&sounds, query);
    }
    if let Some(tag) = &wanted.tag {
        app.labels.retain_tagged(&mut sounds, tag);
    }
    if let Some(category) = &wanted.category {
        app.labels.retain_in_category(&mut sounds, category);
    }
    match wanted.sort {
        None => {}
        Some(Sort::Name) => sounds.sort_by(|a, b| a.name.cmp(&b.name)),
        Some(Sort::Newest) => sounds.sort_by(|a, b| {
            let by_age = b.modified_ms.cmp(&a.modified_ms);
            by_age.then_with(|| a.name.cmp(&b.name))
        }),
        Some(Sort::Length) => sounds.sort_by_cached_key(|sound| {
            let length = sound.facts().map(|facts| facts.length_ms);
            (length.unwrap_or(u64::MAX), sound.name.clone())
        }),
        Some(Sort::Plays) => {
            let counts = count_plays(app, guild, &sounds).await?;
            let count = |sound: &Sound| counts.get(&sound.stem).copied().unwrap_or(0);
            sounds.sort_by(|a, b| {
                let by_plays = count(b).cmp(&count(a));
                by_plays.then_with(|| a.name.cmp(&b.name))
            });
        }
    }
    Ok(sounds)
}

/// How often each sound was played in a guild; nothing without one, for nobody is told of guilds
/// that they may not be in.
async fn count_plays(
    app: &App,
    guild: Option<GuildId>,
    sounds: &[Arc<Sound>],
) -> Result<HashMap<String, i64>, Error> {
    let Some(guild) = guild.filter(|_| !sounds.is_empty()) else {
        return Ok(HashMap::new());
    };
    let stems: Vec<String> = sounds.iter().map(|sound| sound.stem.clone()).collect();
    let counted = app
        .db
        .run(move |conn| plays::count_sounds(conn, guild, &stems));
    counted.await
}

async fn describe(
    app: &App,
    user: UserId,
    guild: Option<GuildId>,
    sounds: &[Arc<Sound>],
) -> Result<Vec<SoundAnswer>, Error> {
    let plays = count_plays(app, guild, sounds).await?;
    let favourites = app.favourites.list(user).await?;
    let liked: HashSet<_> = favourites
        .iter()
        .map(|it| (it.guild, it.sound.as_str()))
        .collect();
    let one = |sound: &Arc<Sound>| {
        let label = app.labels.get(sound);
        let facts = sound.facts();
        let reason = sound.reason();
        let uploader = match sound.shelf {
            Shelf::Guild { uploader, .. } => uploader,
            Shelf::Operator => None,
        };
        SoundAnswer {
            name: sound.stem.clone(),
            file_name: sound.name.clone(),
            guild_id: sound.guild().map(|guild| guild.to_string()),
            length_ms: facts.map(|facts| facts.length_ms),
            loudness_lufs: facts.and_then(|facts| facts.loudness).map(Level::db),
            size_bytes: sound.original.stamp().size_bytes,
            tags: label.tags.clone(),
            category: label.category.clone(),
            plays: plays.get(&sound.stem).copied().unwrap_or(0),
            favourite: liked.contains(&(sound.guild(), sound.stem.as_str())),
            uploader_id: uploader.map(|uploader| uploader.to_string()),
            created_at: rfc3339(sound.modified_ms),
            playable: reason.is_none(),
            reason: reason.map(|reason| reason.text(app.config.sounds.max_length)),
        }
    };
    Ok(sounds.iter().map(one).collect())
}
