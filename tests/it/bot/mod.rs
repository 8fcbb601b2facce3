//! The bot in a simulated Discord: what members of a guild read and hear.

mod commands;
mod connection;
mod player;
mod stage;
mod unplayable;
mod voice;
