//! One voice connection's audio: who sends it, how it is encrypted, who can hear it, where it
//! is recorded.
//!
//! Made by the [`Hub`](super::hub::Hub), held by the ticket, the connection and the DAVE group.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::dave::hearing::{Hearing, Verdict, is_sealed};
use crate::heard::recording::Recording;
use crate::protocol::rtp::{Cipher, Header};

/// A recording that a connection writes and observers read.
pub(super) type SharedRecording = Arc<Mutex<Recording>>;

/// A connection's audio.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) ssrc: u32,
    /// The guild, and the bot in it.
    pub(super) place: (u64, u64),
    cipher: Mutex<Option<Cipher>>,
    hearing: Mutex<Hearing>,
    recording: SharedRecording,
    /// Where the client's packets come from.
    address: Mutex<Option<SocketAddr>>,
    /// Whether a packet has come from there that its key opens.
    is_found: AtomicBool,
    /// The number of the next packet that is sent to the client.
    sent: AtomicU32,
    /// The other bots in the channel.
    receivers: Mutex<Vec<Receiver>>,
    /// Whether administrators keep others from hearing it.
    muted: AtomicBool,
}

/// Another connection, to which audio is sent on.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    link: Weak<Link>,
    /// Whether it can make something of frames that are encrypted end to end.
    speaks_dave: bool,
}

impl Receiver {
    pub(crate) fn new(link: &Arc<Link>, speaks_dave: bool) -> Receiver {
        Receiver {
            link: Arc::downgrade(link),
            speaks_dave,
        }
    }
}

impl Link {
    pub(super) fn new(ssrc: u32, place: (u64, u64), recording: SharedRecording) -> Link {
        Link {
            ssrc,
            place,
            cipher: Mutex::default(),
            hearing: Mutex::default(),
            recording,
            address: Mutex::default(),
            is_found: AtomicBool::new(false),
            sent: AtomicU32::new(0),
            receivers: Mutex::default(),
            muted: AtomicBool::new(false),
        }
    }

    /// Sets who else is sent what the client sends.
    pub(crate) fn send_on_to(&self, receivers: Vec<Receiver>) {
        *lock(&self.receivers) = receivers;
    }

    /// Sets whether nobody is to hear it.
    pub(crate) fn set_muted(&self, muted: bool) {
        self.muted.store(muted, Ordering::Relaxed);
    }

    /// Notes where somebody says the client is, unless the client has shown where by a packet
    /// that only it can have sent.
    pub(super) fn discover(&self, address: SocketAddr) {
        let mut known = lock(&self.address);
        if known.is_none() || !self.is_found.load(Ordering::Relaxed) {
            *known = Some(address);
        }
    }

    /// Whether the client's packets come from there.
    pub(super) fn is_at(&self, address: SocketAddr) -> bool {
        *lock(&self.address) == Some(address)
    }

    /// Sets the key; packets before that are not counted at all.
    pub(crate) fn set_cipher(&self, cipher: Cipher) {
        *lock(&self.cipher) = Some(cipher);
    }

    /// What the people in the channel can hear of it.
    pub(super) fn hearing(&self) -> MutexGuard<'_, Hearing> {
        lock(&self.hearing)
    }

    /// Takes a packet that the client has sent, and sends it on; false if there is no key yet.
    pub(super) fn receive(
        &self,
        header: Header,
        packet: &[u8],
        (from, arrival): (SocketAddr, Instant),
        send: impl FnMut(&[u8], SocketAddr),
    ) -> bool {
        let opened = match &*lock(&self.cipher) {
            Some(cipher) => cipher.open(header, packet),
            None => return false,
        };
        let Some(frame) = opened else {
            lock(&self.recording).add_unopened();
            return true;
        };
        self.is_found.store(true, Ordering::Relaxed);
        *lock(&self.address) = Some(from);
        if self.muted.load(Ordering::Relaxed) {
            lock(&self.recording).add_muted();
            return true;
        }
        let verdict = self.hearing().hear(&frame, arrival);
        let mut recording = lock(&self.recording);
        match verdict {
            Verdict::Clear => recording.add(header, &frame, arrival),
            Verdict::Opened(opus) => {
                recording.add_encrypted();
                recording.add(header, &opus, arrival);
            }
            Verdict::NotSealed => recording.add_unencrypted(),
            Verdict::NotOpened => {
                recording.add_encrypted();
                recording.add_undecryptable();
            }
        }
        drop(recording);
        self.send_on(header, &frame, send);
        true
    }

    /// Sends a frame to the other bots in the channel, each with its own key. What is
    /// encrypted end to end stays so, and is not sent to who could do nothing with it.
    fn send_on(&self, header: Header, frame: &[u8], mut send: impl FnMut(&[u8], SocketAddr)) {
        for receiver in &*lock(&self.receivers) {
            let Some(link) = receiver.link.upgrade() else {
                continue;
            };
            let Some(address) = *lock(&link.address) else {
                continue;
            };
            if !receiver.speaks_dave && is_sealed(frame) {
                continue;
            }
            let sealed = lock(&link.cipher).as_ref().and_then(|cipher| {
                let counter = link.sent.fetch_add(1, Ordering::Relaxed);
                cipher.seal(header, frame, counter)
            });
            if let Some(packet) = sealed {
                send(&packet, address);
            }
        }
    }
}

/// A panic while a lock is held leaves nothing half done here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
