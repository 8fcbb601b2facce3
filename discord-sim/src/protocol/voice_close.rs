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
pub(crate) const UNKNOWN_MODE: Code = (4016, "Unknown encryption mode.");
pub(crate) const DAVE_REQUIRED: Code = (4017, "E2EE/DAVE protocol required.");
pub(crate) const RATE_LIMITED: Code = (4021, "Disconnected: Rate limited.");
pub(crate) const CALL_TERMINATED: Code = (4022, "Disconnected: Call terminated.");
pub(crate) const BAD_REQUEST: Code = (4020, "Bad request.");
