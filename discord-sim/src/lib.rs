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
//! Where things are:
//!
//! - `sim`, `people`, `observe`: the library's face, thin over the rest.
//! - `world`: plain values, their JSON and the permission rules.
//! - `state`: the one changing value behind its lock, and the events each change implies.
//! - `rest`, `oauth`, `control`: the HTTP server.
//! - `gateway`, `voice`, `websocket`: the two gateways and the audio socket.
//! - `interaction`: slash commands from both ends.
//! - `heard`: recordings and their analysis.

mod control;
mod error;
mod gateway;
mod heard;
mod interaction;
mod oauth;
mod observe;
mod page;
mod people;
mod rest;
mod settings;
mod sim;
mod state;
mod stop;
mod voice;
mod websocket;
mod world;

pub use error::SimError;
pub use heard::{Audio, Frame, Heard, Utterance};
pub use interaction::{Choice, Reply};
pub use settings::{Mode, Settings, StartError};
pub use sim::{GuildView, Sim};
pub use state::{Authorization, RequestRecord};
pub use world::{
    Application, Channel, ChannelKind, Guild, Member, Overwrite, OverwriteTarget, Role, User,
    World, permissions,
};
