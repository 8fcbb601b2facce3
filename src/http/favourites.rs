//! `/api/favorites`: the sounds that the caller likes. The routes of the original server, over the
//! favourites that commands change as well. Contract 4.

use rocket::http::Status;
use rocket::{delete, get, post};

use super::answer::{Done, Json, List, Page};
use super::guards::{AppState, Caller};
use super::player::SOUND_MAX_BYTES;
use super::query::InGuild;
use crate::domain::favourites::Favourite;
use crate::error::Error;

const UNKNOWN: Error = Error::NotFound("sound was not found");

/// The names of the operator's sounds that the caller likes, those too that are gone for now; with
/// a guild, of those that are there in it.
#[utoipa::path(
    get,
    path = "/api/favorites",
    tag = "favourites",
    params(InGuild),
    responses((status = 200, description = "Names of sounds", body = List<String>)),
)]
#[get("/")]
pub(super) async fn list_favourites(
    app: &AppState,
    caller: Caller,
    guild: InGuild,
) -> Result<Page<String>, Error> {
    let user = caller.user();
    let results: Vec<String> = if let Some(guild) = guild.enter(app, user).await? {
        let sounds = app.favourites.list_in(user, guild).await?;
        sounds.iter().map(|sound| sound.stem.clone()).collect()
    } else {
        let all = app.favourites.list(user).await?;
        let operators = all.iter().filter(|it| it.guild.is_none());
        operators.map(|it| it.sound.clone()).collect()
    };
    Ok(Page {
        total: results.len().to_string(),
        results,
    })
}

/// Makes a sound one of the caller's favourites; it may be one already.
#[utoipa::path(
    post,
    path = "/api/favorites/{sound}",
    tag = "favourites",
    params(
        (
            "sound" = String,
            Path,
            description = "The sound's name.",
            min_length = 1,
            max_length = 255
        ),
        InGuild
    ),
    responses(
        (status = 201, description = "It is one", body = Done),
        (status = 404, description = "No sound has this name"),
        (status = 409, description = "There are as many as there may be")
    ),
)]
#[post("/<sound>")]
pub(super) async fn add_favourite(
    app: &AppState,
    caller: Caller,
    guild: InGuild,
    sound: &str,
) -> Result<(Status, Json<Done>), Error> {
    check_name(sound)?;
    let guild = guild.enter(app, caller.user()).await?;
    let sound = app.library.find_at(guild, sound).ok_or(UNKNOWN)?;
    app.favourites.add(caller.user(), &sound).await?;
    Ok((Status::Created, Json(Done {})))
}

/// Takes a favourite back; it may be none. A sound that is gone answers to the name it had.
#[utoipa::path(
    delete,
    path = "/api/favorites/{sound}",
    tag = "favourites",
    params(
        (
            "sound" = String,
            Path,
            description = "The sound's name.",
            min_length = 1,
            max_length = 255
        ),
        InGuild
    ),
    responses(
        (status = 200, description = "It is none", body = Done),
        (status = 404, description = "No sound has this name, and no favourite had it")
    ),
)]
#[delete("/<sound>")]
pub(super) async fn remove_favourite(
    app: &AppState,
    caller: Caller,
    guild: InGuild,
    sound: &str,
) -> Result<Json<Done>, Error> {
    check_name(sound)?;
    let guild = guild.enter(app, caller.user()).await?;
    let found = app.library.find_at(guild, sound);
    let is_known = found.is_some();
    let favourite = match found {
        Some(sound) => Favourite {
            guild: sound.guild(),
            sound: sound.stem.clone(),
        },
        None => Favourite {
            guild,
            sound: sound.to_owned(),
        },
    };
    let was_one = app.favourites.remove(caller.user(), favourite).await?;
    if is_known || was_one {
        return Ok(Json(Done {}));
    }
    Err(UNKNOWN)
}

fn check_name(sound: &str) -> Result<(), Error> {
    if sound.len() > SOUND_MAX_BYTES {
        return Err(Error::Invalid("the sound must be the name of a sound"));
    }
    Ok(())
}
