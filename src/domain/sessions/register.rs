//! Which sessions there are, of which bots, and until when. Times are those of the monotonic clock.
//! Called by [`Sessions`](super::Sessions).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::guest::Guest;
use crate::domain::limits::AddressKey;
use crate::error::Error;
use crate::ids::UserId;

/// How long a session lasts that nobody uses, and one that is used. Contract 8.
const IDLE_MAX: Duration = Duration::from_mins(30);
const LIFETIME: Duration = Duration::from_hours(24);
const TOO_MANY: Error = Error::TooMany("too many sessions, try again later");

/// SHA-256 of a session's id.
pub(super) type SessionHash = [u8; 32];

/// Most sessions at once.
pub(super) struct Caps {
    pub(super) all: usize,
    pub(super) of_bot: usize,
    pub(super) of_address: usize,
}

struct Entry {
    bot: UserId,
    address: AddressKey,
    began: Duration,
    used: Duration,
}

impl Entry {
    fn end(&self) -> Duration {
        (self.used + IDLE_MAX).min(self.began + LIFETIME)
    }
}

/// A session that has ended.
pub(super) struct EndedSession {
    pub(super) hash: SessionHash,
    pub(super) bot: UserId,
}

/// Sessions that have ended, and the bots that have none any more.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) sessions: Vec<EndedSession>,
    pub(super) guests: Vec<Arc<Guest>>,
}

/// All sessions and their bots.
pub(super) struct Register {
    caps: Caps,
    sessions: HashMap<SessionHash, Entry>,
    guests: HashMap<UserId, Arc<Guest>>,
}

impl Register {
    pub(super) fn new(caps: Caps) -> Self {
        Self {
            caps,
            sessions: HashMap::new(),
            guests: HashMap::new(),
        }
    }

    /// Whether one more session of an address would be taken, whichever bot's it is.
    ///
    /// # Errors
    /// 429; nobody's session ends for another's.
    pub(super) fn check_room(&self, address: IpAddr) -> Result<(), Error> {
        let address = AddressKey::from(address);
        let of_address = self.count(|entry| entry.address == address);
        if self.sessions.len() >= self.caps.all || of_address >= self.caps.of_address {
            return Err(TOO_MANY);
        }
        Ok(())
    }

    /// Begins a session. The bot's guest is made if it has none; it is returned then.
    ///
    /// # Errors
    /// 429 where there are too many.
    pub(super) fn begin(
        &mut self,
        hash: SessionHash,
        bot: UserId,
        address: IpAddr,
        now: Duration,
        guest: impl FnOnce() -> Guest,
    ) -> Result<Option<Arc<Guest>>, Error> {
        self.check_room(address)?;
        if self.count(|entry| entry.bot == bot) >= self.caps.of_bot {
            return Err(TOO_MANY);
        }
        let entry = Entry {
            bot,
            address: address.into(),
            began: now,
            used: now,
        };
        self.sessions.insert(hash, entry);
        if self.guests.contains_key(&bot) {
            return Ok(None);
        }
        let guest = Arc::new(guest());
        self.guests.insert(bot, Arc::clone(&guest));
        Ok(Some(guest))
    }

    /// A bot that has sessions.
    pub(super) fn find_guest(&self, bot: UserId) -> Option<Arc<Guest>> {
        self.guests.get(&bot).cloned()
    }

    /// The bots that have sessions.
    pub(super) fn guests(&self) -> impl Iterator<Item = &Arc<Guest>> {
        self.guests.values()
    }

    /// The bot of a living session. The end of one whose time is over is told by whoever ends it.
    pub(super) fn find(&self, hash: &SessionHash, now: Duration) -> Option<&Arc<Guest>> {
        let entry = self.sessions.get(hash).filter(|entry| entry.end() > now)?;
        self.guests.get(&entry.bot)
    }

    /// A session is used now.
    pub(super) fn touch(&mut self, hash: &SessionHash, now: Duration) {
        let entry = self.sessions.get_mut(hash);
        if let Some(entry) = entry.filter(|entry| entry.end() > now) {
            entry.used = now;
        }
    }

    pub(super) fn end(&mut self, hash: &SessionHash) -> Ended {
        self.end_where(|its_hash, _| its_hash == hash)
    }

    pub(super) fn end_bot(&mut self, bot: UserId) -> Ended {
        self.end_where(|_, entry| entry.bot == bot)
    }

    pub(super) fn end_due(&mut self, now: Duration) -> Ended {
        self.end_where(|_, entry| entry.end() <= now)
    }

    pub(super) fn end_all(&mut self) -> Ended {
        self.end_where(|_, _| true)
    }

    /// When the next session ends if none is used.
    pub(super) fn next_end(&self) -> Option<Duration> {
        self.sessions.values().map(Entry::end).min()
    }

    fn end_where(&mut self, is_over: impl Fn(&SessionHash, &Entry) -> bool) -> Ended {
        let over = self.sessions.extract_if(|hash, entry| is_over(hash, entry));
        let sessions: Vec<_> = over
            .map(|(hash, entry)| EndedSession {
                hash,
                bot: entry.bot,
            })
            .collect();
        let mut guests = Vec::new();
        for EndedSession { bot, .. } in &sessions {
            if self.count(|entry| entry.bot == *bot) == 0 {
                guests.extend(self.guests.remove(bot));
            }
        }
        Ended { sessions, guests }
    }

    fn count(&self, is_meant: impl Fn(&Entry) -> bool) -> usize {
        self.sessions
            .values()
            .filter(|entry| is_meant(entry))
            .count()
    }
}

/// What a session is known by, and what logs call it.
pub(super) fn hash_of(id: &str) -> (SessionHash, String) {
    let hash = Sha256::digest(id).into();
    (hash, short(&hash))
}

/// The first eight hexadecimal digits.
pub(super) fn short(hash: &SessionHash) -> String {
    hash.iter().take(4).fold(String::new(), |mut text, byte| {
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
