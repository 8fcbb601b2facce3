//! Close codes of the gateway, with Discord's own wording.

use super::Code;

pub(crate) const GOING_AWAY: Code = (1001, "Going away.");
pub(crate) const UNKNOWN_ERROR: Code = (4000, "Unknown error.");
pub(crate) const UNKNOWN_OPCODE: Code = (4001, "Unknown opcode.");
pub(crate) const DECODE_ERROR: Code = (4002, "Error while decoding payload.");
pub(crate) const NOT_AUTHENTICATED: Code = (4003, "Not authenticated.");
pub(crate) const AUTHENTICATION_FAILED: Code = (4004, "Authentication failed.");
pub(crate) const ALREADY_AUTHENTICATED: Code = (4005, "Already authenticated.");
pub(crate) const INVALID_SEQUENCE: Code = (4007, "Invalid seq.");
pub(crate) const RATE_LIMITED: Code = (4008, "Rate limited.");
pub(crate) const SESSION_TIMED_OUT: Code = (4009, "Session timed out.");
pub(crate) const INVALID_SHARD: Code = (4010, "Invalid shard.");
pub(crate) const SHARDING_REQUIRED: Code = (4011, "Sharding required.");
pub(crate) const INVALID_VERSION: Code = (4012, "Invalid API version.");
pub(crate) const INVALID_INTENTS: Code = (4013, "Invalid intent(s).");
pub(crate) const DISALLOWED_INTENTS: Code = (4014, "Disallowed intent(s).");

const ALL: [Code; 15] = [
    GOING_AWAY,
    UNKNOWN_ERROR,
    UNKNOWN_OPCODE,
    DECODE_ERROR,
    NOT_AUTHENTICATED,
    AUTHENTICATION_FAILED,
    ALREADY_AUTHENTICATED,
    INVALID_SEQUENCE,
    RATE_LIMITED,
    SESSION_TIMED_OUT,
    INVALID_SHARD,
    SHARDING_REQUIRED,
    INVALID_VERSION,
    INVALID_INTENTS,
    DISALLOWED_INTENTS,
];

/// A code that somebody chose, with the wording it comes with.
pub(crate) fn with_reason(number: u16) -> Code {
    let known = ALL.into_iter().find(|(code, _)| *code == number);
    known.unwrap_or((number, ""))
}
