//! One voice connection's audio: who sends it, how it is encrypted, who can hear it, where it
//! is recorded.
//!
//! Made by the [`Hub`](super::hub::Hub), held by the ticket, the connection and the DAVE group.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::dave::hearing::{Hearing, Verdict};
use crate::heard::recording::Recording;
use crate::protocol::rtp::{Cipher, Header};

/// A recording that a connection writes and observers read.
pub(super) type SharedRecording = Arc<Mutex<Recording>>;

/// A connection's audio.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) ssrc: u32,
    cipher: Mutex<Option<Cipher>>,
    hearing: Mutex<Hearing>,
    recording: SharedRecording,
}

impl Link {
    pub(super) fn new(ssrc: u32, recording: SharedRecording) -> Link {
        Link {
            ssrc,
            cipher: Mutex::default(),
            hearing: Mutex::default(),
            recording,
        }
    }

    /// Sets the key; packets before that are not counted at all.
    pub(crate) fn set_cipher(&self, cipher: Cipher) {
        *lock(&self.cipher) = Some(cipher);
    }

    /// What the people in the channel can hear of it.
    pub(super) fn hearing(&self) -> MutexGuard<'_, Hearing> {
        lock(&self.hearing)
    }

    /// Takes a packet that the client has sent; false if there is no key yet.
    pub(super) fn receive(&self, header: Header, packet: &[u8], arrival: Instant) -> bool {
        let opened = match &*lock(&self.cipher) {
            Some(cipher) => cipher.open(header, packet),
            None => return false,
        };
        let heard = opened.map(|frame| (self.hearing().hear(&frame, arrival), frame));
        let mut recording = lock(&self.recording);
        match heard {
            Some((Verdict::Clear, frame)) => recording.add(header, &frame, arrival),
            Some((Verdict::Opened(opus), _)) => {
                recording.add_encrypted();
                recording.add(header, &opus, arrival);
            }
            Some((Verdict::NotSealed, _)) => recording.add_unencrypted(),
            Some((Verdict::NotOpened, _)) => {
                recording.add_encrypted();
                recording.add_undecryptable();
            }
            None => recording.add_unopened(),
        }
        true
    }
}

/// A panic while a lock is held leaves nothing half done here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
