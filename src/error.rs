//! What can go wrong, in the product's words. Every room answers with this type; `http::error`
//! turns it into a status and a body, `bot::commands` into a reply.

use std::time::Duration;

/// The cause of a failure, for the log only.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A request that could not be served. Its text is for the caller: lower case, no full stop, and
/// never a library's words; the [`source`](std::error::Error::source) is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's input cannot be understood (400).
    #[error("{0}")]
    Invalid(&'static str),
    /// No credential, or not a valid one: always the same words (401).
    #[error("unauthorized")]
    Unauthorized,
    /// The caller is known but may not do this (403).
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is no such thing (404).
    #[error("{0}")]
    NotFound(&'static str),
    /// The thing's state does not allow this (409).
    #[error("{0}")]
    Conflict(String),
    /// The thing is not as the caller has said that it is (412).
    #[error("{0}")]
    Precondition(&'static str),
    /// What was sent is more than is taken (413).
    #[error("{0}")]
    TooLarge(String),
    /// What was sent is of no kind that is taken (415).
    #[error("{0}")]
    Unsupported(String),
    /// Too many requests; the next one is admitted after this long (429).
    #[error("rate limit exceed")]
    Limited(Duration),
    /// Discord refused or answered nonsense (502).
    #[error("{0}")]
    Upstream(&'static str, #[source] Option<Cause>),
    /// A part that is needed is not there now (503).
    #[error("{0}")]
    Unavailable(&'static str),
    /// Discord did not answer in time (504).
    #[error("{0}")]
    UpstreamTimeout(&'static str),
    /// There is no room to write (507).
    #[error("the server's disk is full")]
    StorageFull,
    /// A fault of ours (500).
    #[error("internal error")]
    Internal(#[source] Cause),
}

impl Error {
    /// The plain 400.
    pub const BAD_REQUEST: Self = Self::Invalid("bad request");
    /// The one answer for a stranger, an unknown guild and a guild without the bot: it does not
    /// say which. Contract 1.
    pub const NOT_A_MEMBER: Self = Self::Forbidden("you must be a member of this guild");

    /// The caller follows nobody into voice who is not there. Contract 5.
    pub const NOT_IN_VOICE: Self =
        Self::Forbidden("you need to be in a voice channel to perform this command");

    /// A fault of ours, with the cause for the log.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }
}
