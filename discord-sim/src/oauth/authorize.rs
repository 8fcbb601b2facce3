//! The authorize page: which user agrees, and the way back to the application.
//!
//! What is wrong with the application or its redirect address is shown here and never sent
//! there; everything else is reported to the application.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::page::{self, escape};
use crate::state::EventKind;
use crate::state::Shared;
use crate::state::grants::Consent;
use crate::world::User;

/// The scopes a person can agree to here.
const SCOPES: [(&str, &str); 6] = [
    ("identify", "know your name and picture"),
    ("email", "know your email address"),
    ("guilds", "know which servers you are in"),
    (
        "guilds.members.read",
        "know your nickname and roles in your servers",
    ),
    ("connections", "know your connected accounts"),
    ("openid", "confirm who you are"),
];
/// The length of a SHA-256 hash in base64 without padding.
const CHALLENGE_LENGTH: usize = 43;

/// A request that may be shown to a user.
struct Request {
    application: u64,
    application_name: String,
    redirect_uri: String,
    scopes: Vec<String>,
    state: Option<String>,
    challenge: Option<String>,
}

/// Why there is nothing to agree to.
enum Refusal {
    /// Shown to the user: the application cannot be trusted to be told.
    Shown(&'static str),
    /// Sent back to the application.
    Sent(String),
}

/// `GET /oauth2/authorize`
pub(super) async fn page(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let request = match read(&shared, &query) {
        Ok(request) => request,
        Err(Refusal::Sent(location)) => return redirect(&location),
        Err(Refusal::Shown(reason)) => return refuse(reason),
    };
    let hint = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "login_hint");
    if let Some(location) = hint.and_then(|(_, name)| approve(&shared, &request, &name)) {
        return redirect(&location);
    }
    show(&shared, &request, &query)
}

fn read(shared: &Shared, query: &str) -> Result<Request, Refusal> {
    let mut fields = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if fields.insert(name, value).is_some() {
            return Err(Refusal::Shown("A parameter was given more than once."));
        }
    }
    let field = |name: &str| fields.get(name).map(AsRef::as_ref);
    let client = field("client_id").and_then(|id| id.parse().ok());
    let (application, name, redirect_uris) = shared
        .read(|state| {
            let found = state.find_application(client?)?;
            Some((found.id, found.name.clone(), found.redirect_uris.clone()))
        })
        .ok_or(Refusal::Shown("Unknown application."))?;
    let redirect_uri = field("redirect_uri")
        .filter(|uri| redirect_uris.iter().any(|registered| registered == uri))
        .ok_or(Refusal::Shown("Invalid OAuth2 redirect_uri."))?;
    let state = field("state").map(str::to_owned);
    let refuse = |error, description| {
        let mut fields = vec![("error", error), ("error_description", description)];
        fields.extend(state.as_deref().map(|state| ("state", state)));
        Refusal::Sent(extend(redirect_uri, &fields))
    };
    if field("response_type") != Some("code") {
        let description = "The authorization server does not support this response type";
        return Err(refuse("unsupported_response_type", description));
    }
    let scopes = field("scope").unwrap_or_default().split_whitespace();
    let scopes = scopes.map(str::to_owned).collect::<Vec<_>>();
    let known = |scope: &String| SCOPES.iter().any(|(name, _)| name == scope);
    if scopes.is_empty() || !scopes.iter().all(known) {
        let description = "The requested scope is invalid, unknown, or malformed.";
        return Err(refuse("invalid_scope", description));
    }
    let challenge = field("code_challenge").map(str::to_owned);
    let method = field("code_challenge_method");
    let sound = match &challenge {
        Some(challenge) => method == Some("S256") && challenge.len() == CHALLENGE_LENGTH,
        None => method.is_none(),
    };
    if !sound {
        let description = "Only code_challenge with code_challenge_method S256 is supported.";
        return Err(refuse("invalid_request", description));
    }
    let redirect_uri = redirect_uri.to_owned();
    Ok(Request {
        application,
        application_name: name,
        redirect_uri,
        scopes,
        state,
        challenge,
    })
}

