//! Whether a text is a bot's token: Discord is asked, and asked as little as can be, since it keeps an
//! address away that brings too many wrong ones. Whatever is wrong with a token, its bringer is told
//! the same. Called by [`Sessions::login`](super::Sessions::login). Contract 8.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::sleep;

use super::{Inner, Parts};
use crate::clock::Clock;
use crate::discord::rest::Refusals;
use crate::discord::{Discord, user_tag};
use crate::domain::guilds::BotUser;
use crate::domain::limits::Limits;
use crate::error::Error;
use crate::ids::UserId;
use crate::secret::Secret;

/// How long a refused token is not shown to Discord again, and most that are remembered.
const REMEMBERED: Duration = Duration::from_mins(10);
const REMEMBERED_MAX: u64 = 10_000;
/// Tokens that are tried at once: so many more than allowed may be refused at worst.
const TRIED_AT_ONCE: usize = 8;
/// What each refusal puts off the next trial by: Discord takes fifty requests a second of an address
/// without good tokens, and counts what is more as it counts bad ones.
const SPACING: Duration = Duration::from_millis(50);
/// The longest wait for one's turn.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Longest token that is shown to Discord; those of today have 72 characters at most.
const TOKEN_MAX_BYTES: usize = 200;

/// SHA-256 of a bot's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &Secret) -> Self {
        Self(Sha256::digest(token.expose()).into())
    }
}

/// A bot of which Discord has taken the token.
#[derive(Clone)]
pub(super) struct Tried {
    pub(super) user: BotUser,
    pub(super) token: TokenHash,
    /// What asks Discord with this token.
    pub(super) discord: Arc<Discord>,
}

/// The last answer of Discord's to one of those who bring the same token at the same time, and when
/// it was asked: who came before that need not ask again.
type Turn = tokio::sync::Mutex<Option<(Instant, Option<Tried>)>>;

/// What is known of tokens: no token itself.
pub(super) struct Trials {
    /// What Discord has refused to their bots, as long as it counts.
    refusals: Cache<TokenHash, Arc<Refusals>>,
    /// Until when a refused one is not tried again, on the monotonic clock.
    refused: Cache<TokenHash, Duration>,
    turns: Mutex<HashMap<TokenHash, Weak<Turn>>>,
    places: Semaphore,
    /// When the next may be tried: the pace of refusals is that of the network, whatever the clock
    /// says.
    next: Mutex<Instant>,
    clock: Clock,
}

impl Trials {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            refusals: Cache::builder()
                .max_capacity(REMEMBERED_MAX)
                .time_to_idle(REMEMBERED * 2)
                .build(),
            refused: Cache::new(REMEMBERED_MAX),
            turns: Mutex::default(),
            places: Semaphore::new(TRIED_AT_ONCE),
            next: Mutex::new(Instant::now()),
            clock: clock.clone(),
        }
    }

    /// The bot that has this token.
    ///
    /// # Errors
    /// 401 where it is no bot's; 429 and 503 where too many were not; 502, 503 and 504 for Discord's
    /// failures.
    pub(super) async fn judge(
        &self,
        token: Secret,
        address: IpAddr,
        inner: &Inner,
    ) -> Result<Tried, Error> {
        let limits = &inner.parts.limits;
        let hash = TokenHash::of(&token);
        if !is_shaped(token.expose()) {
            check_address(limits, address)?;
            limits.charge_bot_refusal(address, false);
            return Err(Error::Unauthorized);
        }
        self.check_known(hash, address, limits)?;
        let arrived = Instant::now();
        let turn = self.turn(hash);
        let mut last = turn.lock().await;
        let answer = match &*last {
            Some((asked, answer)) if *asked >= arrived => answer.clone(),
            _ => {
                let asked = self.ask(token, hash, address, inner).await?;
                *last = Some(asked.clone());
                asked.1
            }
        };
        drop(last);
        answer.ok_or(Error::Unauthorized)
    }

    async fn ask(
        &self,
        token: Secret,
        hash: TokenHash,
        address: IpAddr,
        inner: &Inner,
    ) -> Result<(Instant, Option<Tried>), Error> {
        let parts = &inner.parts;
        self.check(hash, address, parts)?;
        let _place = self.place().await?;
        // Others have been answered meanwhile.
        self.check(hash, address, parts)?;
        let known = inner.find_guest(&hash);
        let discord = known.unwrap_or_else(|| {
            let rest = Arc::clone(&parts.rest);
            let refusals = self.refusals.get_with(hash, Arc::default);
            Arc::new(Discord::of_guest(&parts.discord, rest, token, refusals))
        });
        let asked = Instant::now();
        let user = match discord.get_profile().await {
            Ok(profile) if profile.is_bot => Some(BotUser {
                tag: user_tag(&profile.username, &profile.discriminator),
                id: profile.id,
            }),
            Ok(_) => None,
            Err(_) if discord.is_token_refused() => None,
            Err(error) => return Err(error),
        };
        if user.is_none() {
            let until = self.clock.monotonic() + REMEMBERED;
            self.refused.insert(hash, until);
            self.slow_down();
            parts.limits.charge_bot_refusal(address, true);
        }
        let tried = user.map(|user| Tried {
            user,
            token: hash,
            discord,
        });
        Ok((asked, tried))
    }

    /// Passes for a token that Discord may be asked about.
    fn check(&self, token: TokenHash, address: IpAddr, parts: &Parts) -> Result<(), Error> {
        self.check_known(token, address, &parts.limits)?;
        let paused = parts.limits.check_all_bot_refusals();
        paused.map_err(|refused| Error::UpstreamPaused(refused.0))
    }

    /// Passes for a token that nothing is known of.
    fn check_known(&self, token: TokenHash, address: IpAddr, limits: &Limits) -> Result<(), Error> {
        check_address(limits, address)?;
        if self.is_refused(&token) {
            limits.charge_bot_refusal(address, false);
            return Err(Error::Unauthorized);
        }
        Ok(())
    }

    /// Waits for a place among those whose tokens are tried, while refusals are not too many.
    async fn place(&self) -> Result<SemaphorePermit<'_>, Error> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let place = self.places.acquire().await.map_err(Error::internal)?;
            let (next, now) = (*self.next(), Instant::now());
            if next <= now {
                return Ok(place);
            }
            drop(place);
            if next > deadline {
                return Err(Error::UpstreamPaused(next - now));
            }
            sleep(next - now).await;
        }
    }

    fn slow_down(&self) {
        let mut next = self.next();
        *next = Instant::now().max(*next) + SPACING;
    }

    fn next(&self) -> MutexGuard<'_, Instant> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_refused(&self, token: &TokenHash) -> bool {
        let until = self.refused.get(token);
        until.is_some_and(|until| until > self.clock.monotonic())
    }

    fn turn(&self, token: TokenHash) -> Arc<Turn> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&token).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::default());
        turns.insert(token, Arc::downgrade(&turn));
        turn
    }
}

