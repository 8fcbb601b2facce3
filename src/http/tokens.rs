//! `/api/tokens`: API tokens and sessions of the caller's own. Contract 2.

use rocket::{delete, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Object;

use super::answer::{Done, Json, List, Page};
use super::guards::{AppState, Body, Caller};
use super::login::give_back;
use super::openapi::{Instant, Number, NumberPath, one_of};
use crate::clock::rfc3339;
use crate::db::tokens::{Kind, Token};
use crate::error::Error;
use crate::ids::UserId;

/// Longest name of a token, in characters.
const NAME_MAX_CHARS: usize = 64;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTokenBody {
    #[schema(min_length = 1, max_length = 64, example = "laptop")]
    name: String,
}

/// A token that was just made; only here it is seen.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedToken {
    #[schema(value_type = Number)]
    id: String,
    name: String,
    #[schema(pattern = "^[0-9A-Za-z]{64}$")]
    token: String,
    #[schema(value_type = UserId)]
    user_id: String,
    #[schema(value_type = Instant)]
    expires: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TokenEntry {
    #[schema(value_type = Number)]
    id: String,
    #[schema(schema_with = kinds)]
    kind: &'static str,
    name: String,
    #[schema(value_type = Instant)]
    created: String,
    #[schema(value_type = Instant)]
    last_used: String,
    #[schema(value_type = Instant)]
    expires: String,
    current: bool,
}

fn kinds() -> Object {
    one_of(["session", "api", "bearer"])
}

/// Makes a named API token. For logins of our own page: a token cannot make another that outlives
/// it.
#[utoipa::path(
    post,
    path = "/api/tokens",
    tag = "tokens",
    request_body = NewTokenBody,
    responses(
        (status = 200, description = "The token, shown this once", body = CreatedToken),
        (status = 403, description = "An API token makes no other; a page of another site"),
        (status = 409, description = "There are ten already")
    ),
)]
#[post("/api/tokens", data = "<body>")]
pub(super) async fn create_token(
    app: &AppState,
    caller: Caller,
    body: Body<NewTokenBody>,
) -> Result<Json<CreatedToken>, Error> {
    if caller.0.kind != Kind::Session {
        return Err(Error::Forbidden("log in with a browser to make a token"));
    }
    let name = body.0.name.trim().to_owned();
    let shown = name.chars().count() <= NAME_MAX_CHARS && !name.chars().any(char::is_control);
    if name.is_empty() || !shown {
        return Err(Error::Invalid("name must be 1 to 64 characters"));
    }
    let issued = app.tokens.issue_named(caller.user(), name.clone()).await?;
    Ok(Json(CreatedToken {
        id: issued.id.to_string(),
        name,
        token: issued.token,
        user_id: caller.user().to_string(),
        expires: rfc3339(issued.expires_ms),
    }))
}

/// The caller's living tokens and sessions; an API token sees itself alone.
#[utoipa::path(
    get,
    path = "/api/tokens",
    tag = "tokens",
    responses(
        (status = 200, description = "The tokens and sessions", body = List<TokenEntry>)
    ),
)]
#[get("/api/tokens")]
pub(super) async fn list_tokens(app: &AppState, caller: Caller) -> Result<Page<TokenEntry>, Error> {
    let mut tokens = app.tokens.list(caller.user()).await?;
    tokens.retain(|token| may_touch(&caller, token.id));
    let results: Vec<_> = tokens
        .into_iter()
        .map(|token| entry(token, &caller))
        .collect();
    Ok(Page {
        total: results.len().to_string(),
        results,
    })
}

/// Ends one of the caller's tokens or sessions at once; an API token can end itself alone.
#[utoipa::path(
    delete,
    path = "/api/tokens/{id}",
    tag = "tokens",
    params(NumberPath),
    responses(
        (status = 200, description = "It has ended", body = Done),
        (status = 404, description = "No such token of the caller")
    ),
)]
#[delete("/api/tokens/<id>")]
pub(super) async fn revoke_token(
    app: &AppState,
    caller: Caller,
    id: &str,
) -> Result<Json<Done>, Error> {
    const UNKNOWN: Error = Error::NotFound("not found");
    let is_number = matches!(id.len(), 1..=9) && id.bytes().all(|byte| byte.is_ascii_digit());
    let id: i64 = id
        .parse()
        .ok()
        .filter(|_| is_number)
        .ok_or(Error::BAD_REQUEST)?;
    if !may_touch(&caller, id) || !app.tokens.revoke(caller.user(), id).await? {
        return Err(UNKNOWN);
    }
    give_back(app, caller.user()).await;
    Ok(Json(Done {}))
}

fn may_touch(caller: &Caller, id: i64) -> bool {
    caller.0.kind != Kind::Api || caller.0.token_id == id
}

fn entry(token: Token, caller: &Caller) -> TokenEntry {
    TokenEntry {
        id: token.id.to_string(),
        kind: match token.kind() {
            Kind::Session => "session",
            Kind::Api => "api",
            Kind::Bearer => "bearer",
        },
        created: rfc3339(token.created_ms),
        last_used: rfc3339(token.used_ms),
        expires: rfc3339(token.expires_ms),
        current: token.id == caller.0.token_id,
        name: token.name,
    }
}
