//! What bots change in guilds and of their applications: read, checked as Discord checks it,
//! and carried out.
//!
//! Called by REST. The changes themselves, with the events they imply, are those that people
//! and administrators make, too.

pub(crate) mod application;
pub(crate) mod bans;
pub(crate) mod channels;
pub(crate) mod members;
pub(crate) mod roles;
