//! What stands under `/api` but is no route: the caller is authenticated and charged all the same,
//! then told 404, or 405 with what would work. Contract 3.

use rocket::http::{Method, Status};
use rocket::request::FromRequest;
use rocket::route::{Handler, Outcome, Route};
use rocket::{Data, Request};

use super::error::fail;
use super::guards::Caller;
use crate::error::Error;

/// After every other route.
const RANK: isize = 100;

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
    let unknown = methods.map(|method| Route::ranked(RANK, method, "/api/<path..>", Unknown));
    let callbacks = ["/token/authorize", "/login/authorize"];
    let heads = callbacks.map(|path| Route::ranked(RANK, Method::Head, path, NoHead));
    unknown.into_iter().chain(heads).collect()
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
        // A wrong method is passed on to the catcher, which knows the right ones.
        if Caller::from_request(request).await.is_success() && allowed_methods(request).is_empty() {
            let _left_for_the_catcher = fail::<()>(request, Error::NotFound("not found"));
        }
        Outcome::Error(Status::NotFound)
    }
}

/// The methods that the request's path has routes for, as the `Allow` header lists them.
pub(super) fn allowed_methods(request: &Request<'_>) -> String {
    let path = request.uri().path().as_str();
    let fits = |route: &&Route| matches_path(route.uri.path(), path);
    let (ours, others): (Vec<&Route>, Vec<&Route>) = request
        .rocket()
        .routes()
        .filter(fits)
        .partition(|route| route.rank != RANK);
    let mut methods: Vec<&str> = ours.iter().map(|route| route.method.as_str()).collect();
    let has_no_head = others.iter().any(|route| route.method == Method::Head);
    if methods.contains(&"GET") && !has_no_head {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

/// Whether a path fits a route's, in which `<name>` stands for one segment.
fn matches_path(route: &str, path: &str) -> bool {
    // A slash at the end makes no difference to Rocket.
    let path = path
        .strip_suffix('/')
        .filter(|bare| !bare.is_empty())
        .unwrap_or(path);
    let (mut route, mut path) = (route.split('/'), path.split('/'));
    loop {
        match (route.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(segment)) => {
                let is_parameter = expected.starts_with('<') && !segment.is_empty();
                if !is_parameter && expected != segment {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches_path;

    #[test]
    fn a_parameter_stands_for_one_segment() {
        assert!(matches_path("/api/logs/<guild>", "/api/logs/1"));
        assert!(matches_path("/", "/"));
        assert!(
            matches_path("/api/logs/<guild>", "/api/logs/1/"),
            "like Rocket does"
        );
        for other in ["/api/logs", "/api/logs/", "/api/logs/1/2", "/api/stats/1"] {
            assert!(!matches_path("/api/logs/<guild>", other), "{other}");
        }
    }
}
