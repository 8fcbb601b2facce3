//! CORS: which pages of other origins may read our answers, and what browsers are told before they
//! send the requests of such pages. Attached and mounted by `http`; `fallback` asks it about `OPTIONS`.
//! Contract 8.
//!
//! The lists are fixed: nothing that a request names is repeated but an origin that the configuration
//! has. A page that is not listed gets the same answer, without leave to read it.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Method, Status};
use rocket::route::{Handler, Outcome, Route};
use rocket::{Data, Request, Response};

use super::error::fail;
use super::guards::{address, app, is_listed, sole_origin};
use super::methods::FALLBACK_RANK;
use crate::error::Error;

/// Paths that pages of other origins may use, with all that is below them: those for which `fallback`
/// answers `OPTIONS`, and the others. Logging in with cookies is for our own pages.
const API: [&str; 2] = ["/api", "/botapi"];
const OTHERS: [&str; 5] = ["/token", "/logout", "/media", "/events", "/socket.io"];

/// The methods that routes have.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// The headers that routes read and a browser sends for a page of another origin only with leave; and
/// `X-Requested-With`, which some libraries send with everything.
const HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, \
     Last-Event-ID, X-Requested-With";
/// The headers of answers that such a page is shown only with leave.
const EXPOSED: &str = "X-Request-Id, X-Ratelimit-Limit, X-Ratelimit-Remaining, X-Ratelimit-Reset, \
     Retry-After, X-Total-Count, X-Partial, X-Hidden-Sound, X-Slash-Commands, ETag, Allow, \
     WWW-Authenticate, Accept-Ranges, Content-Range, Content-Disposition";
/// How long a browser may go by the answer to a preflight, in seconds.
const MAX_AGE_S: &str = "600";

/// Says with each answer whose pages may read it, failures as well.
pub(super) struct Cors;

#[rocket::async_trait]
impl Fairing for Cors {
    fn info(&self) -> Info {
        Info {
            name: "pages of other origins",
            kind: Kind::Response,
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, answer: &mut Response<'r>) {
        if !is_shared(request.uri().path().as_str()) {
            return;
        }
        // Always: else a cache could hand the answer for one page to another.
        answer.adjoin_raw_header("Vary", "Origin");
        if let Some(origin) = listed_origin(request) {
            answer.set_raw_header("Access-Control-Allow-Origin", origin);
            answer.set_raw_header("Access-Control-Allow-Credentials", "true");
            answer.set_raw_header("Access-Control-Expose-Headers", EXPOSED);
        }
    }
}

/// `OPTIONS` where nothing else answers it.
pub(super) fn routes() -> Vec<Route> {
    let options = |path: &str| {
        let below = format!("{path}/<path..>");
        Route::ranked(FALLBACK_RANK, Method::Options, &below, Options)
    };
    OTHERS.into_iter().map(options).collect()
}

#[derive(Clone)]
struct Options;

#[rocket::async_trait]
impl Handler for Options {
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r> {
        // What is no preflight is a wrong method; the catcher knows the right ones.
        preflight(request).unwrap_or(Outcome::Error(Status::NotFound))
    }
}

/// Answers a preflight; `None` for any other request. Browsers show no credential with it, so that it
/// is counted by address, like a stranger's request.
pub(super) fn preflight<'r>(request: &'r Request<'_>) -> Option<Outcome<'r>> {
    let has = |name: &str| request.headers().contains(name);
    let asks = has("Origin") && has("Access-Control-Request-Method");
    if request.method() != Method::Options || !asks {
        return None;
    }
    Some(match count(request) {
        Ok(()) => Outcome::Success(permit(request)),
        Err(error) => {
            let _left_for_the_catcher = fail::<()>(request, error);
            Outcome::Error(Status::TooManyRequests)
        }
    })
}

fn count(request: &Request<'_>) -> Result<(), Error> {
    let app = app(request)?;
    let charged = app.limits.charge_stranger(address(app, request));
    charged.map_err(|refused| Error::Limited(refused.0))
}

/// What a page of a listed origin may send; [`Cors`] adds whose page it is.
fn permit(request: &Request<'_>) -> Response<'static> {
    let mut answer = Response::build();
    answer.status(Status::NoContent);
    if listed_origin(request).is_some() {
        answer
            .raw_header("Access-Control-Allow-Methods", METHODS)
            .raw_header("Access-Control-Allow-Headers", HEADERS)
            .raw_header("Access-Control-Max-Age", MAX_AGE_S);
    }
    answer.finalize()
}

/// The origin of the page that asks, if the configuration has it.
fn listed_origin<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let app = app(request).ok()?;
    sole_origin(request).filter(|origin| is_listed(app, origin))
}

/// Whether pages of other origins may use a path at all.
fn is_shared(path: &str) -> bool {
    API.iter().chain(&OTHERS).any(|root| {
        let rest = path.strip_prefix(*root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_shared;

    #[test]
    fn a_path_is_shared_with_all_below_it_and_none_beside_it() {
        for shared in [
            "/api",
            "/api/",
            "/api/logs/1",
            "/botapi/users/@me",
            "/token",
            "/token/authorize",
            "/socket.io/",
        ] {
            assert!(is_shared(shared), "{shared}");
        }
        for own in ["", "/", "/login", "/ws", "/apis", "/tokens", "/docs/api"] {
            assert!(!is_shared(own), "{own}");
        }
    }
}
