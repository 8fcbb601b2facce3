//! What the caller of [`Sim::start`](crate::Sim::start) may choose, and how starting can fail.

use std::path::PathBuf;
use std::time::Duration;

use crate::protocol::gateway_limits::GatewayLimits;
use crate::protocol::rate_limits::RateLimits;
use crate::protocol::rtp::Mode;
use crate::state::dave::Dave;
use crate::world::World;

/// How a simulator is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The port of the HTTP server on 127.0.0.1; 0 lets the system choose.
    pub port: u16,
    /// What exists at the start.
    pub world: World,
    /// The gateway's times and limits.
    pub gateway: GatewayLimits,
    /// The limits of REST.
    pub rate_limits: RateLimits,
    /// How long a bot has to acknowledge an interaction, by the simulated clock. On a busy machine
    /// a bot that is a program of its own may need more than Discord's three seconds.
    pub acknowledge_within: Duration,
    /// The encryption modes offered to voice clients.
    pub modes: Vec<Mode>,
    /// When end-to-end encryption of voice is used.
    pub dave: Dave,
    /// Where to write the certificate authority (PEM) before `start` returns.
    pub authority_path: Option<PathBuf>,
    /// How much of what a bot sends is kept, counted back from now.
    pub recording: Duration,
    /// How often voice clients are told to send a heartbeat. A connection from which none
    /// has come for one and a half times as long is closed with 4009.
    pub voice_heartbeat_interval: Duration,
}

impl Default for Settings {
    /// The demo world, ports chosen by the system, Discord's limits, both modes, end-to-end
    /// encryption offered, ten minutes of recording, Discord's 13.75 seconds between heartbeats in voice.
    fn default() -> Settings {
        Settings {
            port: 0,
            world: World::demo(),
            gateway: GatewayLimits::default(),
            rate_limits: RateLimits::default(),
            acknowledge_within: Duration::from_secs(3),
            modes: Mode::ALL.to_vec(),
            dave: Dave::Offered,
            authority_path: None,
            recording: Duration::from_mins(10),
            voice_heartbeat_interval: Duration::from_millis(13_750),
        }
    }
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The world does not hang together.
    #[error("the world does not hang together: {0}")]
    World(String),
    /// A port was taken or could not be opened.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port asked for; 0 if the system was to choose.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key that the voice gateway signs proposals to DAVE groups with could not be made.
    #[error("cannot make the voice gateway's key")]
    Dave(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The certificate authority could not be made.
    #[error("cannot make a certificate authority")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The certificate authority could not be written.
    #[error("cannot write the certificate authority to {path}")]
    Authority {
        /// Where it was to be written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
