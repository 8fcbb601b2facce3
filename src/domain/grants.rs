//! What Discord has granted the server to read for users who came through another site's page:
//! kept encrypted, renewed when it ends, given back when no session needs it. `domain::login` puts
//! grants in, `domain::user_guilds` reads with them.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use zeroize::Zeroizing;

use super::seal::{Keyring, Unopened};
use crate::clock::Clock;
use crate::db::Db;
use crate::db::grants::{self, Sealed};
use crate::db::tokens::{self, Kind};
use crate::discord::oauth::{Grant, OAuth, UserGuild};
use crate::error::Error;
use crate::ids::UserId;
use crate::secret::Secret;

/// How long a list of guilds is believed.
const GUILDS_LIFETIME: Duration = Duration::from_mins(1);
/// Most lists remembered at once.
const GUILDS_MAX: u64 = 10_000;
/// A grant is renewed when it has less than this left.
const EARLY_MS: i64 = 60_000;
/// How often grants are looked after.
const TEND_EVERY: Duration = Duration::from_hours(1);
/// How many of them are read at once then.
const BATCH: i64 = 100;

/// Discord's tokens as they are encrypted: `&str` to write them, `String` to read.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    access: T,
    refresh: T,
    ends_ms: i64,
}

/// A grant that was opened.
struct Opened {
    access: Secret,
    refresh: Secret,
    ends_ms: i64,
}

/// A user's guilds, as Discord told them.
pub type GuildList = Arc<[UserGuild]>;

/// An answer of Discord's, and when it came.
#[derive(Clone)]
struct Seen {
    at: Duration,
    answer: Result<Option<GuildList>, Arc<Error>>,
}

/// All grants.
pub struct Grants {
    oauth: Option<Arc<OAuth>>,
    keys: Keyring,
    db: Db,
    clock: Clock,
    guilds: Cache<UserId, Seen>,
}

impl Grants {
    /// The grants kept in `db`, under `keys`. `oauth` is `None` while no application is
    /// configured.
    pub fn new(oauth: Option<Arc<OAuth>>, keys: Keyring, db: Db, clock: Clock) -> Self {
        Self {
            oauth,
            keys,
            db,
            clock,
            guilds: Cache::new(GUILDS_MAX),
        }
    }

    /// Encrypts a grant for the row of `user`.
    ///
    /// # Errors
    /// 500 when it cannot be encrypted.
    pub fn seal(&self, user: UserId, grant: &Grant) -> Result<Sealed, Error> {
        let lifetime_ms = i64::try_from(grant.lifetime.as_millis()).unwrap_or(i64::MAX);
        let stored = Stored {
            access: grant.access.expose(),
            refresh: grant.refresh.expose(),
            ends_ms: self.clock.now_ms().saturating_add(lifetime_ms),
        };
        let plain = Zeroizing::new(serde_json::to_vec(&stored).map_err(Error::internal)?);
        Ok(Sealed {
            key_id: self.keys.current_id().to_owned(),
            bytes: self.keys.seal(&place(user), &plain)?,
        })
    }

