//! Live channels: what happens, told at once. All of them take their events from
//! `domain::events`, which decides who may see what. Contract 9.

mod focus;
mod guard;
mod socket;
mod socketio;
mod sse;
mod wire;
mod ws;

pub(super) use socketio::*;
pub(super) use sse::*;
pub(super) use wire::{LogData, describe_log};
pub(super) use ws::*;
