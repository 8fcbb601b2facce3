//! Live channels: what happens, told at once. All of them take their events from
//! `domain::events`, which decides who may see what. Contract 9.

mod sse;
mod wire;

pub(super) use sse::*;
