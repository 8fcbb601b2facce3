//! Browsers and programs call us: every mount, fairing and catcher stands on this page.
//!
//! A request passes the [`guards`]: `Caller` authenticates and pays one rate token, so that no
//! route can have the user without the limit. Then the path and the query are read, then the
//! right is checked, then the work is done.

mod admin;
mod answer;
mod auth;
mod botapi;
mod commands;
mod cors;
mod error;
mod fairings;
mod fallback;
mod fast_trigger;
mod favourites;
mod fields;
mod guards;
mod guild;
mod guild_data;
mod guild_wire;
mod health;
mod library;
mod live;
mod login;
mod media;
mod methods;
mod openapi;
mod page;
mod player;
mod plays;
mod query;
mod roles;
mod sessions;
mod sounds;
mod tokens;
mod users;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rocket::config::{Config, LogLevel, SecretKey, Shutdown};
use rocket::data::{Limits, ToByteUnit};
use rocket::shield::{Frame, NoSniff, Referrer, Shield};
use rocket::{Build, Rocket, Route, routes};

use crate::app::App;

pub use openapi::document as openapi_document;

/// The server, ready to be launched.
pub fn rocket(app: Arc<App>) -> Rocket<Build> {
    let hsts = app.config.public_url.is_https();
    let polling = Arc::new(live::Sessions::new(app.config.limits.streams_max));
    rocket::custom(config(&app))
        .mount(
            "/",
            routes![
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
                plays::list_plays,
                plays::list_stats,
                tokens::create_token,
                tokens::list_tokens,
                tokens::revoke_token,
                fast_trigger::get_fast_trigger,
                fast_trigger::choose_fast_trigger,
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
                player::get_player,
                player::play_sound,
                player::stop_player,
                player::join_channel,
                player::leave_channel,
                player::set_volume,
                player::skip_sound,
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
                page::show_board,
                page::serve_asset,
                health::alive,
                health::ready,
                health::version,
                health::show_info,
                openapi::get_document,
                openapi::show_docs,
                openapi::serve_docs_file,
            ],
        )
        .mount("/api/favorites", favourite_routes())
        // As the original's document writes it; its code had the other.
        .mount("/api/favorite", favourite_routes())
        .mount("/", fallback::routes())
        .mount("/", cors::routes())
        .register("/", vec![error::catcher()])
        .attach(
            Shield::new()
                .enable(NoSniff::Enable)
                .enable(Frame::Deny)
                .enable(Referrer::NoReferrer),
        )
        .attach(fairings::Headers { hsts })
        .attach(cors::Cors)
        .manage(polling)
        .manage(openapi::Document::default())
        .manage(app)
}

fn favourite_routes() -> Vec<Route> {
    routes![
        favourites::list_favourites,
        favourites::add_favourite,
        favourites::remove_favourite,
    ]
}

fn config(app: &App) -> Config {
    let http = &app.config.http;
    Config {
        address: http.address.ip(),
        port: http.address.port(),
        // The server names neither itself nor believes who says who they are.
        ident: rocket::config::Ident::none(),
        ip_header: None,
        log_level: LogLevel::Off,
        secret_key: secret_key(app.cookie_key.expose()),
        limits: Limits::new().limit("json", 64.kibibytes()),
        shutdown: Shutdown {
            grace: 2,
            mercy: 3,
            ..Shutdown::default()
        },
        ..Config::release_default()
    }
}

/// Rocket wants 64 bytes as they are, and derives them from 32.
fn secret_key(base64: &str) -> SecretKey {
    match STANDARD.decode(base64) {
        Ok(key) if key.len() >= 64 => SecretKey::from(&key),
        Ok(key) => SecretKey::derive_from(&key),
        Err(_) => SecretKey::derive_from(base64.as_bytes()),
    }
}
