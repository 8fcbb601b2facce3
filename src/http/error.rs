//! Failures on the wire: one table of statuses, one form of body, and that of seed 001 for its routes.
//! Guards leave their error with [`fail`], because Rocket does not hand it to catchers; routes return
//! it.

use std::time::Duration;

use askama::Template;
use rocket::catcher::BoxFuture;
use rocket::http::{ContentType, Header, Status};
use rocket::request::Outcome;
use rocket::response::{self, Responder};
use rocket::{Catcher, Request, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{CONTENT_POLICY, request_id, respond};
use super::methods::allowed_methods;
use crate::error::Error;
use crate::ids::NotASnowflake;

/// What every failure says: its status, and in words what to do.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct Body {
    error: Fault,
}

#[derive(Serialize, ToSchema)]
struct Fault {
    #[schema(minimum = 400, maximum = 599, example = 403)]
    code: u16,
    #[schema(example = "you must be a member of this guild")]
    message: String,
    /// Seconds until Discord takes more, a fraction allowed. Contract 6.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, example = 30.0)]
    retry_after: Option<f64>,
}

/// The routes of seed 001, whose failures are a text alone. Contract 8.
const FLAT: [&str; 5] = [
    "/api/auth/login",
    "/api/auth/logout",
    "/api/members",
    "/api/channels",
    "/api/messages",
];

/// What a failure of these says.
#[derive(Serialize, ToSchema)]
#[schema(as = FlatError)]
pub(super) struct FlatBody {
    #[schema(example = "unauthorized")]
    error: String,
}

/// Whether failures at this path, as it is mounted, have the form of [`FlatBody`].
pub(super) fn is_flat(path: &str) -> bool {
    FLAT.contains(&path)
}

/// The same of a request, whether a route answers it or none: its path as Rocket takes it to
/// routes, decoded and without empty parts.
pub(super) fn is_of_sessions(request: &Request<'_>) -> bool {
    let mut paths = FLAT.iter().map(|path| path.split('/').skip(1));
    paths.any(|parts| parts.eq(request.uri().path().segments()))
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    status: Status,
    message: &'a str,
}

/// What a guard failed with.
struct Failure(Option<Error>);

/// Fails a guard with an error that the [`catcher`] will find.
pub(super) fn fail<S>(request: &Request<'_>, error: Error) -> Outcome<S, ()> {
    let status = status(&error);
    request.local_cache(|| Failure(Some(error)));
    Outcome::Error((status, ()))
}

fn status(error: &Error) -> Status {
    match error {
        Error::Invalid(_) => Status::BadRequest,
        Error::Unauthorized => Status::Unauthorized,
        Error::Forbidden(_) => Status::Forbidden,
        Error::NotFound(_) => Status::NotFound,
        Error::Conflict(_) => Status::Conflict,
        Error::Precondition(_) => Status::PreconditionFailed,
        Error::TooLarge(_) => Status::PayloadTooLarge,
        Error::Unsupported(_) => Status::UnsupportedMediaType,
        Error::Limited(_) | Error::UpstreamLimited(_) | Error::TooMany(_) => {
            Status::TooManyRequests
        }
        Error::Upstream(..) => Status::BadGateway,
        Error::Unavailable(_) | Error::UpstreamPaused(_) => Status::ServiceUnavailable,
        Error::UpstreamTimeout(_) => Status::GatewayTimeout,
        Error::StorageFull => Status::InsufficientStorage,
        Error::Internal(_) => Status::InternalServerError,
    }
}

impl From<NotASnowflake> for Error {
    fn from(_: NotASnowflake) -> Self {
        Self::BAD_REQUEST
    }
}

impl<'r> Responder<'r, 'static> for Error {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        answer(&self, request)
    }
}

