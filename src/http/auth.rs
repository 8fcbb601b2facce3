//! `/api/auth`: logging in on another site's page, and staying so. Contract 7, seed 002.

use rocket::request::{FromRequest, Outcome};
use rocket::{Request, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::Json;
use super::error::fail;
use super::guards::{AppState, Body, Caller, Newcomer, app, bearer};
use super::login::NoStore;
use super::openapi::Instant;
use crate::clock::rfc3339;
use crate::domain::jwe::{Made, Named};
use crate::error::Error;

/// The lengths of a verifier. RFC 7636, 4.1.
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

/// What a page has got from Discord.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CallbackBody {
    #[schema(min_length = 1, max_length = 512)]
    code: String,
    #[schema(pattern = "^[A-Za-z0-9._~-]{43,128}$")]
    code_verifier: String,
    #[schema(example = "https://dashboard.example.org/callback")]
    redirect_uri: String,
}

/// A token for the Bearer header.
#[derive(Serialize, ToSchema)]
pub(super) struct BearerToken {
    token: String,
    #[schema(value_type = Instant)]
    expires: String,
}

impl From<Made> for BearerToken {
    fn from(made: Made) -> Self {
        Self {
            token: made.token,
            expires: rfc3339(made.expires_ms),
        }
    }
}

/// The caller's session, as their token names it.
pub(super) struct Renewal(Named);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Renewal {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        const OTHERS: Error =
            Error::Forbidden("only a token of POST /api/auth/callback can be renewed");
        match Caller::from_request(request).await {
            Outcome::Success(_) => {}
            Outcome::Error(error) => return Outcome::Error(error),
            Outcome::Forward(status) => return Outcome::Forward(status),
        }
        let named = app(request).map(|app| bearer(request).and_then(|token| app.jwe.open(token)));
        match named.and_then(|named| named.ok_or(OTHERS)) {
            Ok(named) => Outcome::Success(Self(named)),
            Err(error) => fail(request, error),
        }
    }
}

/// Finishes a login that another site's page has started with Discord: a token for an hour.
#[utoipa::path(
    post,
    path = "/api/auth/callback",
    tag = "login",
    security(()),
    request_body = CallbackBody,
    responses(
        (status = 200, description = "A token for the Bearer header", body = BearerToken),
        (status = 401, description = "Discord does not accept the code or the verifier"),
        (
            status = 403,
            description = "The page is not one of the configured ones, the grant allows too little, \
                or the user shares no guild with the bot"
        ),
        (status = 429, description = "Too many requests of this address"),
        (status = 502, description = "Discord refused"),
        (status = 503, description = "No Discord application is configured"),
        (status = 504, description = "Discord did not answer in time")
    ),
)]
#[post("/api/auth/callback", data = "<body>")]
pub(super) async fn exchange_code(
    app: &AppState,
    _newcomer: Newcomer,
    body: Body<CallbackBody>,
) -> Result<NoStore<Json<BearerToken>>, Error> {
    let CallbackBody {
        code,
        code_verifier,
        redirect_uri,
    } = body.0;
    let is_unreserved = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    if !VERIFIER_CHARS.contains(&code_verifier.len()) || !code_verifier.bytes().all(is_unreserved) {
        return Err(Error::Invalid(
            "code_verifier must be 43 to 128 characters of A-Z, a-z, 0-9, -, ., _ and ~",
        ));
    }
    let made = app.login.connect(&code, &code_verifier, &redirect_uri);
    Ok(NoStore::new(Json(made.await?.into())))
}

/// Another hour for the caller's session, as long as the hour before has not passed.
#[utoipa::path(
    post,
    path = "/api/auth/refresh",
    tag = "login",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The next token", body = BearerToken),
        (status = 403, description = "Another credential than such a token")
    ),
)]
#[post("/api/auth/refresh")]
pub(super) fn renew_token(app: &AppState, renewal: Renewal) -> Result<Json<BearerToken>, Error> {
    let Renewal(session) = renewal;
    let made = app.jwe.make(session.user, session.secret.expose())?;
    Ok(Json(made.into()))
}
