//! Changing, deleting and restoring sounds over REST. Contract 2 says who may: of a guild's own
//! sounds whoever brought them and those who manage it, of the operator's the administrators, and
//! only what is said of them.

use std::sync::Arc;
use std::time::Duration;

use rocket::{delete, get, patch, post};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{SoundAnswer, answer, find_sound};
use crate::app::App;
use crate::clock::rfc3339;
use crate::domain::labels::LabelChange;
use crate::domain::library::{Shelf, Sound};
use crate::domain::uploads::{Change, Deleted};
use crate::error::Error;
use crate::http::answer::{Json, List, Page};
use crate::http::fields::{Fields, must_be, or_null, put};
use crate::http::guards::{AppState, Body, Caller};
use crate::http::openapi::{GuildPath, Instant, Number, NumberPath};
use crate::http::query::{InGuild, number};
use crate::ids::{GuildId, NotASnowflake, UserId};

/// A sound that was deleted and can be restored.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DeletedAnswer {
    #[schema(value_type = Number)]
    id: String,
    name: String,
    #[schema(value_type = GuildId)]
    guild_id: String,
    #[schema(value_type = Option<UserId>)]
    uploader_id: Option<String>,
    #[schema(value_type = Instant)]
    deleted_at: String,
    #[schema(value_type = Instant)]
    restorable_until: String,
}

/// What may be changed: what is not named stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says to the document what `read` takes")]
struct SoundChange {
    /// Of a guild's own sounds only.
    #[schema(required = false, min_length = 1, example = "danke")]
    name: String,
    /// All of them.
    #[schema(required = false, max_items = 20)]
    tags: Vec<String>,
    /// Null: none.
    #[schema(required = false)]
    category: Option<String>,
}

/// Changes what a body names of a sound: all of it, or nothing.
#[utoipa::path(
    patch,
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
    request_body = SoundChange,
    responses(
        (status = 200, description = "The sound as it is now", body = SoundAnswer),
        (status = 404, description = "No sound has this name"),
        (status = 409, description = "Another sound has the new name")
    ),
)]
#[patch("/api/sounds/<name>", data = "<body>")]
pub(in crate::http) async fn change_sound(
    app: &AppState,
    caller: Caller,
    guild: InGuild,
    name: &str,
    body: Body<Fields>,
) -> Result<Json<SoundAnswer>, Error> {
    let (guild, user) = (guild.0, caller.user());
    let change = read(body.0)?;
    let sound = find_own(app, user, guild, name).await?;
    let sound = match sound.shelf {
        Shelf::Guild { .. } => app.uploads.change(&sound, &change).await?,
        Shelf::Operator if change.name.is_some() => {
            return Err(Error::Forbidden(
                "the operator's sounds are renamed in their folder only",
            ));
        }
        Shelf::Operator => {
            app.labels.change(&sound, &change.label).await?;
            sound
        }
    };
    answer(app, user, guild, sound).await.map(Json)
}

/// Deletes one of a guild's own sounds; it can be restored for a while.
#[utoipa::path(
    delete,
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
        (status = 200, description = "How it can be restored", body = DeletedAnswer),
        (status = 404, description = "No sound has this name")
    ),
)]
#[delete("/api/sounds/<name>")]
pub(in crate::http) async fn delete_sound(
    app: &AppState,
    caller: Caller,
    guild: InGuild,
    name: &str,
) -> Result<Json<DeletedAnswer>, Error> {
    let sound = find_own(app, caller.user(), guild.0, name).await?;
    let (guild, deleted) = app.uploads.delete(&sound).await?;
    Ok(Json(describe(app, guild, deleted)))
}

