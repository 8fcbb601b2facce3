//! DAVE, Discord's end-to-end encryption of voice, as the voice gateway and the people in the
//! channel take part in it. Protocol version 1, <https://daveprotocol.com>.
//!
//! - `group`, `membership`, `transition`: the MLS group of a channel as its delivery service sees it.
//! - `listener`: a person in the channel, a true member of that group.
//! - `mls`: proposals, key packages and commits from the outside.
//! - `hearing`, `frame`: which frames listeners can hear, and opening them.
//!
//! Run by the voice room, one group for each channel; the UDP task only asks `hearing`.

mod bytes;
mod frame;
pub(crate) mod group;
pub(crate) mod hearing;
mod listener;
mod membership;
mod mls;
#[cfg(test)]
mod tests;
mod transition;

pub(crate) use mls::{Gateway, Refusal};
