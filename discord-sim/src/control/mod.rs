//! The simulator's own interface: JSON under `/sim/` and a page at `/`.
//!
//! What the library offers to tests, for people, scripts and other languages.

mod accounts;
mod answer;
mod commands;
mod events;
mod expressions;
mod faults;
mod files;
mod gateway;
mod guilds;
mod heard;
mod interactions;
mod limits;
mod listen;
mod look;
mod messages;
mod names;
mod page;
mod seats;
mod wait;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use axum::routing::{any, delete, get, patch, post, put};

use crate::page as frame;
use crate::state::Shared;
use crate::stop::Stop;

/// The largest request in bytes: Discord's largest file as base64, and more.
const LARGEST_REQUEST: usize = 25 * 1024 * 1024;

/// The routes, relative to the root.
pub(crate) fn routes(stop: Stop) -> Router<Arc<Shared>> {
    let of_guild = of_guild(stop.clone());
    let events =
        async |shared, headers: HeaderMap, wanted| events::events(shared, &headers, wanted, stop);
    Router::new()
        .route("/", get(page::show))
        .route("/sim", get(page::show))
        .route("/sim/page/{file}", get(page::file))
        .route(frame::STYLE_PATH, get(frame::style))
        .route("/sim/state", get(look::state))
        .route(
            "/sim/requests",
            get(look::requests).delete(look::clear_requests),
        )
        .route("/sim/events", get(events))
        .route(
            "/sim/limits",
            get(limits::show).post(limits::set).delete(limits::restore),
        )
        .route("/sim/limits/exhausted", post(limits::exhaust))
        .route(
            "/sim/faults",
            get(faults::list).post(faults::add).delete(faults::clear),
        )
        .route(
            "/sim/faults/{fault}",
            get(faults::get).delete(faults::remove),
        )
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
        .route(
            "/sim/users/{user}/direct-messages",
            post(messages::open_direct),
        )
        .route("/sim/redirect-uris", post(accounts::add_redirect))
        .route("/sim/forms/{form}", post(interactions::submit))
        .nest("/sim/messages/{message}", of_message())
        .nest("/sim/channels/{channel}", of_channel())
        .nest("/sim/guilds/{guild}", of_guild)
        .route("/sim/{*rest}", any(answer::unknown))
        .method_not_allowed_fallback(answer::wrong_method)
}

/// The routes of one message.
fn of_message() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/",
            get(messages::find)
                .patch(messages::edit)
                .delete(messages::delete),
        )
        .route(
            "/reactions",
            post(messages::react).delete(messages::unreact),
        )
        .route("/components", post(interactions::click))
}

/// The routes of one channel, direct messages among them, by what people write and use there.
fn of_channel() -> Router<Arc<Shared>> {
    Router::new()
        .route("/messages", get(messages::list).post(messages::send))
        .route("/typing", post(messages::start_typing))
        .route("/wait/message", get(messages::wait))
        .route("/slash", post(commands::slash_here))
        .route("/autocomplete", post(commands::autocomplete_here))
        .route("/user-command", post(commands::on_user))
        .route("/message-command", post(commands::on_message))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
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
        .route("/sounds/{sound}", delete(expressions::remove_sound))
        .route("/emojis/{emoji}", delete(expressions::remove_emoji))
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
        .route("/voice/states/{user}", patch(seats::change))
        .route("/voice/sounds", post(seats::play_sound))
        .route("/voice/server/move", post(seats::move_server))
        .route("/voice/server/withdraw", post(seats::withdraw_server))
        .route("/voice/dave/restart", post(seats::restart_dave))
        .route("/voice/listen", get(listen))
        .route("/wait/voice", get(wait::in_voice))
        .route("/wait/out-of-voice", get(wait::out_of_voice))
        .route("/wait/encrypted", get(wait::encrypted))
        .route("/wait/packets", get(wait::packets))
        .route("/heard", get(heard::heard).delete(heard::clear))
        .route("/heard.wav", get(heard::wav))
        .route("/heard/{utterance}", get(heard::utterance))
        .route("/mark", post(heard::mark))
        .route("/autocomplete", post(commands::autocomplete))
        .merge(of_guild_with_files())
}

/// The routes of one guild that take files.
fn of_guild_with_files() -> Router<Arc<Shared>> {
    Router::new()
        .route("/slash", post(commands::slash))
        .route("/sounds", post(expressions::add_sound))
        .route("/emojis", post(expressions::add_emoji))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
}