/// What a guild has deleted and the caller may restore, what was deleted last first.
#[utoipa::path(
    get,
    path = "/api/guilds/{guild}/deleted-sounds",
    tag = "sounds",
    params(GuildPath),
    responses((status = 200, description = "The deletions", body = List<DeletedAnswer>)),
)]
#[get("/api/guilds/<guild>/deleted-sounds")]
pub(in crate::http) async fn list_deleted(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Page<DeletedAnswer>, Error> {
    let (guild, user) = (guild?, caller.user());
    let member = app.guilds.get_member(guild, user).await?;
    let mut deleted = app.uploads.list_deleted(guild).await?;
    let may = |it: &Deleted| app.guilds.check_author(guild, user, &member, it.uploader);
    deleted.retain(|it| may(it).is_ok());
    let results = deleted.into_iter().map(|it| describe(app, guild, it));
    let results: Vec<_> = results.collect();
    Ok(Page {
        total: results.len().to_string(),
        results,
    })
}

/// Restores a sound that was deleted.
#[utoipa::path(
    post,
    path = "/api/guilds/{guild}/deleted-sounds/{id}/restore",
    tag = "sounds",
    params(GuildPath, NumberPath),
    responses(
        (status = 200, description = "The sound", body = SoundAnswer),
        (status = 404, description = "No such deletion"),
        (
            status = 409,
            description = "Another sound has its name, or the guild has as many as it may"
        )
    ),
)]
#[post("/api/guilds/<guild>/deleted-sounds/<id>/restore")]
pub(in crate::http) async fn restore_sound(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
    id: &str,
) -> Result<Json<SoundAnswer>, Error> {
    let (guild, user) = (guild?, caller.user());
    let id = i64::from(number(id).ok_or(Error::BAD_REQUEST)?);
    let member = app.guilds.get_member(guild, user).await?;
    let deleted = app.uploads.list_deleted(guild).await?;
    let deleted = deleted.into_iter().find(|it| it.id == id);
    let deleted = deleted.ok_or(super::NOT_FOUND)?;
    app.guilds
        .check_author(guild, user, &member, deleted.uploader)?;
    let sound = app.uploads.restore(guild, id).await?;
    answer(app, user, Some(guild), sound).await.map(Json)
}

/// A sound that the caller may change.
async fn find_own(
    app: &App,
    user: UserId,
    guild: Option<GuildId>,
    name: &str,
) -> Result<Arc<Sound>, Error> {
    const ADMINISTRATORS: Error = Error::Forbidden(
        "only this installation's administrators may change the operator's sounds",
    );
    let is_administrator = app.admins.is_admin(user);
    let Some(guild) = guild else {
        if !is_administrator {
            return Err(ADMINISTRATORS);
        }
        return find_sound(app, None, name);
    };
    let member = app.guilds.get_member(guild, user).await?;
    let sound = find_sound(app, Some(guild), name)?;
    match sound.shelf {
        Shelf::Guild { uploader, .. } => {
            app.guilds.check_author(guild, user, &member, uploader)?;
        }
        Shelf::Operator if is_administrator => {}
        Shelf::Operator => return Err(ADMINISTRATORS),
    }
    Ok(sound)
}

/// Reads the fields, each at most once. Their bounds are the domain's.
fn read(fields: Fields) -> Result<Change, Error> {
    let mut change = Change::default();
    let LabelChange { tags, category } = &mut change.label;
    for (name, value) in fields.0 {
        match name.as_str() {
            "name" => put(&mut change.name, text(&value)).ok_or(must_be!("name", "a text")),
            "tags" => put(tags, texts(&value)).ok_or(must_be!("tags", "a list of texts")),
            "category" => {
                put(category, or_null(&value, text)).ok_or(must_be!("category", "a text or null"))
            }
            _ => Err(Error::Invalid(
                "a field is unknown: there are name, tags and category",
            )),
        }?;
    }
    Ok(change)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(text).collect()
}

fn describe(app: &App, guild: GuildId, deleted: Deleted) -> DeletedAnswer {
    let kept = |kept: Duration| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
    let until = deleted
        .deleted_ms
        .saturating_add(kept(app.config.uploads.keep_deleted));
    DeletedAnswer {
        id: deleted.id.to_string(),
        name: deleted.name,
        guild_id: guild.to_string(),
        uploader_id: deleted.uploader.map(|uploader| uploader.to_string()),
        deleted_at: rfc3339(deleted.deleted_ms),
        restorable_until: rfc3339(until),
    }
}
