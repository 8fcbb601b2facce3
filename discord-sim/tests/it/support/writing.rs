//! A guild in which one bot writes and another, who may do everything, listens.

use discord_sim::Sim;
use serde_json::Value;

use super::rest::Rest;
use super::shard::{INTENTS, log_in, sim_of, two_bots};
use super::socket::Socket;

pub(crate) const ADA: u64 = 11;
pub(crate) const BEN: u64 = 12;
pub(crate) const GENERAL: u64 = 32;
const MESSAGE_CONTENT: u64 = 1 << 15;
/// The messages of that channel.
pub(crate) const MESSAGES: &str = "/channels/32/messages";

pub(crate) struct Stage {
    pub(crate) sim: Sim,
    pub(crate) rest: Rest,
    /// Otto, who may do everything, listens; Yuri acts.
    pub(crate) listener: Socket,
}

pub(crate) async fn stage() -> Stage {
    let sim = sim_of(two_bots(), []).await;
    let (listener, _) = log_in(&sim.for_bot(22), INTENTS | MESSAGE_CONTENT).await;
    let rest = Rest::new(&sim);
    Stage {
        sim,
        rest,
        listener,
    }
}

/// Where a message is.
pub(crate) fn path(message: &Value) -> String {
    format!("{MESSAGES}/{}", message["id"].as_str().unwrap())
}
