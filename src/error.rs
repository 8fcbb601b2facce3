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
    /// There are as many of something as there may be; it may be better in a minute (429).
    #[error("{0}")]
    TooMany(&'static str),
    /// Discord takes nothing more of this kind for now; it does after this long (429). The caller's
    /// own limit is another matter.
    #[error("discord limits this server now, try again")]
    UpstreamLimited(Duration),
    /// Discord refused or answered nonsense (502).
    #[error("{0}")]
    Upstream(&'static str, #[source] Option<Cause>),
    /// A part that is needed is not there now (503).
    #[error("{0}")]
    Unavailable(&'static str),
    /// Discord has failed or refused too often and is not asked anything for this long (503).
    #[error("discord is not asked anything for the moment, try again")]
    UpstreamPaused(Duration),
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

    /// The bot itself lacks a right in a channel.
    pub const BOT_MAY_NOT_WRITE: Self = Self::Forbidden(
        "the bot may not write in this channel, give it View Channel and Send Messages there",
    );
    /// The same of reading.
    pub const BOT_MAY_NOT_READ: Self = Self::Forbidden(
        "the bot may not read this channel, give it View Channel and Read Message History there",
    );
    /// Discord wants an intent for something, and the bot has it not.
    pub const NO_MEMBERS_INTENT: Self = Self::Forbidden(
        "discord lists members only to bots with the Server Members Intent, \
         switch it on for this bot",
    );
    /// There is no such channel, or none that the caller may know of.
    pub const NO_CHANNEL: Self = Self::NotFound("there is no such channel");

    /// The same for another who has waited for the same thing; the cause is kept in words.
    #[must_use]
    pub fn again(&self) -> Self {
        let words = |cause: &Cause| Cause::from(cause.to_string());
        match self {
            Self::Invalid(text) => Self::Invalid(text),
            Self::Unauthorized => Self::Unauthorized,
            Self::Forbidden(text) => Self::Forbidden(text),
            Self::NotFound(text) => Self::NotFound(text),
            Self::Conflict(text) => Self::Conflict(text.clone()),
            Self::Precondition(text) => Self::Precondition(text),
            Self::TooLarge(text) => Self::TooLarge(text.clone()),
            Self::Unsupported(text) => Self::Unsupported(text.clone()),
            Self::Limited(wait) => Self::Limited(*wait),
            Self::TooMany(text) => Self::TooMany(text),
            Self::UpstreamLimited(wait) => Self::UpstreamLimited(*wait),
            Self::Upstream(text, cause) => Self::Upstream(text, cause.as_ref().map(words)),
            Self::Unavailable(text) => Self::Unavailable(text),
            Self::UpstreamPaused(wait) => Self::UpstreamPaused(*wait),
            Self::UpstreamTimeout(text) => Self::UpstreamTimeout(text),
            Self::StorageFull => Self::StorageFull,
            Self::Internal(cause) => Self::Internal(words(cause)),
        }
    }

    /// What Discord says no to, for whatever reason.
    pub const REFUSED: &'static str = "discord refused the request";

    /// A fault of ours, with the cause for the log.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }
}
