//! The document of the API, OpenAPI 3.1, made from the routes: `GET /api/openapi.json`, the page
//! `/docs` that shows it, and `yuri openapi`. Contract 7.
//!
//! A route's entry stands above it: `#[utoipa::path(..)]` with its method, its path with `{guild}`
//! for `<guild>`, a tag of those below, its parameters and its body, what it answers, and of its
//! failures those that are its own. [`rules`] adds what holds for all routes alike: the form of
//! failures, the statuses of guards, the headers. Then the route is named in `paths` below; a test
//! compares them with what is mounted. What it sends and takes derives `ToSchema`; a schema is
//! called like its type, so no two types of the document may have one name.

mod page;
mod rules;
mod schemas;

use std::sync::OnceLock;

use rocket::http::ContentType;
use rocket::{State, get};
use utoipa::OpenApi;

pub(super) use page::*;
pub(super) use schemas::{
    Binary, Discords, GuildPath, Instant, Number, NumberPath, one_of, one_of_or_null,
};

use super::{
    admin, auth, botapi, commands, error, fast_trigger, favourites, guild, guild_data, health,
    library, live, login, media, page as ui, player, plays, roles, sessions, sounds, tokens, users,
};
use crate::error::Error;
use rules::Rules;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Yuri",
        description = "A Discord sound bot. Failures have one form, `Error`, and `FlatError` at the \
            routes of `sessions`; a method that a path does not have is 405, and `Allow` names those it has; a path that is not here is 404."
    ),
    security(("basic" = []), ("token" = [], "userid" = []), ("bearer" = [])),
    tags(
        (name = "login", description = "With Discord, for tokens and sessions."),
        (name = "tokens", description = "The caller's API tokens and sessions."),
        (name = "sessions", description = "For any bot, by its token: `docs/sessions.md`."),
        (name = "users", description = "The caller."),
        (name = "plays", description = "What was played."),
        (name = "sounds", description = "The library: the operator's sounds and each guild's own."),
        (name = "player", description = "A guild's player."),
        (name = "guilds", description = "What a guild has chosen."),
        (name = "dashboards", description = "What Discord knows of a guild: `docs/dashboard.md`."),
        (name = "favourites", description = "What the caller likes and has chosen."),
        (name = "administration", description = "For administrators of this installation."),
        (name = "live", description = "What happens, at once: `docs/events.md`."),
        (name = "server", description = "For supervisors, and about the server itself."),
        (name = "pages", description = "For browsers.")
    ),
    components(schemas(error::Body, error::FlatBody)),
    modifiers(&Rules),
    paths(
        login::start_token,
        login::finish_token,
        login::start_login,
        login::finish_login,
        login::logout,
        auth::exchange_code,
        auth::renew_token,
        sessions::log_in_bot,
        sessions::log_out_bot,
        sessions::list_bot_members,
        sessions::list_bot_channels,
        sessions::list_bot_messages,
        users::get_me,
        users::list_my_guilds,
        tokens::create_token,
        tokens::list_tokens,
        tokens::revoke_token,
        plays::list_plays,
        plays::list_stats,
        sounds::list_sounds,
        library::list_library,
        library::get_sound,
        library::upload::upload_sound,
        library::bulk::upload_archive,
        library::export::export_sounds,
        library::changes::change_sound,
        library::changes::delete_sound,
        library::changes::list_deleted,
        library::changes::restore_sound,
        media::get_media,
        player::get_player,
        player::play_sound,
        player::stop_player,
        player::skip_sound,
        player::join_channel,
        player::leave_channel,
        player::set_volume,
        guild::get_guild,
        guild::change_guild,
        guild_data::list_channels,
        guild_data::list_guild_roles,
        guild_data::list_members,
        guild_data::get_member,
        guild_data::send_message,
        botapi::ask,
        commands::list_commands,
        commands::get_command,
        commands::create_command,
        commands::change_command,
        commands::delete_command,
        favourites::list_favourites,
        favourites::add_favourite,
        favourites::remove_favourite,
        fast_trigger::get_fast_trigger,
        fast_trigger::choose_fast_trigger,
        admin::list_logs,
        admin::show_stats,
        admin::show_sound_stats,
        roles::list_roles,
        roles::create_role,
        roles::delete_role,
        roles::list_users,
        roles::give_role,
        roles::take_role,
        live::stream_events,
        live::open_socket,
        live::receive_packets,
        live::send_packets,
        health::alive,
        health::ready,
        health::version,
        health::show_info,
        get_document,
        show_docs,
        serve_docs_file,
        ui::show_board,
        ui::serve_asset,
    )
)]
struct Routes;

/// The document, as JSON.
///
/// # Errors
/// Where it cannot be written as JSON, which no request can bring about.
pub fn document() -> Result<String, Error> {
    Routes::openapi().to_pretty_json().map_err(Error::internal)
}

/// The document, made when it is first asked for.
#[derive(Default)]
pub(super) struct Document(OnceLock<String>);

impl Document {
    fn get(&self) -> Result<&str, Error> {
        if let Some(made) = self.0.get() {
            return Ok(made);
        }
        let made = document()?;
        Ok(self.0.get_or_init(|| made))
    }
}

/// This document. Costs no rate token.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "server",
    security(()),
    responses((status = 200, description = "The document", body = Object)),
)]
#[get("/api/openapi.json")]
pub(super) fn get_document(document: &State<Document>) -> Result<(ContentType, &str), Error> {
    Ok((ContentType::JSON, document.get()?))
}