/// Gives the application a code for this user; the way back to it.
fn approve(shared: &Shared, request: &Request, username: &str) -> Option<String> {
    let code = shared.change(|state| {
        let user = state.find_user_named(username).filter(|user| !user.bot)?.id;
        let now_ms = state.now_ms();
        let consent = Consent {
            application: request.application,
            user,
            scopes: request.scopes.clone(),
        };
        let challenge = request.challenge.clone();
        state.note(
            EventKind::Member,
            format!("{username} authorised {}", request.application_name),
        );
        Some(
            state
                .grants
                .issue_code(consent, &request.redirect_uri, challenge, now_ms),
        )
    })?;
    let mut fields = vec![("code", code.as_str())];
    fields.extend(request.state.as_deref().map(|state| ("state", state)));
    Some(extend(&request.redirect_uri, &fields))
}

fn show(shared: &Shared, request: &Request, query: &str) -> Response {
    let users = shared.read(|state| state.humans().cloned().collect::<Vec<_>>());
    let choices = users
        .iter()
        .map(|user| choice(user, query))
        .collect::<String>();
    let wishes = SCOPES
        .iter()
        .filter(|(scope, _)| request.scopes.iter().any(|s| s == scope));
    let wishes = wishes
        .map(|(_, wish)| *wish)
        .collect::<Vec<_>>()
        .join("</li><li>");
    let mut denied = vec![
        ("error", "access_denied"),
        (
            "error_description",
            "The resource owner or authorization server denied the request",
        ),
    ];
    denied.extend(request.state.as_deref().map(|state| ("state", state)));
    let cancel = escape(&extend(&request.redirect_uri, &denied));
    let name = escape(&request.application_name);
    let back = escape(&request.redirect_uri);
    let body = format!(
        "<main class=\"card narrow\">\n\
         <h1>{name} wants to access your account</h1>\n\
         <p class=\"faint small\">This is a simulated Discord. Choose who you are.</p>\n\
         <p>{name} will be able to</p>\n<ul><li>{wishes}</li></ul>\n\
         <ul class=\"choices\">\n{choices}\
         <li><a class=\"button quiet\" href=\"{cancel}\">Cancel</a></li>\n</ul>\n\
         <p class=\"faint small\">You will return to <code>{back}</code></p>\n</main>"
    );
    page::render(
        StatusCode::OK,
        &format!("Authorize {}", request.application_name),
        "",
        &body,
    )
}

/// A link, not a form: the form-action policy would have to name the application's address.
fn choice(user: &User, query: &str) -> String {
    let hint = form_urlencoded::Serializer::new(String::new())
        .append_pair("login_hint", &user.username)
        .finish();
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "login_hint");
    let others = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .finish();
    let href = escape(&format!("?{others}&{hint}"));
    let (name, username) = (escape(user.display_name()), escape(&user.username));
    format!(
        "<li><a class=\"button\" rel=\"nofollow\" href=\"{href}\">Continue as {name} \
         <span class=\"small\">@{username}</span></a></li>\n"
    )
}

fn refuse(reason: &str) -> Response {
    let body = format!(
        "<main class=\"card narrow\">\n<h1>This cannot be authorized</h1>\n<p>{}</p>\n</main>",
        escape(reason)
    );
    page::render(StatusCode::BAD_REQUEST, "Invalid authorization", "", &body)
}

/// The address with fields added to its query.
fn extend(uri: &str, fields: &[(&str, &str)]) -> String {
    let joint = if uri.contains('?') { '&' } else { '?' };
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    format!("{uri}{joint}{query}")
}

fn redirect(location: &str) -> Response {
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (StatusCode::FOUND, headers).into_response()
}