/// Passes for an address that has not brought too many wrong ones.
fn check_address(limits: &Limits, address: IpAddr) -> Result<(), Error> {
    let limited = limits.check_bot_refusals(address);
    limited.map_err(|refused| Error::Limited(refused.0))
}

/// Whether it looks like a bot's token: its id in base64, a time and a signature. What does not is
/// nothing to bother Discord with.
fn is_shaped(token: &str) -> bool {
    let is_text = |part: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        !part.is_empty() && part.bytes().all(is_known)
    };
    let mut parts = token.split('.');
    token.len() <= TOKEN_MAX_BYTES
        && parts.next().is_some_and(is_id)
        && parts.next().is_some_and(is_text)
        && parts.next().is_some_and(is_text)
        && parts.next().is_none()
}

/// Whether it is a snowflake's digits in base64 without padding.
fn is_id(part: &str) -> bool {
    let decoded = STANDARD_NO_PAD
        .decode(part)
        .or_else(|_| URL_SAFE_NO_PAD.decode(part));
    let id = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    id.is_some_and(|id| id.parse::<UserId>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::is_shaped;

    #[test]
    fn a_bots_token_has_three_parts() {
        let good = "MTEwNDU1NjEyMDU5MDgwODU3Nw.GabcdE.0123456789abcdefghijklmnopq";
        assert!(is_shaped(good));
        let long = format!("{good}0123456789_-");
        assert!(is_shaped(&long));
        for bad in [
            "",
            "x",
            "MTEwNDU1NjEyMDU5MDgwODU3Nw",
            "MTEwNDU1NjEyMDU5MDgwODU3Nw.GabcdE",
            "MTEwNDU1NjEyMDU5MDgwODU3Nw.GabcdE.",
            "MTEwNDU1NjEyMDU5MDgwODU3Nw..0123456789abcdefghijklmnopq",
            "MDE.GabcdE.0123456789abcdefghijklmnopq",
            "MTEwNDU1NjEyMDU5MDgwODU3Nw.GabcdE.0123456789abcdefghijklmnopq.x",
            "MTEwNDU1NjEyMDU5MDgwODU3Nw.GabcdE.0123456789abcdefghijklmno\\r\\n",
            "bm90IGEgbnVtYmVyIGF0IGFsbA.GabcdE.0123456789abcdefghijklmnopq",
            " MTEwNDU1NjEyMDU5MDgwODU3Nw.GabcdE.0123456789abcdefghijklmnopq",
        ] {
            assert!(!is_shaped(bad), "{bad}");
        }
    }
}
