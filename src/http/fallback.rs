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

/// One for each method that Rocket routes by itself.
pub(super) fn routes() -> Vec<Route> {
    [
        Method::Get,
        Method::Post,
        Method::Put,
        Method::Patch,
        Method::Delete,
        Method::Options,
    ]
    .into_iter()
    .map(|method| Route::ranked(RANK, method, "/api/<path..>", Unknown))
    .collect()
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
    let mut methods: Vec<&str> = request
        .rocket()
        .routes()
        .filter(|route| route.rank != RANK)
        .filter(|route| matches_path(route.uri.path(), request.uri().path().as_str()))
        .map(|route| route.method.as_str())
        .collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

/// Whether a path fits a route's, in which `<name>` stands for one segment.
fn matches_path(route: &str, path: &str) -> bool {
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
        for other in ["/api/logs", "/api/logs/", "/api/logs/1/2", "/api/stats/1"] {
            assert!(!matches_path("/api/logs/<guild>", other), "{other}");
        }
    }
}
