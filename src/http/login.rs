//! `/token`, `/login`, their callbacks, and `/logout`. Seed 004, Authentication and Get Token.

use rocket::http::{Cookie, CookieJar, Header, SameSite};
use rocket::request::{FromRequest, Outcome};
use rocket::response::Redirect;
use rocket::time::Duration;
use rocket::{Request, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Done, Json};
use super::guards::{Address, AppState, Leaver};
use super::openapi::Instant;
use super::query::find;
use crate::app::App;
use crate::clock::rfc3339;
use crate::domain::login::{Flow, PENDING_LIFETIME, Pending};
use crate::domain::tokens::Issued;
use crate::error::Error;
use crate::ids::UserId;

/// Days that the browser keeps a login; the server may end it before. Contract 2.
const COOKIE_DAYS: i64 = 90;

/// The answer of `/token/authorize`.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenAnswer {
    #[schema(pattern = "^[0-9A-Za-z]{64}$")]
    token: String,
    #[schema(value_type = UserId)]
    user_id: String,
    #[schema(value_type = Instant)]
    expires: String,
}

/// A pending flow in the browser's encrypted cookie. The cookie's name, which is authenticated
/// with it, says which flow it is.
#[derive(Serialize, Deserialize)]
struct Kept {
    state: String,
    verifier: String,
    started_ms: i64,
}

/// `GET /token`: to Discord's authorize page.
#[utoipa::path(
    get,
    path = "/token",
    tag = "login",
    security(()),
    responses(
        (status = 307, description = "To Discord's authorize page"),
        (status = 429, description = "Too many requests of this address"),
        (status = 503, description = "No Discord application is configured")
    ),
)]
#[get("/token")]
pub(super) fn start_token(
    app: &AppState,
    address: Address,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Error> {
    start(app, Flow::Token, &address, jar)
}

/// `GET /login`: to Discord's authorize page.
#[utoipa::path(
    get,
    path = "/login",
    tag = "login",
    security(()),
    responses(
        (status = 307, description = "To Discord's authorize page"),
        (status = 429, description = "Too many requests of this address"),
        (status = 503, description = "No Discord application is configured")
    ),
)]
#[get("/login")]
pub(super) fn start_login(
    app: &AppState,
    address: Address,
    jar: &CookieJar<'_>,
) -> Result<Redirect, Error> {
    start(app, Flow::Login, &address, jar)
}

/// `GET /token/authorize`: an API token, shown this once.
#[utoipa::path(
    get,
    path = "/token/authorize",
    tag = "login",
    security(()),
    params(
        (
            "code" = Option<String>,
            Query,
            description = "What Discord gives for the caller's consent."
        ),
        ("state" = Option<String>, Query, description = "What the flow began with.")
    ),
    responses(
        (status = 200, description = "The token", body = TokenAnswer),
        (
            status = 401,
            description = "The caller did not consent, or the flow is not one of this browser's"
        ),
        (status = 403, description = "The caller shares no guild with the bot"),
        (status = 429, description = "Too many requests of this address"),
        (status = 502, description = "Discord refused"),
        (status = 503, description = "No Discord application is configured"),
        (status = 504, description = "Discord did not answer in time")
    ),
)]
#[get("/token/authorize")]
pub(super) async fn finish_token(
    app: &AppState,
    address: Address,
    callback: Callback,
    jar: &CookieJar<'_>,
) -> Result<NoStore<Json<TokenAnswer>>, Error> {
    let (user, issued) = finish(app, Flow::Token, &address, callback, jar).await?;
    Ok(NoStore::new(Json(TokenAnswer {
        token: issued.token,
        user_id: user.to_string(),
        expires: rfc3339(issued.expires_ms),
    })))
}

/// `GET /login/authorize`: the two cookies, then the page.
#[utoipa::path(
    get,
    path = "/login/authorize",
    tag = "login",
    security(()),
    params(
        (
            "code" = Option<String>,
            Query,
            description = "What Discord gives for the caller's consent."
        ),
        ("state" = Option<String>, Query, description = "What the flow began with.")
    ),
    responses(
        (status = 307, description = "To the page, with the cookies `token` and `userid`"),
        (
            status = 401,
            description = "The caller did not consent, or the flow is not one of this browser's"
        ),
        (status = 403, description = "The caller shares no guild with the bot"),
        (status = 429, description = "Too many requests of this address"),
        (status = 502, description = "Discord refused"),
        (status = 503, description = "No Discord application is configured"),
        (status = 504, description = "Discord did not answer in time")
    ),
)]
#[get("/login/authorize")]
pub(super) async fn finish_login(
    app: &AppState,
    address: Address,
    callback: Callback,
    jar: &CookieJar<'_>,
) -> Result<NoStore<Redirect>, Error> {
    let (user, issued) = finish(app, Flow::Login, &address, callback, jar).await?;
    let secure = app.config.public_url.is_https();
    let cookie = |name, value: String, hidden| {
        Cookie::build((name, value))
            .path("/")
            .http_only(hidden)
            .secure(secure)
            .same_site(SameSite::Lax)
            .max_age(Duration::days(COOKIE_DAYS))
    };
    jar.add(cookie("token", issued.token, true));
    jar.add(cookie("userid", user.to_string(), false));
    Ok(NoStore::new(Redirect::temporary("/")))
}

