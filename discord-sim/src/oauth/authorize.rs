//! The authorize page: which user agrees, for which guild, and the way back to the application.
//!
//! What is wrong with the application or its redirect address is shown here and never sent
//! there; everything else is reported to the application.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::request::{Install, Refusal, Request, SCOPES, extend, read};
use crate::error::SimError;
use crate::page::{self, escape};
use crate::state::grants::Consent;
use crate::state::{EventKind, Shared};
use crate::world::User;

/// Who agrees, and for which guild: what a choice on the page adds to its address, so that a
/// test can be the one who chooses.
const PERSON: &str = "login_hint";
const GUILD: &str = "guild_hint";

/// `GET /oauth2/authorize`
pub(super) async fn page(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    match answer(&shared, &query) {
        Ok(response) => response,
        Err(Refusal::Sent(location)) => redirect(&location),
        Err(Refusal::Shown(reason)) => refuse(reason),
    }
}

fn answer(shared: &Shared, query: &str) -> Result<Response, Refusal> {
    let request = read(shared, query)?;
    let hint = |wanted: &str| {
        let mut fields = form_urlencoded::parse(query.as_bytes());
        fields
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value)
    };
    let person = hint(PERSON).and_then(|name| {
        let found = |state: &crate::state::State| state.find_user_named(&name).cloned();
        shared.read(found).filter(|user| !user.bot)
    });
    let Some(person) = person else {
        return Ok(show_people(shared, &request, query));
    };
    let Some(install) = request.install else {
        return Ok(approve(shared, &request, &person, None));
    };
    let chosen = hint(GUILD).and_then(|id| id.parse().ok());
    match chosen.or(install.guild.filter(|_| install.is_fixed)) {
        Some(guild) if install.is_fixed && install.guild.is_some_and(|only| only != guild) => {
            Err(Refusal::Shown("Another server was asked for."))
        }
        Some(guild) => {
            add_to_guild(shared, &request, install, &person, guild)?;
            Ok(approve(shared, &request, &person, Some(guild)))
        }
        None => Ok(show_guilds(shared, &request, install, &person, query)),
    }
}

/// Adds the bot to the guild that was chosen, if one was asked for.
fn add_to_guild(
    shared: &Shared,
    request: &Request,
    install: Install,
    person: &User,
    guild: u64,
) -> Result<(), Refusal> {
    const NOT_YOURS: &str = "You may not add applications to this server.";
    let done = shared.change(|state| {
        if install.with_bot {
            return state.install_bot(request.application, guild, person.id, install.permissions);
        }
        let mut guilds = state.guilds_to_install_in(person.id);
        let found = guilds.find(|entry| entry.id == guild);
        found.map(|_| ()).ok_or(SimError::Forbidden)
    });
    done.map_err(|error| match error {
        SimError::Banned { .. } => Refusal::Shown("The bot is banned from this server."),
        _ => Refusal::Shown(NOT_YOURS),
    })
}

/// Gives the application a code for this user, and leads back to it.
fn approve(shared: &Shared, request: &Request, person: &User, guild: Option<u64>) -> Response {
    let line = format!(
        "{} authorised {}",
        person.username, request.application_name
    );
    let Some(redirect_uri) = &request.redirect_uri else {
        shared.change(|state| state.note(EventKind::Member, line));
        return authorized(&request.application_name);
    };
    let code = shared.change(|state| {
        let now_ms = state.now_ms();
        let consent = Consent {
            application: request.application,
            user: person.id,
            scopes: request.scopes.clone(),
            guild: guild.filter(|_| request.install.is_some_and(|install| install.with_bot)),
        };
        state.note(EventKind::Member, line);
        let challenge = request.challenge.clone();
        state
            .grants
            .issue_code(consent, redirect_uri, challenge, now_ms)
    });
    let guild = guild.map(|id| id.to_string());
    let permissions = request
        .install
        .map(|install| install.permissions.to_string());
    let mut fields = vec![("code", code.as_str())];
    fields.extend(request.state.as_deref().map(|state| ("state", state)));
    fields.extend(guild.as_deref().map(|id| ("guild_id", id)));
    fields.extend(permissions.as_deref().map(|bits| ("permissions", bits)));
    redirect(&extend(redirect_uri, &fields))
}

