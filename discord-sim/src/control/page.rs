//! The page at `/`, by which people look at everything and do things by hand.
//!
//! It is the same files for everyone: all it shows comes from the addresses below `/sim/`, and
//! becomes text in the browser. Its policy allows nothing that is not one of these files.

use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse, Response};

use super::answer::{Answered, Refused};

const INDEX: &str = include_str!("page/index.html");

/// Nothing from elsewhere, nothing inline, and no text that is read as HTML or as a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self' data:; media-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The files that the page is made of: name, media type and content.
const FILES: [(&str, &str, &str); 11] = [
    ("control.css", CSS, include_str!("page/control.css")),
    ("bots.js", SCRIPT, include_str!("page/bots.js")),
    ("chat.js", SCRIPT, include_str!("page/chat.js")),
    ("commands.js", SCRIPT, include_str!("page/commands.js")),
    ("components.js", SCRIPT, include_str!("page/components.js")),
    ("dom.js", SCRIPT, include_str!("page/dom.js")),
    ("log.js", SCRIPT, include_str!("page/log.js")),
    ("main.js", SCRIPT, include_str!("page/main.js")),
    ("members.js", SCRIPT, include_str!("page/members.js")),
    ("voice.js", SCRIPT, include_str!("page/voice.js")),
    ("world.js", SCRIPT, include_str!("page/world.js")),
];

/// `GET /`
pub(super) async fn show() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(INDEX)).into_response()
}

/// `GET /sim/page/{file}`
pub(super) async fn file(Path(name): Path<String>) -> Answered<Response> {
    let found = FILES.iter().find(|(file, _, _)| *file == name);
    let missing = || Refused::not_found(format!("the page has no file {name}"));
    let (_, kind, content) = found.ok_or_else(missing)?;
    let headers = [
        (header::CONTENT_TYPE, *kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, *content).into_response())
}