/// The answer to an error. The cause goes to the log, with the id that the answer names.
fn answer(error: &Error, request: &Request<'_>) -> response::Result<'static> {
    let status = status(error);
    let cause = std::error::Error::source(error).map(ToString::to_string);
    match error {
        Error::Internal(_) => {
            tracing::error!(request_id = request_id(request), cause, "{error}");
        }
        Error::Upstream(..) | Error::UpstreamTimeout(_) => {
            tracing::warn!(request_id = request_id(request), cause, "{error}");
        }
        _ => {}
    }
    let message = match error {
        Error::Internal(_) => format!("internal error, request {}", request_id(request)),
        other => other.to_string(),
    };
    let asked = match error {
        Error::UpstreamLimited(wait) => Some(*wait),
        _ => None,
    };
    let mut answer = render_fault(status, &message, asked, request)?;
    match error {
        Error::Limited(wait) | Error::UpstreamLimited(wait) | Error::UpstreamPaused(wait) => {
            answer.set_header(retry_after(*wait))
        }
        Error::Unavailable(_) => answer.set_header(Header::new("Retry-After", "5")),
        Error::TooMany(_) => answer.set_header(Header::new("Retry-After", "60")),
        Error::Unauthorized => {
            // A name no browser knows: it must not keep and send the credential by itself.
            answer.set_header(Header::new("WWW-Authenticate", "xBasic realm=\"api\""))
        }
        _ => false,
    };
    Ok(answer)
}

/// Whole seconds, rounded up, so that nobody comes back too early.
fn retry_after(wait: Duration) -> Header<'static> {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Header::new("Retry-After", seconds.max(1).to_string())
}

/// A person who opened a page gets a page, everybody else JSON. Contract 1.
pub(super) fn render_message(
    status: Status,
    message: &str,
    request: &Request<'_>,
) -> response::Result<'static> {
    render_fault(status, message, None, request)
}

fn render_fault(
    status: Status,
    message: &str,
    wait: Option<Duration>,
    request: &Request<'_>,
) -> response::Result<'static> {
    if is_navigation(request)
        && let Ok(html) = (ErrorPage { status, message }).render()
    {
        return Response::build()
            .status(status)
            .header(ContentType::HTML)
            .raw_header("Content-Security-Policy", CONTENT_POLICY)
            .sized_body(html.len(), std::io::Cursor::new(html))
            .ok();
    }
    if is_of_sessions(request) {
        let error = message.to_owned();
        return respond(status, &FlatBody { error });
    }
    let fault = Fault {
        code: status.code,
        message: message.to_owned(),
        // To the millisecond, and no sooner than it is meant.
        retry_after: wait.map(|wait| (wait.as_secs_f64() * 1000.0).ceil() / 1000.0),
    };
    respond(status, &Body { error: fault })
}

fn is_navigation(request: &Request<'_>) -> bool {
    let is_page = matches!(
        request.uri().path().as_str(),
        "/" | "/login" | "/login/authorize"
    );
    let wants_html = request
        .headers()
        .get_one("Accept")
        .is_some_and(|accepted| accepted.contains("text/html"));
    is_page && wants_html
}

/// Answers whatever no route has answered: failed guards, unknown paths, wrong methods, panics.
pub(super) fn catcher() -> Catcher {
    Catcher::new(None, handle)
}

fn handle<'r>(status: Status, request: &'r Request<'_>) -> BoxFuture<'r> {
    Box::pin(async move { render(status, request) })
}

fn render(status: Status, request: &Request<'_>) -> response::Result<'static> {
    let failure: &Failure = request.local_cache(|| Failure(None));
    if let Some(error) = &failure.0 {
        return answer(error, request);
    }
    match status.code {
        404 => {
            let allowed = allowed_methods(request);
            if allowed.is_empty() {
                return render_message(status, "not found", request);
            }
            let mut answer =
                render_message(Status::MethodNotAllowed, "method not allowed", request)?;
            answer.set_raw_header("Allow", allowed);
            Ok(answer)
        }
        // Rocket's own words for input it cannot read; ours are 400.
        400 | 422 => answer(&Error::BAD_REQUEST, request),
        413 => render_message(status, "the body is too large", request),
        415 => render_message(status, "the body must be application/json", request),
        500 => answer(&Error::internal("a handler panicked"), request),
        _ => render_message(status, &status.reason_lossy().to_lowercase(), request),
    }
}
