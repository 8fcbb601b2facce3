//! Why voice connections do not come about and why they end, in the domain's words. Called by
//! `voice`.

use songbird::error::{ConnectionError, JoinError};
use songbird::events::context_data::DisconnectReason;
use songbird::model::CloseCode;

use crate::domain::voice::{Lost, VoiceError};

/// Why a join failed.
pub(super) fn refusal(error: &JoinError) -> VoiceError {
    match error {
        JoinError::TimedOut | JoinError::Driver(ConnectionError::TimedOut) => VoiceError::TimedOut,
        JoinError::Driver(error) => match DisconnectReason::from(error) {
            DisconnectReason::WsClosed(Some(CloseCode::DaveProtocolRequired)) => {
                VoiceError::NotEncrypted
            }
            _ => VoiceError::Refused,
        },
        _ => VoiceError::Refused,
    }
}

/// How a connection ended that had come about.
pub(super) fn loss(reason: Option<DisconnectReason>) -> Lost {
    match reason {
        // A leave of our own has taken the connection out before: nobody hears of this then.
        None | Some(DisconnectReason::Requested) => Lost::Removed,
        Some(DisconnectReason::WsClosed(code)) => match code {
            Some(CloseCode::Disconnected | CloseCode::CallTerminated) => Lost::Removed,
            Some(CloseCode::DaveProtocolRequired) => Lost::NotEncrypted,
            Some(CloseCode::RateLimited) => Lost::Limited,
            _ => Lost::Closed,
        },
        Some(_) => Lost::Broken,
    }
}
