//! One binary of integration tests: through the front door, over real sockets.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::as_conversions,
    clippy::cast_possible_wrap,
    clippy::duration_suboptimal_units,
    clippy::print_stderr,
    clippy::unchecked_time_subtraction,
    missing_docs,
    reason = "a test fails by panicking, and nobody imports it"
)]

mod support;

mod audio;
mod bot;
mod cli;
mod config;
mod db;
mod discord;
mod http;
mod import;
mod library;
mod secrets;
mod seed004;
mod tidy;
