//! Bringing many sounds in at once over REST: a form whose file is an archive. Contract 2: for
//! those who may play.

use rocket::data::{ByteUnit, Data, DataStream};
use rocket::post;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Object;

use super::form::{Form, OVERHEAD_BYTES, Parts, drain};
use crate::app::App;
use crate::domain::archives::{IncomingArchive, Taken};
use crate::domain::import::Outcome;
use crate::domain::player::{Asker, Who};
use crate::error::Error;
use crate::http::answer::{List, Page};
use crate::http::guards::{AppState, Caller};
use crate::http::openapi::one_of;
use crate::http::query::InGuild;
use crate::ids::{GuildId, UserId};

/// The form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says to the document what `receive` takes")]
struct ArchiveForm {
    /// A zip, a tar or a tar.gz.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

/// What became of a file of an archive.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TakenAnswer {
    /// Its path in the archive.
    file: String,
    /// `skipped` is what is no sound and is not called like one.
    #[schema(schema_with = states)]
    state: &'static str,
    /// The sound that it is, or that has its audio.
    name: Option<String>,
    /// Why it is none.
    reason: Option<String>,
}

fn states() -> Object {
    one_of(["added", "duplicate", "refused", "skipped"])
}

/// Brings the sounds of an archive into a guild: a form with the part `file`. The answer says what
/// became of each file.
#[utoipa::path(
    post,
    path = "/api/sounds/bulk",
    tag = "sounds",
    params(("guild" = inline(GuildId), Query, description = "The guild that gets them.")),
    request_body(content = ArchiveForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "What became of each file", body = List<TakenAnswer>),
        (status = 400, description = "The form cannot be read, or stops coming"),
        (status = 403, description = "Not a member, or no right to play"),
        (
            status = 409,
            description = "The guild has as many sounds as it may, or another of its archives is on its way"
        ),
        (status = 413, description = "More bytes or entries than may come, packed or unpacked"),
        (status = 415, description = "No form, compressed, or no archive of sounds"),
        (status = 429, description = "Too many archives in an hour, or too many requests")
    ),
)]
#[post("/api/sounds/bulk", data = "<body>")]
pub(in crate::http) async fn upload_archive(
    app: &AppState,
    caller: Caller,
    guild: InGuild,
    form: Form,
    body: Data<'_>,
) -> Result<Page<TakenAnswer>, Error> {
    let (guild, user) = (guild.required()?, caller.user());
    let most = ByteUnit::from(app.config.archives.max_bytes + 2 * OVERHEAD_BYTES);
    let mut body = body.open(most);
    let archive = match receive(app, user, guild, form, &mut body).await {
        Ok(archive) => archive,
        Err(error) => {
            drain(&mut body, &app.clock).await;
            return Err(error);
        }
    };
    // It may have taken long to come.
    check(app, user, guild).await?;
    let taken = app.archives.take(archive).await?;
    let results: Vec<_> = taken.into_iter().map(describe).collect();
    Ok(Page {
        total: results.len().to_string(),
        results,
    })
}

async fn check(app: &App, user: UserId, guild: GuildId) -> Result<(), Error> {
    let asker = Asker {
        guild,
        user,
        who: Who::Member(None),
    };
    app.player.check_may_play(&asker).await
}

/// Reads the form; the archive is on disk then.
async fn receive(
    app: &App,
    user: UserId,
    guild: GuildId,
    form: Form,
    body: &mut DataStream<'_>,
) -> Result<IncomingArchive, Error> {
    check(app, user, guild).await?;
    let length = form.length;
    let mut parts = Parts::new(form, body, &app.clock);
    let mut archive = None;
    while let Some(mut part) = parts.next().await? {
        if part.name() != Some("file") {
            return Err(Error::Invalid("a part is unknown: there is file"));
        }
        if archive.is_some() {
            return Err(Error::Invalid("file must be there once"));
        }
        let length = length.map(|length| length.saturating_sub(OVERHEAD_BYTES));
        let mut coming = app.archives.begin(guild, user, length).await?;
        while let Some(chunk) = parts.chunk(&mut part).await? {
            app.archives.write(&mut coming, &chunk).await?;
        }
        archive = Some(coming);
    }
    archive.ok_or(Error::Invalid("file is missing"))
}

fn describe(taken: Taken) -> TakenAnswer {
    let (state, name, reason) = match taken.outcome {
        Outcome::Added(name) => ("added", Some(name), None),
        Outcome::Duplicate(name) => ("duplicate", Some(name), None),
        Outcome::Refused(reason) => ("refused", None, Some(reason)),
        Outcome::PassedOver(reason) => ("skipped", None, Some(reason)),
    };
    TakenAnswer {
        file: taken.file,
        state,
        name,
        reason,
    }
}
