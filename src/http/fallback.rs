//! What stands under `/api` and `/botapi` but is no route: the caller is authenticated and charged all the same,
//! then told 404, or 405 with what would work. Contract 3. A preflight is no such thing, see `cors`.

use rocket::http::{Method, Status};
use rocket::request::FromRequest;
use rocket::route::{Handler, Outcome, Route};
use rocket::{Data, Request};

use super::cors::preflight;
use super::error::{self, fail};
use super::guards::Caller;
use super::methods::{FALLBACK_RANK, allowed_methods};
use super::sessions::PlayerCaller;
use crate::error::Error;

/// One for each method that Rocket routes by itself; and `HEAD` of the callbacks, which Rocket
/// would take for a `GET`: that makes a token, and its answer must be seen.
pub(super) fn routes() -> Vec<Route> {
    let methods = [
        Method::Get,
        Method::Post,
        Method::Put,
        Method::Patch,
        Method::Delete,
        Method::Options,
    ];
    let unknown =
        methods.map(|method| Route::ranked(FALLBACK_RANK, method, "/api/<path..>", Unknown));
    // There each method but one is wrong, and the answer of none may be left out.
    let wrong = methods.into_iter().chain([Method::Head]);
    let wrong = wrong.filter(|method| *method != Method::Get);
    let wrong =
        wrong.map(|method| Route::ranked(FALLBACK_RANK, method, "/botapi/<path..>", Unknown));
    let callbacks = ["/token/authorize", "/login/authorize"];
    let heads = callbacks.map(|path| Route::ranked(FALLBACK_RANK, Method::Head, path, NoHead));
    unknown.into_iter().chain(wrong).chain(heads).collect()
}

#[derive(Clone)]
struct NoHead;

#[rocket::async_trait]
impl Handler for NoHead {
    async fn handle<'r>(&self, _: &'r Request<'_>, _: Data<'r>) -> Outcome<'r> {
        Outcome::Error(Status::NotFound)
    }
}

#[derive(Clone)]
struct Unknown;

#[rocket::async_trait]
impl Handler for Unknown {
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r> {
        if let Some(answer) = preflight(request) {
            return answer;
        }
        let is_known = if error::is_of_sessions(request) {
            PlayerCaller::from_request(request).await.is_success()
        } else {
            Caller::from_request(request).await.is_success()
        };
        // A wrong method is passed on to the catcher, which knows the right ones.
        if is_known && allowed_methods(request).is_empty() {
            let _left_for_the_catcher = fail::<()>(request, Error::NotFound("not found"));
        }
        Outcome::Error(Status::NotFound)
    }
}
