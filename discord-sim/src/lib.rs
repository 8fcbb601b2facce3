//! A simulated Discord on loopback, for tests and demonstrations of bots.
//!
//! [`Sim::start`] starts an HTTP server (OAuth and REST), a gateway and a voice server that
//! unmodified clients log in to; the returned [`Sim`] plays the people around the bot and
//! tells what the bot was heard to play.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use discord_sim::{Settings, Sim};
//!
//! let sim = Sim::start(Settings::default()).await?;
//! // Point the bot at `sim.api_url()` with `sim.application().bot_token`, then:
//! assert!(sim.wait_bot_ready(Duration::from_secs(10)).await);
//! let guild = sim.guilds()[0].id;
//! let ada = sim.user_id("ada").ok_or("no ada")?;
//! let reply = sim.slash(ada, guild, "play", &[("sound", "horn")]).await?;
//! println!("{}", reply.content);
//! let sound = sim.wait_utterance(guild, 0, Duration::from_secs(10)).await.ok_or("silence")?;
//! println!("{:?} at {:?} Hz", sound.duration(), sound.audio().frequency_hz());
//! # Ok(())
//! # }
//! ```
//!
//! Where things are, from the top down; an import only ever goes down:
//!
//! - `main`: the program.
//! - `sim`, `people`, `administration`, `observe`, `operator`, `limits`, `outages`: the
//!   library's face, thin over the rest.
//! - `http`: one server for `control` (the simulator's own interface), `rest` and `oauth`.
//! - `gateway`, `voice`: the two gateways.
//! - `state`: the one changing value behind its lock, every change, and the events it implies.
//! - `audio`: the UDP socket and the connections behind it.
//! - `heard`: recordings and their analysis.
//! - `faults`: what a test can name of the traffic, and what it does to it.
//! - `world`: plain values, their JSON and the permission rules.
//! - `protocol`: codes, intents, error answers and packet formats.
//! - `accept`, `authority`, `websocket`, `page`, `settings`, `error`, `stop`: what all use.

mod accept;
mod administration;
mod audio;
mod authority;
mod control;
mod error;
mod faults;
mod gateway;
mod heard;
mod http;
mod limits;
mod oauth;
mod observe;
mod operator;
mod outages;
mod page;
mod people;
mod protocol;
mod rest;
mod settings;
mod sim;
mod state;
mod stop;
mod voice;
mod websocket;
mod world;

pub use audio::dave::group::DaveGroup;
pub use error::SimError;
pub use faults::answer::HttpAnswer;
pub use faults::effect::{Cut, Delivery, Effect, Latency};
pub use faults::point::{PacketKind, Packets, Payloads, Point, Server};
pub use faults::requests::Requests;
pub use faults::{Fault, FaultError, FaultId, FaultReport};
pub use heard::{Audio, Cue, Frame, Heard, Utterance};
pub use protocol::gateway_limits::GatewayLimits;
pub use protocol::rate_limits::{Quota, RateLimitScope, RateLimits};
pub use protocol::rtp::Mode;
pub use settings::{Settings, StartError};
pub use sim::{GuildView, Sim};
pub use state::dave::Dave;
pub use state::entries::VoiceEntry;
pub use state::interactions::{Answer, Choice, Modal, Reply, Slash, SlashOption};
pub use state::tickets::VoiceEnd;
pub use state::{
    Authorization, ConnectionRefusal, Event, EventKind, Interruption, LoginRefusal,
    RateLimitBucket, RequestRecord,
};
pub use world::{
    Activity, Application, Attachment, Channel, ChannelKind, Emoji, EmojiName, File, Guild, Member,
    Mentions, Message, Overwrite, OverwriteTarget, Reaction, Role, Sound, Status, User, World,
    WorldError, permissions,
};
