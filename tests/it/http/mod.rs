//! The HTTP API, route by route.

mod address;
mod admin;
mod app_log;
mod auth;
mod bad_input;
mod bearer;
mod events;
mod favourites;
mod guild;
mod health;
mod library;
mod library_changes;
mod library_upload;
mod limits;
mod login;
mod media;
mod openapi;
mod page;
mod player;
mod plays;
mod schemathesis;
mod socket;
mod socketio;
mod sounds;
mod tokens;
mod users;
