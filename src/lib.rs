//! **Yuri**, a Discord sound bot with a REST API and a sound board.
//!
//! The map, in reading order. Imports run one way, left to right, and `tests/it/tidy.rs` holds it:
//! `cli -> http -> app -> bot -> domain, telemetry -> audio, db, discord -> config, clock, secret,
//! ids, error`.
//!
//! - [`ids`], [`error`], [`secret`], [`clock`], [`config`]: what everything else is made of.
//! - [`db`]: rows. [`discord`]: we call Discord. [`audio`]: foreign bytes to canonical Ogg Opus.
//! - [`domain`]: the rules, in plain types.
//! - [`bot`]: Discord calls us. [`http`]: browsers and programs call us.
//! - [`app`]: every long-lived part, built in one place. [`cli`]: the commands.

pub mod ids;

pub mod error;

pub mod secret;

pub mod clock;

pub mod config;

pub mod db;

pub mod discord;

pub mod audio;

pub mod domain;

pub mod telemetry;

pub mod bot;

pub mod app;

pub mod http;

pub mod cli;
