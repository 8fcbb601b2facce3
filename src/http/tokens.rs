//! `/api/tokens`: API tokens and sessions of the caller's own. Contract 2.

use rocket::{delete, get, post};
use serde::{Deserialize, Serialize};

use super::answer::{Done, Json, Page};
use super::guards::{AppState, Body, Caller};
use crate::clock::rfc3339;
use crate::db::tokens::{Kind, Token};
use crate::error::Error;

/// Longest name of a token, in characters.
const NAME_MAX_CHARS: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTokenBody {
    name: String,
}

/// A token that was just made; only here it is seen.
#[derive(Serialize)]
pub(super) struct CreatedToken {
    id: String,
    name: String,
    token: String,
    user_id: String,
    expires: String,
}

#[derive(Serialize)]
pub(super) struct TokenEntry {
    id: String,
    kind: &'static str,
    name: String,
    created: String,
    last_used: String,
    expires: String,
    current: bool,
}

/// Makes a named API token. For login sessions: a token cannot make another.
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
    Ok(Json(Done {}))
}

fn may_touch(caller: &Caller, id: i64) -> bool {
    caller.0.kind == Kind::Session || caller.0.token_id == id
}

fn entry(token: Token, caller: &Caller) -> TokenEntry {
    TokenEntry {
        id: token.id.to_string(),
        kind: match token.kind() {
            Kind::Session => "session",
            Kind::Api => "api",
        },
        created: rfc3339(token.created_ms),
        last_used: rfc3339(token.used_ms),
        expires: rfc3339(token.expires_ms),
        current: token.id == caller.0.token_id,
        name: token.name,
    }
}
