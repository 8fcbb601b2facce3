//! Which methods a path has, for the 405 that names them: Rocket answers a wrong method with 404.

use rocket::Request;
use rocket::http::Method;
use rocket::route::Route;

/// The rank of routes that answer for paths without one: they do not count as routes of a path.
pub(super) const FALLBACK_RANK: isize = 100;

/// The methods that the request's path has routes for, as the `Allow` header lists them.
pub(super) fn allowed_methods(request: &Request<'_>) -> String {
    let path = request.uri().path().as_str();
    let fits = |route: &&Route| matches_path(route.uri.path(), path);
    let (ours, others): (Vec<&Route>, Vec<&Route>) = request
        .rocket()
        .routes()
        .filter(fits)
        .partition(|route| route.rank != FALLBACK_RANK);
    let mut methods: Vec<&str> = ours.iter().map(|route| route.method.as_str()).collect();
    let has_no_head = others.iter().any(|route| route.method == Method::Head);
    if methods.contains(&"GET") && !has_no_head {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

/// Whether a path fits a route's, in which `<name>` stands for one segment and `<name..>` for all that
/// are left.
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
            // Any number of segments, none as well.
            (Some(expected), _) if expected.ends_with("..>") => return true,
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
        for any in ["/botapi", "/botapi/", "/botapi/a", "/botapi/a//b"] {
            assert!(matches_path("/botapi/<endpoint..>", any), "{any}");
        }
        for other in ["/api/logs", "/api/logs/", "/api/logs/1/2", "/api/stats/1"] {
            assert!(!matches_path("/api/logs/<guild>", other), "{other}");
        }
    }
}
