//! Bytes to sound: whatever the operator dropped into the folder becomes canonical Ogg Opus, once.
//! `domain::player` asks the [`Transcoder`] before it plays; `cli` runs [`worker_main`] in the
//! child process that does the decoding.
//!
//! Decoders panic, hang and exhaust memory on hostile files, and the voice library decodes on
//! threads that many guilds share. So no byte that we did not write ourselves is decoded in the
//! server's own process.

mod container;
mod decode;
mod mpeg;
mod ogg_opus;
mod process;
mod reason;
mod resample;
mod sink;
mod stereo;
mod transcoder;
mod worker;

pub use transcoder::{Prepared, Settings, Transcoder};
pub use worker::worker_main;