    /// Whether a user's grant is kept.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_kept(&self, user: UserId) -> Result<bool, Error> {
        let kept = self.db.quick(move |conn| grants::find(conn, user)).await?;
        Ok(kept.is_some())
    }

    /// Remembers what a new grant was just used to read.
    pub async fn remember(&self, user: UserId, guilds: GuildList) {
        let at = self.clock.monotonic();
        let answer = Ok(Some(guilds));
        self.guilds.insert(user, Seen { at, answer }).await;
    }

    /// The user's guilds, as Discord told them a minute ago at most; `None` where no grant is kept
    /// that Discord still honours. Whoever asks at the same time gets the same answer.
    ///
    /// # Errors
    /// 502, 503 and 504 for Discord's failures, the database's otherwise.
    pub async fn list_guilds(self: &Arc<Self>, user: UserId) -> Result<Option<GuildList>, Error> {
        let this = Arc::clone(self);
        // In a task of its own: a renewed grant is lost unless it is written, whoever waits.
        let reading = tokio::spawn(async move {
            let now = this.clock.monotonic();
            let is_old = |seen: &Seen| {
                !matches!(seen.answer, Ok(Some(_)))
                    || now.saturating_sub(seen.at) >= GUILDS_LIFETIME
            };
            let read = async {
                let answer = this.read_guilds(user).await.map_err(Arc::new);
                let at = this.clock.monotonic();
                Seen { at, answer }
            };
            let entry = this.guilds.entry(user);
            entry.or_insert_with_if(read, is_old).await.into_value()
        });
        let seen = reading.await.map_err(Error::internal)?;
        seen.answer.map_err(|error| error.again())
    }

    /// Gives a user's grant back when no living session needs it: Discord forgets it, and so do
    /// we. What Discord does not take back now is tried again within the hour.
    ///
    /// # Errors
    /// The database's; 502, 503 and 504 for Discord's failures.
    pub async fn give_back(&self, user: UserId) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        let find = move |conn: &mut _| {
            let sessions = tokens::count_of_kind(conn, user, Kind::Bearer, now_ms)?;
            let is_needed = sessions > 0;
            grants::find(conn, user).map(|kept| kept.filter(|_| !is_needed))
        };
        let Some(sealed) = self.db.run(find).await? else {
            return Ok(());
        };
        self.guilds.invalidate(&user).await;
        // One that does not open is of no use to anybody.
        if let (Some(oauth), Some(opened)) = (&self.oauth, self.open(user, &sealed)) {
            oauth.revoke(&opened.access).await?;
        }
        self.delete(user, sealed).await
    }

    /// Encrypts with the current key what is under an older one, and gives back what no session
    /// needs: at the start and every hour, until the server stops.
    pub async fn run(&self, mut stopped: watch::Receiver<bool>) {
        let mut ticks = interval(TEND_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = async { ticks.tick().await; self.tend().await; } => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
        }
    }

    /// One round of [`run`](Self::run).
    pub async fn tend(&self) {
        if let Err(error) = self.seal_anew().await {
            tracing::error!(?error, "grants stay under an old key, trying again");
        }
        if let Err(error) = self.give_back_unneeded().await {
            tracing::warn!(?error, "grants were not given back, trying again");
        }
    }

    async fn seal_anew(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let current = self.keys.current_id().to_owned();
            let find =
                move |conn: &mut _| grants::list_under_other_keys(conn, &current, after, BATCH);
            let batch = self.db.run(find).await?;
            let Some((last, _)) = batch.last() else {
                return Ok(());
            };
            after = Some(*last);
            for (user, old) in batch {
                let plain = self.keys.open(&old.key_id, &place(user), &old.bytes);
                let Ok(plain) = plain.inspect_err(|why| warn_unopened(user, *why)) else {
                    continue;
                };
                let new = Sealed {
                    key_id: self.keys.current_id().to_owned(),
                    bytes: self.keys.seal(&place(user), &plain)?,
                };
                self.replace(user, old, new).await?;
            }
        }
    }

    async fn give_back_unneeded(&self) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        let list = move |conn: &mut _| grants::list_unneeded(conn, now_ms, BATCH);
        for user in self.db.run(list).await? {
            self.give_back(user).await?;
        }
        Ok(())
    }

    async fn read_guilds(&self, user: UserId) -> Result<Option<GuildList>, Error> {
        let kept = self.db.quick(move |conn| grants::find(conn, user)).await?;
        let (Some(oauth), Some(kept)) = (&self.oauth, kept) else {
            return Ok(None);
        };
        let Some(opened) = self.open(user, &kept) else {
            return Ok(None);
        };
        if opened.ends_ms.saturating_sub(EARLY_MS) > self.clock.now_ms()
            && let Some(guilds) = oauth.find_user_guilds(&opened.access).await?
        {
            return Ok(Some(guilds.into()));
        }
        // It has ended, or Discord has ended it before its time.
        let Some(renewed) = self.renew(oauth, user, kept, &opened.refresh).await? else {
            return Ok(None);
        };
        let guilds = oauth.find_user_guilds(&renewed.access).await?;
        Ok(guilds.map(Into::into))
    }

    /// Trades a grant for its successor, which is kept before it is used: Discord has forgotten
    /// the old one by then. `None` where Discord honours it no more, or the user has come or gone
    /// in the meantime.
    async fn renew(
        &self,
        oauth: &OAuth,
        user: UserId,
        old: Sealed,
        refresh: &Secret,
    ) -> Result<Option<Grant>, Error> {
        let Some(renewed) = oauth.refresh(refresh).await? else {
            tracing::info!(user_id = %user, "discord honours a grant no more: it is dropped");
            self.delete(user, old).await?;
            return Ok(None);
        };
        let sealed = self.seal(user, &renewed)?;
        let is_kept = self.replace(user, old, sealed).await?;
        Ok(is_kept.then_some(renewed))
    }

    async fn replace(&self, user: UserId, old: Sealed, new: Sealed) -> Result<bool, Error> {
        let now_ms = self.clock.now_ms();
        let row = Arc::new((old, new));
        let replace = move |conn: &mut _| grants::replace(conn, user, &row.0, &row.1, now_ms);
        self.db.write_patiently(replace).await
    }

    async fn delete(&self, user: UserId, grant: Sealed) -> Result<(), Error> {
        let delete = move |conn: &mut _| grants::delete(conn, user, &grant);
        self.db.write(delete).await.map(drop)
    }

    fn open(&self, user: UserId, sealed: &Sealed) -> Option<Opened> {
        let plain = self
            .keys
            .open(&sealed.key_id, &place(user), &sealed.bytes)
            .inspect_err(|why| warn_unopened(user, *why))
            .ok()?;
        let stored: Stored<String> = serde_json::from_slice(&plain).ok()?;
        Some(Opened {
            access: Secret::new(stored.access),
            refresh: Secret::new(stored.refresh),
            ends_ms: stored.ends_ms,
        })
    }
}

/// What a row's content is bound to: moved to another user's it does not open.
fn place(user: UserId) -> Vec<u8> {
    format!("user_grants {user}").into_bytes()
}

fn warn_unopened(user: UserId, why: Unopened) {
    tracing::warn!(user_id = %user, %why, "a grant does not open: its user has to log in again");
}
