//! The simulator's own interface: JSON under `/sim/` and a page at `/`.
//!
//! What the library offers to tests, for people, scripts and other languages.

mod accounts;
mod answer;
mod commands;
mod gateway;
mod guilds;
mod heard;
mod limits;
mod listen;
mod look;
mod names;
mod page;
mod seats;
mod wait;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, delete, get, patch, post, put};

use crate::page as frame;
use crate::state::Shared;
use crate::stop::Stop;

/// The routes, relative to the root.
pub(crate) fn routes(stop: Stop) -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(page::show))
        .route(frame::STYLE_PATH, get(frame::style))
        .route("/sim/state", get(look::state))
        .route(
            "/sim/requests",
            get(look::requests).delete(look::clear_requests),
        )
        .route("/sim/events", get(look::events))
        .route(
            "/sim/limits",
            get(limits::show).post(limits::set).delete(limits::restore),
        )
        .route("/sim/limits/exhausted", post(limits::exhaust))
        .route("/sim/clock", get(look::clock).post(look::advance))
        .route("/sim/commands", get(commands::list))
        .route("/sim/wait/ready", get(wait::ready))
        .route("/sim/wait/command", get(wait::command))
        .route("/sim/gateway/interruptions", post(gateway::interrupt))
        .route(
            "/sim/gateway/refusals/connections",
            post(gateway::refuse_connections),
        )
        .route("/sim/gateway/refusals/logins", post(gateway::refuse_logins))
        .route("/sim/gateway/refusals", delete(gateway::clear))
        .route("/sim/users", post(accounts::add))
        .route("/sim/users/{user}", patch(accounts::change))
        .route("/sim/users/{user}/presence", put(accounts::set_presence))
        .route("/sim/users/{user}/consents", delete(accounts::withdraw))
        .nest("/sim/guilds/{guild}", of_guild(stop))
        .route("/sim/{*rest}", any(answer::unknown))
        .method_not_allowed_fallback(answer::wrong_method)
}

/// The routes of one guild.
fn of_guild(stop: Stop) -> Router<Arc<Shared>> {
    let listen = async |shared, guild, asked| listen::listen(shared, guild, asked, stop);
    Router::new()
        .route("/", patch(guilds::change))
        .route("/roles", post(guilds::add_role))
        .route(
            "/roles/{role}",
            patch(guilds::change_role).delete(guilds::remove_role),
        )
        .route("/channels", post(guilds::add_channel))
        .route(
            "/channels/{channel}",
            patch(guilds::change_channel).delete(guilds::remove_channel),
        )
        .route("/channels/{channel}/overwrite", put(guilds::set_overwrite))
        .route("/members", post(accounts::add_member))
        .route(
            "/members/{user}",
            patch(accounts::change_member).delete(accounts::remove_member),
        )
        .route("/bans/{user}", put(accounts::ban).delete(accounts::unban))
        .route("/voice/join", post(seats::join))
        .route("/voice/leave", post(seats::leave))
        .route("/voice/end", post(seats::end))
        .route("/voice/listen", get(listen))
        .route("/wait/voice", get(wait::in_voice))
        .route("/wait/out-of-voice", get(wait::out_of_voice))
        .route("/wait/encrypted", get(wait::encrypted))
        .route("/heard", get(heard::heard).delete(heard::clear))
        .route("/heard.wav", get(heard::wav))
        .route("/heard/{utterance}", get(heard::utterance))
        .route("/mark", post(heard::mark))
        .route("/slash", post(commands::slash))
        .route("/autocomplete", post(commands::autocomplete))
}
