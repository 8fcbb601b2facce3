//! One binary of integration tests: through the front door, over real sockets.

mod support;

mod bot;
mod config;
mod db;
mod http;
mod seed004;
mod tidy;
