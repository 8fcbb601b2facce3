//! The rules, in plain types: no web framework, no Discord library and no query is named here.
//! `http` and `bot` call in; the domain calls `audio`, `db` and `discord`.

pub mod admins;
pub mod app_log;
pub mod archives;
pub mod changes;
pub mod commands;
pub mod events;
pub mod favourites;
pub mod grants;
pub mod guild_data;
pub mod guilds;
pub mod import;
pub mod ingest;
pub mod jwe;
pub mod labels;
pub mod library;
pub mod limits;
pub mod login;
pub mod occasions;
pub mod play_log;
pub mod player;

pub mod recent;
pub mod seal;
pub mod session_starts;
pub mod sessions;
pub mod settings;
pub mod soundboard;
pub mod suggestions;
pub mod tokens;
pub mod uploads;
pub mod user_guilds;
pub mod voice;
