//! `/api/users/@me`: who the caller is, and which guilds they are in. Contract 7, seeds 000 and 002.

use rocket::response::{self, Responder};
use rocket::{Request, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Json, List, Page};
use super::guards::{AppState, Caller};
use crate::db::tokens::Kind;
use crate::db::users;
use crate::domain::user_guilds::Membership;
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// A user, as of their last login. Seed 002.
#[derive(Serialize, ToSchema)]
pub(super) struct UserAnswer {
    #[schema(value_type = UserId)]
    id: String,
    username: String,
    global_name: Option<String>,
    discriminator: String,
    avatar: Option<String>,
    /// The names of the caller's roles in this installation, as they are now.
    roles: Vec<String>,
}

/// A guild, as one of its members sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct UserGuildEntry {
    #[schema(value_type = GuildId)]
    id: String,
    name: String,
    icon: Option<String>,
    owner: bool,
    /// Discord's bits, which are more than a number of JSON holds.
    #[schema(pattern = "^[0-9]{1,20}$", example = "1071698660929")]
    permissions: String,
    /// Null while the bot is not connected.
    bot_in_guild: Option<bool>,
    manageable: bool,
}

/// A list that may not be all there is; a header says so.
pub(super) struct Known<T> {
    page: Page<T>,
    is_whole: bool,
}

impl<'r, T: Serialize> Responder<'r, 'static> for Known<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut answer = self.page.respond_to(request)?;
        if !self.is_whole {
            answer.set_raw_header("X-Partial", "true");
        }
        Ok(answer)
    }
}

/// Who the caller is.
#[utoipa::path(
    get,
    path = "/api/users/@me",
    tag = "users",
    responses((status = 200, description = "The caller", body = UserAnswer)),
)]
#[get("/api/users/@me")]
pub(super) async fn get_me(app: &AppState, caller: Caller) -> Result<Json<UserAnswer>, Error> {
    let id = caller.user();
    let known = app.db.quick(move |conn| users::find(conn, id)).await?;
    // Whoever has a token is in the database.
    let known = known.ok_or(Error::Unauthorized)?;
    let roles = app.admins.list_roles_of(id).await?;
    Ok(Json(UserAnswer {
        id: known.id.to_string(),
        username: known.username,
        global_name: known.global_name,
        discriminator: known.discriminator,
        avatar: known.avatar,
        roles,
    }))
}

/// The caller's guilds: all of them where Discord lets us read them, else those that the bot is in
/// too.
#[utoipa::path(
    get,
    path = "/api/users/@me/guilds",
    tag = "users",
    responses(
        (
            status = 200,
            description = "The caller's guilds",
            body = List<UserGuildEntry>,
            headers(("X-Partial" = String, description = "`true`: there may be more."))
        ),
        (status = 403, description = "Discord has ended the grant of a Bearer token's login"),
        (status = 502, description = "Discord refused"),
        (status = 504, description = "Discord did not answer in time")
    ),
)]
#[get("/api/users/@me/guilds")]
pub(super) async fn list_my_guilds(
    app: &AppState,
    caller: Caller,
) -> Result<Known<UserGuildEntry>, Error> {
    const GRANT_GONE: Error = Error::Forbidden(
        "discord does not let this server read your servers any more, log in again",
    );
    let user = caller.user();
    let all = app.user_guilds.find_all(user).await?;
    let is_whole = all.is_some();
    let known = match all {
        Some(all) => all,
        // Their login was for that, and the next one brings it back.
        None if caller.0.kind == Kind::Bearer && app.has_bot() => return Err(GRANT_GONE),
        None => app.user_guilds.list_proven(user).await?,
    };
    let results: Vec<_> = known.into_iter().map(entry).collect();
    let total = results.len().to_string();
    Ok(Known {
        page: Page { results, total },
        is_whole,
    })
}

fn entry(guild: Membership) -> UserGuildEntry {
    UserGuildEntry {
        manageable: guild.is_manageable(),
        id: guild.id.to_string(),
        name: guild.name,
        icon: guild.icon,
        owner: guild.is_owner,
        permissions: guild.permissions.to_string(),
        bot_in_guild: guild.has_bot,
    }
}
