//! Bytes to sound: whatever the operator dropped into the folder becomes canonical Ogg Opus, once.
//! `domain::player` asks the [`Transcoder`] before it plays; `cli` runs [`worker_main`] in the
//! child process that does the decoding.
//!
//! Decoders panic, hang and exhaust memory on hostile files, and the voice library decodes on
//! threads that many guilds share. So no byte that we did not write ourselves is decoded in the
//! server's own process.

mod adts;
mod cache;
mod container;
mod decode;
mod facts;
mod loudness;
mod matroska;
mod mp4;
mod mpeg;
mod ogg_opus;
mod opus;
mod original;
mod part;
mod process;
mod reason;
mod resample;
mod sink;
mod stereo;
mod transcode;
mod transcoder;
mod worker;

pub use cache::RECIPE;
pub use container::usual_extension;
pub use facts::{Facts, Level, PEAK_MAX_DBTP, WAVEFORM_POINTS, hex};
pub use original::{Examined, Hash, Original, Stamp};
pub use reason::{FILE_BYTES_MAX, Reason};
pub use transcoder::{Origin, Outcome, Prepared, Settings, Transcoder};
pub use worker::worker_main;
