//! Discord's REST interface, version 10.
//!
//! [`routes`] are mounted by the HTTP server; handlers read and change the
//! shared state and answer in Discord's JSON.

mod actor;
mod application;
mod body;
mod caller;
mod channels;
mod commands;
mod emojis;
mod files;
mod gateway;
mod guilds;
mod interactions;
mod members;
mod messages;
mod roles;
mod soundboard;
mod users;
mod voice;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};

use crate::state::Shared;

/// The largest request, files included, in bytes.
const LARGEST_REQUEST: usize = 25 * 1024 * 1024;

/// The routes, relative to `/api` and `/api/v10`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    resources()
        .merge(application::routes())
        .merge(members::routes())
        .merge(messages::routes())
        .merge(voice::routes())
        .merge(channels::routes())
        .merge(emojis::routes())
        .merge(roles::routes())
        .merge(soundboard::routes())
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
}

/// The routes of what Discord serves from `https://cdn.discordapp.com`, relative to the root.
pub(crate) fn file_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/attachments/{channel}/{attachment}/{name}",
            get(files::attachment),
        )
        .route("/emojis/{file}", get(files::emoji))
        .route("/soundboard-sounds/{sound}", get(files::sound))
}

fn resources() -> Router<Arc<Shared>> {
    Router::new()
        .route("/gateway", get(gateway::url))
        .route("/gateway/bot", get(gateway::url_for_bot))
        .route("/users/@me", get(users::me))
        .route("/users/@me/channels", post(users::open_direct))
        .route("/users/@me/guilds", get(users::my_guilds))
        .route("/users/@me/guilds/{guild}", delete(users::leave_guild))
        .route("/users/@me/guilds/{guild}/member", get(users::my_member))
        .route("/users/{user}", get(users::user))
        .route("/oauth2/@me", get(users::authorization))
        .route("/guilds/{guild}", get(guilds::guild).patch(guilds::edit))
        .route("/guilds/{guild}/audit-logs", get(guilds::audit_log))
        .route("/guilds/{guild}/preview", get(guilds::preview))
        .route(
            "/applications/{application}/commands",
            get(commands::list)
                .post(commands::create)
                .put(commands::replace),
        )
        .route(
            "/applications/{application}/commands/{command}",
            get(commands::get)
                .patch(commands::edit)
                .delete(commands::delete),
        )
        .route(
            "/applications/{application}/guilds/{guild}/commands",
            get(commands::list_in_guild)
                .post(commands::create_in_guild)
                .put(commands::replace_in_guild),
        )
        .route(
            "/applications/{application}/guilds/{guild}/commands/{command}",
            get(commands::get_in_guild)
                .patch(commands::edit_in_guild)
                .delete(commands::delete_in_guild),
        )
        .route(
            "/interactions/{interaction}/{token}/callback",
            post(interactions::callback),
        )
        .route(
            "/webhooks/{application}/{token}",
            post(interactions::follow_up),
        )
        .route(
            "/webhooks/{application}/{token}/messages/{message}",
            get(interactions::get)
                .patch(interactions::edit)
                .delete(interactions::delete),
        )
}
