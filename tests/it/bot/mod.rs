//! The bot in a simulated Discord: what members of a guild read and hear.

mod add;
mod board;
mod commands;
mod connection;
mod favourites;
mod gateway_loss;
mod gateway_refusals;
mod gateway_starts;
mod installation;
mod messages;
mod occasions;
mod player;
mod program;
mod settings;
mod soundboard;
mod stage;
mod unplayable;
mod voice;
mod voice_faults;
mod voice_faults_closed;
mod voice_faults_crowd;
mod voice_faults_encryption;
mod voice_faults_leaks;
mod voice_faults_network;
mod voice_faults_states;