/// Asks who one is.
fn show_people(shared: &Shared, request: &Request, query: &str) -> Response {
    let users = shared.read(|state| state.humans().cloned().collect::<Vec<_>>());
    let choices = users.iter().map(|user| {
        let (name, username) = (escape(user.display_name()), escape(&user.username));
        let label = format!("Continue as {name} <span class=\"small\">@{username}</span>");
        choice(query, (PERSON, &user.username), &label)
    });
    let wishes = SCOPES
        .iter()
        .filter(|(scope, _)| request.scopes.iter().any(|s| s == scope));
    let wishes = wishes
        .map(|(_, wish)| *wish)
        .collect::<Vec<_>>()
        .join("</li><li>");
    let name = escape(&request.application_name);
    let explained = format!(
        "<h1>{name} wants to access your account</h1>\n\
         <p class=\"faint small\">This is a simulated Discord. Choose who you are.</p>\n\
         <p>{name} will be able to</p>\n<ul><li>{wishes}</li></ul>\n"
    );
    show(request, &explained, &choices.collect::<String>())
}

/// Asks for a guild.
fn show_guilds(
    shared: &Shared,
    request: &Request,
    install: Install,
    person: &User,
    query: &str,
) -> Response {
    let mut guilds = shared.read(|state| {
        let guilds = state.guilds_to_install_in(person.id);
        guilds
            .map(|guild| (guild.id, guild.name.clone()))
            .collect::<Vec<_>>()
    });
    // The one that is asked for comes first.
    guilds.sort_by_key(|(id, _)| Some(*id) != install.guild);
    let choices = guilds.iter().map(|(id, name)| {
        let label = format!("Add to {}", escape(name));
        choice(query, (GUILD, &id.to_string()), &label)
    });
    let name = escape(&request.application_name);
    let explained = if guilds.is_empty() {
        "<h1>Add to a server</h1>\n<p>There is no server that you may manage.</p>\n".to_owned()
    } else {
        format!("<h1>Add {name} to a server</h1>\n<p>Choose one that you may manage.</p>\n")
    };
    show(request, &explained, &choices.collect::<String>())
}

fn show(request: &Request, explained: &str, choices: &str) -> Response {
    let way_back = request.redirect_uri.as_ref().map(|redirect_uri| {
        let mut denied = vec![
            ("error", "access_denied"),
            (
                "error_description",
                "The resource owner or authorization server denied the request",
            ),
        ];
        denied.extend(request.state.as_deref().map(|state| ("state", state)));
        let cancel = escape(&extend(redirect_uri, &denied));
        let back = escape(redirect_uri);
        let cancel = format!("<li><a class=\"button quiet\" href=\"{cancel}\">Cancel</a></li>\n");
        let told = format!("<p class=\"faint small\">You will return to <code>{back}</code></p>\n");
        (cancel, told)
    });
    let (cancel, told) = way_back.unwrap_or_default();
    let body = format!(
        "<main class=\"card narrow\">\n{explained}\
         <ul class=\"choices\">\n{choices}{cancel}</ul>\n{told}</main>"
    );
    let title = format!("Authorize {}", request.application_name);
    page::render(StatusCode::OK, &title, &body)
}

/// A link, not a form: the form-action policy would have to name the application's address.
fn choice(query: &str, (field, value): (&str, &str), label: &str) -> String {
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != field);
    let href = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair(field, value)
        .finish();
    let href = escape(&format!("?{href}"));
    format!("<li><a class=\"button\" rel=\"nofollow\" href=\"{href}\">{label}</a></li>\n")
}

fn authorized(application: &str) -> Response {
    let body = format!(
        "<main class=\"card narrow\">\n<h1>Authorized</h1>\n\
         <p>{} was added. This page can be closed.</p>\n</main>",
        escape(application)
    );
    page::render(StatusCode::OK, "Authorized", &body)
}

fn refuse(reason: &str) -> Response {
    let body = format!(
        "<main class=\"card narrow\">\n<h1>This cannot be authorized</h1>\n<p>{}</p>\n</main>",
        escape(reason)
    );
    page::render(StatusCode::BAD_REQUEST, "Invalid authorization", &body)
}

fn redirect(location: &str) -> Response {
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (StatusCode::FOUND, headers).into_response()
}