/// `POST /logout`: ends the session on the server, that of a Bearer header or that of the cookies,
/// which are taken back. With a user's last Bearer session what Discord has granted for it is given
/// back. Cookies of a session that has ended already are no error.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "login",
    security((), ("token" = [], "userid" = []), ("bearer" = [])),
    responses(
        (
            status = 200,
            description = "The session has ended, and the cookies are taken back",
            body = Done
        )
    ),
)]
#[post("/logout")]
pub(super) async fn logout(
    app: &AppState,
    leaver: Leaver,
    jar: &CookieJar<'_>,
) -> Result<Json<Done>, Error> {
    if let Some(session) = leaver.session {
        app.tokens.revoke(session.user, session.token_id).await?;
        give_back(app, session.user).await;
    }
    if leaver.by_cookie {
        for name in ["token", "userid"] {
            jar.remove(Cookie::build(name).path("/"));
        }
    }
    Ok(Json(Done {}))
}

/// Gives back what was granted for a session that has ended, unless another one needs it. What
/// fails is tried again later.
pub(super) async fn give_back(app: &App, user: UserId) {
    if let Err(error) = app.grants.give_back(user).await {
        tracing::warn!(?error, "a grant was not given back, trying again");
    }
}

fn start(app: &App, flow: Flow, address: &Address, jar: &CookieJar<'_>) -> Result<Redirect, Error> {
    app.limits
        .charge_oauth(address.0)
        .map_err(|refused| Error::Limited(refused.0))?;
    let (pending, page) = app.login.start(&callback_url(app, flow))?;
    let kept = Kept {
        state: pending.state,
        verifier: pending.verifier,
        started_ms: pending.started_ms,
    };
    let value = serde_json::to_string(&kept).map_err(Error::internal)?;
    let max_age = Duration::try_from(PENDING_LIFETIME).unwrap_or(Duration::ZERO);
    jar.add_private(
        Cookie::build((cookie_name(flow), value))
            .path(flow.path())
            .http_only(true)
            .secure(app.config.public_url.is_https())
            // Discord's redirect is a navigation from another site: `Strict` would not arrive.
            .same_site(SameSite::Lax)
            .max_age(max_age)
            // Else a week is put beside the ten minutes.
            .expires(None),
    );
    Ok(Redirect::temporary(page))
}

async fn finish(
    app: &App,
    flow: Flow,
    address: &Address,
    callback: Callback,
    jar: &CookieJar<'_>,
) -> Result<(UserId, Issued), Error> {
    app.limits
        .charge_stranger(address.0)
        .map_err(|refused| Error::Limited(refused.0))?;
    let kept = jar.get_private(cookie_name(flow));
    jar.remove(Cookie::build(cookie_name(flow)).path(flow.path()));
    let Callback { code, state } = callback;
    let pending = kept
        .and_then(|cookie| serde_json::from_str::<Kept>(cookie.value()).ok())
        .map(
            |Kept {
                 state,
                 verifier,
                 started_ms,
             }| Pending {
                state,
                verifier,
                started_ms,
            },
        );
    let (code, state) = (code?, state?);
    let pending = app.login.redeem(pending, &state)?;
    // The user pressed Cancel, or Discord did not want to: its words are not passed on.
    let code = code.ok_or(Error::Unauthorized)?;
    app.login
        .finish(flow, &pending, &code, &callback_url(app, flow))
        .await
}

fn callback_url(app: &App, flow: Flow) -> String {
    app.config
        .public_url
        .join(&format!("{}/authorize", flow.path()))
}

fn cookie_name(flow: Flow) -> &'static str {
    match flow {
        Flow::Token => "yuri_oauth_token",
        Flow::Login => "yuri_oauth_login",
    }
}

/// What Discord sends the browser back with. One that is sent twice is a 400, and takes the
/// browser's cookie like any other callback.
pub(super) struct Callback {
    code: Result<Option<String>, Error>,
    state: Result<String, Error>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Callback {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let once = |name| match find(request, name) {
            Ok(value) => Ok(value.map(std::borrow::Cow::into_owned)),
            Err(super::query::Twice) => Err(Error::BAD_REQUEST),
        };
        let state = once("state").map(Option::unwrap_or_default);
        Outcome::Success(Self {
            code: once("code"),
            state,
        })
    }
}

/// An answer that no cache may keep.
#[derive(rocket::Responder)]
pub(super) struct NoStore<R> {
    inner: R,
    cache_control: Header<'static>,
}

impl<R> NoStore<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            cache_control: Header::new("Cache-Control", "no-store"),
        }
    }
}
