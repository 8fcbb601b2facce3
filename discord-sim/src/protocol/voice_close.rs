//! Close codes of the voice gateway, with Discord's own wording.

use super::Code;

pub(crate) const UNKNOWN_OPCODE: Code = (4001, "Unknown opcode.");
pub(crate) const DECODE_ERROR: Code = (4002, "Failed to decode payload.");
pub(crate) const NOT_AUTHENTICATED: Code = (4003, "Not authenticated.");
pub(crate) const AUTHENTICATION_FAILED: Code = (4004, "Authentication failed.");
pub(crate) const ALREADY_AUTHENTICATED: Code = (4005, "Already authenticated.");
pub(crate) const SESSION_INVALID: Code = (4006, "Session is no longer valid.");
pub(crate) const SESSION_TIMEOUT: Code = (4009, "Session timeout.");
pub(crate) const SERVER_NOT_FOUND: Code = (4011, "Server not found.");
pub(crate) const UNKNOWN_PROTOCOL: Code = (4012, "Unknown protocol.");
pub(crate) const DISCONNECTED: Code = (4014, "Disconnected.");
pub(crate) const SERVER_CRASHED: Code = (4015, "Voice server crashed.");
pub(crate) const UNKNOWN_MODE: Code = (4016, "Unknown encryption mode.");
pub(crate) const DAVE_REQUIRED: Code = (4017, "E2EE/DAVE protocol required.");
pub(crate) const BAD_REQUEST: Code = (4020, "Bad request.");
pub(crate) const RATE_LIMITED: Code = (4021, "Disconnected: Rate limited.");
pub(crate) const CALL_TERMINATED: Code = (4022, "Disconnected: Call terminated.");

const ALL: [Code; 16] = [
    UNKNOWN_OPCODE,
    DECODE_ERROR,
    NOT_AUTHENTICATED,
    AUTHENTICATION_FAILED,
    ALREADY_AUTHENTICATED,
    SESSION_INVALID,
    SESSION_TIMEOUT,
    SERVER_NOT_FOUND,
    UNKNOWN_PROTOCOL,
    DISCONNECTED,
    SERVER_CRASHED,
    UNKNOWN_MODE,
    DAVE_REQUIRED,
    BAD_REQUEST,
    RATE_LIMITED,
    CALL_TERMINATED,
];

/// A code that somebody chose, with the wording it comes with.
pub(crate) fn with_reason(number: u16) -> Code {
    let known = ALL.into_iter().find(|(code, _)| *code == number);
    known.unwrap_or((number, ""))
}
