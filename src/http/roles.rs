//! `/api/admin/roles`: the roles of this installation and who has them, for its administrators.
//! Contract 2, seed 002.

use rocket::http::Status;
use rocket::{delete, get, put};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Done, Json, List, Page};
use super::guards::{AppState, Caller};
use super::openapi::{Instant, Number};
use crate::clock::rfc3339;
use crate::db::roles::Role;
use crate::domain::admins::{Holder, RoleName};
use crate::error::Error;
use crate::ids::{NotASnowflake, UserId};

/// A role. Seed 002: ID, Name.
#[derive(Serialize, ToSchema)]
pub(super) struct RoleAnswer {
    #[schema(value_type = Number)]
    id: String,
    #[schema(pattern = "^[a-z0-9_-]{1,32}$", example = "admin")]
    name: String,
    #[schema(minimum = 0)]
    users: i64,
}

/// A user who has a role.
#[derive(Serialize, ToSchema)]
pub(super) struct RoleUser {
    #[schema(value_type = UserId)]
    user_id: String,
    /// The name at the last login; null before the first.
    user_tag: Option<String>,
    /// Who gave the role; null where only the configuration does.
    #[schema(value_type = Option<UserId>)]
    given_by: Option<String>,
    #[schema(value_type = Option<Instant>)]
    given_at: Option<String>,
    /// Whether the configuration names this administrator.
    configured: bool,
}

/// All roles, by name.
#[utoipa::path(
    get,
    path = "/api/admin/roles",
    tag = "administration",
    responses(
        (status = 200, description = "The roles", body = List<RoleAnswer>),
        (status = 403, description = "Not an administrator")
    ),
)]
#[get("/api/admin/roles")]
pub(super) async fn list_roles(app: &AppState, caller: Caller) -> Result<Page<RoleAnswer>, Error> {
    app.admins.check(caller.user())?;
    let roles = app.admins.list_roles().await?;
    Ok(Page {
        total: roles.len().to_string(),
        results: roles.into_iter().map(describe_role).collect(),
    })
}

/// Makes a role; it may be there already.
#[utoipa::path(
    put,
    path = "/api/admin/roles/{role}",
    tag = "administration",
    params(("role" = String, Path, description = "The role's name.", pattern = "^[a-z0-9_-]{1,32}$")),
    responses(
        (status = 200, description = "It was there already", body = RoleAnswer),
        (status = 201, description = "It is new", body = RoleAnswer),
        (status = 403, description = "Not an administrator; or cookies, and a page of another site"),
        (status = 409, description = "There are as many as there may be")
    ),
)]
#[put("/api/admin/roles/<role>")]
pub(super) async fn create_role(
    app: &AppState,
    caller: Caller,
    role: &str,
) -> Result<(Status, Json<RoleAnswer>), Error> {
    let name = RoleName::read(role)?;
    let (role, is_new) = app.admins.create_role(caller.user(), &name).await?;
    Ok((status(is_new), Json(describe_role(role))))
}

/// Drops a role, whoever has it.
#[utoipa::path(
    delete,
    path = "/api/admin/roles/{role}",
    tag = "administration",
    params(("role" = String, Path, description = "The role's name.", pattern = "^[a-z0-9_-]{1,32}$")),
    responses(
        (status = 200, description = "It is gone", body = Done),
        (status = 403, description = "Not an administrator; or cookies, and a page of another site"),
        (status = 404, description = "No role has this name"),
        (status = 409, description = "The role `admin` stays")
    ),
)]
#[delete("/api/admin/roles/<role>")]
pub(super) async fn delete_role(
    app: &AppState,
    caller: Caller,
    role: &str,
) -> Result<Json<Done>, Error> {
    let name = RoleName::read(role)?;
    app.admins.delete_role(caller.user(), &name).await?;
    Ok(Json(Done {}))
}

/// Who has a role, by id.
#[utoipa::path(
    get,
    path = "/api/admin/roles/{role}/users",
    tag = "administration",
    params(("role" = String, Path, description = "The role's name.", pattern = "^[a-z0-9_-]{1,32}$")),
    responses(
        (status = 200, description = "Its users", body = List<RoleUser>),
        (status = 403, description = "Not an administrator"),
        (status = 404, description = "No role has this name")
    ),
)]
#[get("/api/admin/roles/<role>/users")]
pub(super) async fn list_users(
    app: &AppState,
    caller: Caller,
    role: &str,
) -> Result<Page<RoleUser>, Error> {
    let name = RoleName::read(role)?;
    app.admins.check(caller.user())?;
    let holders = app.admins.list_holders(&name).await?;
    Ok(Page {
        total: holders.len().to_string(),
        results: holders.into_iter().map(describe_user).collect(),
    })
}

/// Gives a user a role, which they may have already.
#[utoipa::path(
    put,
    path = "/api/admin/roles/{role}/users/{user}",
    tag = "administration",
    params(
        ("role" = String, Path, description = "The role's name.", pattern = "^[a-z0-9_-]{1,32}$"),
        ("user" = UserId, Path, description = "The user's id, whether there was a login or not.")
    ),
    responses(
        (status = 200, description = "The user had it already", body = RoleUser),
        (status = 201, description = "The user has it now", body = RoleUser),
        (status = 403, description = "Not an administrator; or cookies, and a page of another site"),
        (status = 404, description = "No role has this name"),
        (status = 409, description = "As many users have it as may")
    ),
)]
#[put("/api/admin/roles/<role>/users/<user>")]
pub(super) async fn give_role(
    app: &AppState,
    caller: Caller,
    role: &str,
    user: Result<UserId, NotASnowflake>,
) -> Result<(Status, Json<RoleUser>), Error> {
    let (name, user) = (RoleName::read(role)?, user?);
    let (holder, is_new) = app.admins.give(caller.user(), &name, user).await?;
    Ok((status(is_new), Json(describe_user(holder))))
}

/// Takes a role from a user, who need not have it.
#[utoipa::path(
    delete,
    path = "/api/admin/roles/{role}/users/{user}",
    tag = "administration",
    params(
        ("role" = String, Path, description = "The role's name.", pattern = "^[a-z0-9_-]{1,32}$"),
        ("user" = UserId, Path, description = "The user's id, whether there was a login or not.")
    ),
    responses(
        (status = 200, description = "The user does not have it", body = Done),
        (status = 403, description = "Not an administrator; or cookies, and a page of another site"),
        (status = 404, description = "No role has this name"),
        (status = 409, description = "The configuration names this administrator")
    ),
)]
#[delete("/api/admin/roles/<role>/users/<user>")]
pub(super) async fn take_role(
    app: &AppState,
    caller: Caller,
    role: &str,
    user: Result<UserId, NotASnowflake>,
) -> Result<Json<Done>, Error> {
    let (name, user) = (RoleName::read(role)?, user?);
    app.admins.take(caller.user(), &name, user).await?;
    Ok(Json(Done {}))
}

fn status(is_new: bool) -> Status {
    if is_new { Status::Created } else { Status::Ok }
}

fn describe_role(role: Role) -> RoleAnswer {
    RoleAnswer {
        id: role.id.to_string(),
        name: role.name,
        users: role.users,
    }
}

fn describe_user(holder: Holder) -> RoleUser {
    let (given_by, given_at) = holder
        .given
        .map(|(by, at_ms)| (by.to_string(), rfc3339(at_ms)))
        .unzip();
    RoleUser {
        user_id: holder.user.to_string(),
        user_tag: holder.user_tag,
        given_by,
        given_at,
        configured: holder.is_configured,
    }
}
