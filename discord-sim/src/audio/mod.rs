//! Where audio arrives, kept apart from the rest of the state: packets never wait for it.
//!
//! Started by [`Sim::start`](crate::Sim::start); the state holds its links.

pub(crate) mod dave;
pub(crate) mod hub;
pub(crate) mod link;
mod network;
