//! Bringing sounds in over REST: a form whose file is written as it comes. Contract 2: for those
//! who may play.

use std::sync::Arc;

use rocket::data::{ByteUnit, Data, DataStream};
use rocket::post;
use utoipa::ToSchema;

use super::form::{Form, OVERHEAD_BYTES, Parts, drain};
use super::{SoundAnswer, answer};
use crate::app::App;
use crate::domain::labels::Label;
use crate::domain::library::Sound;
use crate::domain::player::{Asker, Who};
use crate::domain::uploads::{Incoming, Wanted, too_large};
use crate::error::Error;
use crate::http::answer::Created;
use crate::http::guards::{AppState, Caller};
use crate::http::query::InGuild;
use crate::ids::{GuildId, UserId};

/// What a form says.
#[derive(Default)]
struct Upload {
    /// The file, and what it is called where it comes from.
    file: Option<(Incoming, String)>,
    name: Option<String>,
    /// Separated by commas.
    tags: Option<String>,
    category: Option<String>,
}

/// The parts of the form, in any order.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says to the document what `read` takes")]
struct UploadForm {
    /// The sound's file.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
    /// Else it is named after its file.
    #[schema(required = false)]
    name: String,
    /// Separated by commas.
    #[schema(required = false, example = "brass,loud")]
    tags: String,
    #[schema(required = false)]
    category: String,
}

/// Brings a sound into a guild: a form with the part `file`, and where they are wanted `name`,
/// `tags` and `category`, in any order.
#[utoipa::path(
    post,
    path = "/api/sounds",
    tag = "sounds",
    params(("guild" = inline(GuildId), Query, description = "The guild that gets it.")),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The sound", body = SoundAnswer),
        (
            status = 400,
            description = "The form cannot be read, or stops coming; a name or tag that cannot be"
        ),
        (status = 403, description = "Not a member, or no right to play"),
        (
            status = 409,
            description = "The name is taken; the guild has this file, or as many as it may"
        ),
        (status = 413, description = "More bytes than may come, or a longer sound"),
        (status = 415, description = "No form, compressed, or no sound that can be played"),
        (status = 429, description = "Too many uploads in an hour, or too many requests")
    ),
)]
#[post("/api/sounds", data = "<body>")]
pub(in crate::http) async fn upload_sound(
    app: &AppState,
    caller: Caller,
    guild: InGuild,
    form: Form,
    body: Data<'_>,
) -> Result<Created<SoundAnswer>, Error> {
    let (guild, user) = (guild.required()?, caller.user());
    // As much again is passed over where the first is refused.
    let most = ByteUnit::from(2 * (app.config.uploads.max_bytes + OVERHEAD_BYTES));
    let mut body = body.open(most);
    let sound = match receive(app, user, guild, form, &mut body).await {
        Ok(sound) => sound,
        Err(error) => {
            drain(&mut body, &app.clock).await;
            return Err(error);
        }
    };
    answer(app, user, Some(guild), sound).await.map(Created)
}

async fn receive(
    app: &App,
    user: UserId,
    guild: GuildId,
    form: Form,
    body: &mut DataStream<'_>,
) -> Result<Arc<Sound>, Error> {
    let asker = Asker {
        guild,
        user,
        who: Who::Member(None),
    };
    app.player.check_may_play(&asker).await?;
    let max_bytes = app.config.uploads.max_bytes;
    if form
        .length
        .is_some_and(|length| length > max_bytes + OVERHEAD_BYTES)
    {
        return Err(too_large(max_bytes));
    }
    let mut parts = Parts::new(form, body, &app.clock);
    let upload = read(app, user, guild, &mut parts).await?;
    let (mut file, file_name) = upload.file.ok_or(Error::Invalid("file is missing"))?;
    let tags = upload.tags.as_deref().unwrap_or_default().split(',');
    let tags: Vec<&str> = tags.filter(|tag| !tag.trim().is_empty()).collect();
    file.label = Label::read(&tags, upload.category.as_deref())?;
    let name = upload.name.filter(|name| !name.trim().is_empty());
    let wanted = match &name {
        Some(name) => Wanted::Name(name),
        None => Wanted::After(&file_name),
    };
    app.uploads.finish(file, wanted).await
}

/// Reads all parts, each at most once; the file is on disk then.
async fn read(
    app: &App,
    user: UserId,
    guild: GuildId,
    parts: &mut Parts<'_>,
) -> Result<Upload, Error> {
    let mut upload = Upload::default();
    while let Some(mut part) = parts.next().await? {
        let place = match part.name() {
            Some("file") if upload.file.is_none() => {
                let name = part.file_name().unwrap_or_default().to_owned();
                let mut file = app.uploads.begin(guild, user).await?;
                while let Some(chunk) = parts.chunk(&mut part).await? {
                    file.write(&chunk).await?;
                }
                upload.file = Some((file, name));
                continue;
            }
            Some("name") => &mut upload.name,
            Some("tags") => &mut upload.tags,
            Some("category") => &mut upload.category,
            Some("file") => return Err(Error::Invalid("file must be there once")),
            _ => {
                return Err(Error::Invalid(
                    "a part is unknown: there are file, name, tags and category",
                ));
            }
        };
        if place.is_some() {
            return Err(Error::Invalid("name, tags and category must be there once"));
        }
        *place = Some(parts.text(&mut part).await?);
    }
    Ok(upload)
}
