//! What is fixed by Discord's protocols: codes, intents, error answers, packet formats.
//!
//! Plain values and pure functions, used by every part above.

pub(crate) mod api_error;
pub(crate) mod cloudflare;
mod data_uri;
pub(crate) mod form;
pub(crate) mod gateway_close;
pub(crate) mod gateway_limits;
pub(crate) mod host;
pub(crate) mod intents;
pub(crate) mod kept;
pub(crate) mod rate_limits;
pub(crate) mod rtp;
pub(crate) mod voice_close;
pub(crate) mod voice_message;

/// A close code and the reason sent with it.
pub(crate) type Code = (u16, &'static str);
