//! Login sessions and API tokens: issue, verify, extend, list, revoke. The guard of `http` asks
//! here who is calling; `domain::login` and the token routes issue.
//!
//! A token is kept as its SHA-256 only. Verified ones are remembered in memory, so that a request
//! costs no query; the extension of a lifetime is written at most once a minute per token.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use moka::sync::Cache;
use rand::distr::{Alphanumeric, SampleString as _};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::db::tokens::{self, Hash, Kind, NewToken, Token};
use crate::db::{AnyConnection, Db, QueryResult};
use crate::error::Error;
use crate::ids::UserId;

/// Characters of a token, all of `[0-9A-Za-z]`. Contract 2.
pub const TOKEN_LENGTH: usize = 64;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A token ends this long after its last use.
const LIFETIME_MS: i64 = 7 * DAY_MS;
/// And in any case this long after it was issued.
const CAP_MS: i64 = 90 * DAY_MS;
/// An extension is written at most this often per token.
const WRITE_EVERY_MS: u64 = 60_000;
/// Most named tokens of one user.
const NAMED_MAX: i64 = 10;
/// Most verified tokens remembered.
const REMEMBERED_MAX: u64 = 100_000;

/// What a caller presented: a user id and the token that is said to be theirs.
#[derive(Clone, Copy)]
pub struct Credential {
    user: UserId,
    kind: Kind,
    hash: Hash,
}

impl Credential {
    /// A credential of `user`, if `token` has the form of one.
    pub fn new(user: UserId, token: &str, kind: Kind) -> Option<Self> {
        let shaped =
            token.len() == TOKEN_LENGTH && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
        shaped.then(|| Self {
            user,
            kind,
            hash: Sha256::digest(token).into(),
        })
    }
}

/// A caller whose credential was good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Who it is.
    pub user: UserId,
    /// The number of the token.
    pub token_id: i64,
    /// What the token is for.
    pub kind: Kind,
}

/// A token that was just made. This is the only time it is seen.
#[derive(Debug)]
pub struct Issued {
    /// Its number.
    pub id: i64,
    /// The token.
    pub token: String,
    /// When it ends unless it is used before, in Unix milliseconds.
    pub expires_ms: i64,
}

/// A verified token, as it is remembered.
struct Remembered {
    id: i64,
    user: UserId,
    kind: Kind,
    hash: Hash,
    cap_ms: i64,
    used_ms: AtomicI64,
    expires_ms: AtomicI64,
    written_ms: AtomicI64,
}

/// All tokens.
pub struct Tokens {
    db: Db,
    clock: Clock,
    remembered: Cache<Hash, Arc<Remembered>>,
    /// Used since they were last written.
    unwritten: Mutex<HashMap<i64, Arc<Remembered>>>,
    /// Counts revocations: what was read before one is not remembered after it.
    revocations: watch::Sender<u64>,
}

impl Tokens {
    /// The tokens kept in `db`.
    pub fn new(db: Db, clock: Clock) -> Self {
        Self {
            db,
            clock,
            remembered: Cache::new(REMEMBERED_MAX),
            unwritten: Mutex::default(),
            revocations: watch::Sender::new(0),
        }
    }

    /// Verifies a credential from memory; `None` says nothing about one that is not remembered.
    pub fn recall(&self, credential: &Credential) -> Option<Identity> {
        let remembered = self.remembered.get(&credential.hash)?;
        self.accept(&remembered, credential)
    }

    /// Verifies a credential and extends its lifetime.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for one that is unknown, of another user or kind, ended or revoked;
    /// the database's otherwise.
    pub async fn verify(&self, credential: &Credential) -> Result<Identity, Error> {
        let revocations = *self.revocations.borrow();
        let hash = credential.hash;
        let token = self.db.quick(move |conn| tokens::find(conn, &hash)).await?;
        let remembered = Arc::new(remember(&token.ok_or(Error::Unauthorized)?, hash));
        let identity = self
            .accept(&remembered, credential)
            .ok_or(Error::Unauthorized)?;
        self.remembered.insert(hash, remembered);
        if *self.revocations.borrow() != revocations {
            self.remembered.invalidate(&hash);
        }
        Ok(identity)
    }

    /// Makes a token of a user who is in the database. Revokes none.
    ///
    /// # Errors
    /// The database's.
    pub async fn issue(&self, user: UserId, kind: Kind) -> Result<Issued, Error> {
        self.issue_after(user, kind, |_| Ok(())).await
    }

    /// The same for a user who is put into the database by `first`; both or neither is done.
    ///
    /// # Errors
    /// The database's.
    pub async fn issue_after(
        &self,
        user: UserId,
        kind: Kind,
        first: impl FnOnce(&mut AnyConnection) -> QueryResult<()> + Send + 'static,
    ) -> Result<Issued, Error> {
        let (token, row) = self.draw(user, kind, String::new());
        let expires_ms = row.expires_ms;
        let insert = move |conn: &mut AnyConnection| {
            first(conn)?;
            tokens::insert(conn, &row)
        };
        let id = self.db.write(insert).await?;
        Ok(Issued {
            id,
            token,
            expires_ms,
        })
    }

    /// Makes a named API token.
    ///
    /// # Errors
    /// 409 where the user has ten of them already; the database's otherwise.
    pub async fn issue_named(&self, user: UserId, name: String) -> Result<Issued, Error> {
        let now_ms = self.clock.now_ms();
        let (token, row) = self.draw(user, Kind::Api, name);
        let expires_ms = row.expires_ms;
        let id = self
            .db
            .write(move |conn| {
                if tokens::count_named(conn, user, now_ms)? >= NAMED_MAX {
                    return Ok(None);
                }
                tokens::insert(conn, &row).map(Some)
            })
            .await?
            .ok_or_else(|| Error::Conflict("you have 10 named tokens, revoke one first".into()))?;
        Ok(Issued {
            id,
            token,
            expires_ms,
        })
    }

    /// A user's living tokens, oldest first, with the times that are not written yet.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(&self, user: UserId) -> Result<Vec<Token>, Error> {
        let now_ms = self.clock.now_ms();
        let mut list = self
            .db
            .run(move |conn| tokens::list(conn, user, now_ms))
            .await?;
        let unwritten = self.unwritten();
        for token in &mut list {
            if let Some(newer) = unwritten.get(&token.id) {
                token.used_ms = newer.used_ms.load(Ordering::Relaxed);
                token.expires_ms = newer.expires_ms.load(Ordering::Relaxed);
            }
        }
        Ok(list)
    }

    /// Ends a user's token at once; says whether there was one of this number.
    ///
    /// # Errors
    /// The database's; the token then lives on.
    pub async fn revoke(&self, user: UserId, id: i64) -> Result<bool, Error> {
        let hash = self
            .db
            .write(move |conn| tokens::delete(conn, user, id))
            .await?;
        let count_silently = |count: &mut u64| {
            *count += 1;
            false
        };
        self.revocations.send_if_modified(count_silently);
        if let Some(hash) = hash {
            self.remembered.invalidate(&hash);
        }
        self.unwritten().remove(&id);
        // Whoever is told finds the token gone.
        self.revocations.send_modify(|_| {});
        Ok(hash.is_some())
    }

    /// Whether a credential that was verified before is still good; extends nothing.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_good(&self, credential: &Credential) -> Result<bool, Error> {
        let hash = credential.hash;
        let remembered = if let Some(remembered) = self.remembered.get(&hash) {
            remembered
        } else {
            let token = self.db.quick(move |conn| tokens::find(conn, &hash)).await?;
            let Some(token) = token else {
                return Ok(false);
            };
            Arc::new(remember(&token, hash))
        };
        Ok(is_same(&remembered, credential, self.clock.now_ms()))
    }

    /// Resolves whenever some token was revoked.
    pub fn revocations(&self) -> watch::Receiver<u64> {
        self.revocations.subscribe()
    }

    /// Writes the extensions that wait and removes what has ended. Called every few seconds and
    /// at the end; losing one only shortens a lifetime.
    ///
    /// # Errors
    /// The database's; they are tried again the next time.
    pub async fn flush(&self) -> Result<(), Error> {
        let waiting: Vec<_> = self.unwritten().drain().map(|(_, token)| token).collect();
        let now_ms = self.clock.now_ms();
        let rows: Vec<_> = waiting
            .iter()
            .map(|token| {
                token.written_ms.store(now_ms, Ordering::Relaxed);
                let used_ms = token.used_ms.load(Ordering::Relaxed);
                (token.id, used_ms, token.expires_ms.load(Ordering::Relaxed))
            })
            .collect();
        let written = self
            .db
            .write(move |conn| {
                for (id, used_ms, expires_ms) in rows {
                    tokens::extend(conn, id, used_ms, expires_ms)?;
                }
                tokens::purge(conn, now_ms)
            })
            .await;
        if written.is_err() {
            self.unwritten()
                .extend(waiting.into_iter().map(|token| (token.id, token)));
        }
        written.map(drop)
    }

    /// Checks a remembered token against what was presented, and extends it.
    fn accept(&self, token: &Arc<Remembered>, presented: &Credential) -> Option<Identity> {
        let now_ms = self.clock.now_ms();
        if !is_same(token, presented, now_ms) {
            return None;
        }
        token.used_ms.store(now_ms, Ordering::Relaxed);
        token
            .expires_ms
            .store((now_ms + LIFETIME_MS).min(token.cap_ms), Ordering::Relaxed);
        // The clock may have been set back.
        if now_ms.abs_diff(token.written_ms.load(Ordering::Relaxed)) >= WRITE_EVERY_MS {
            self.unwritten()
                .entry(token.id)
                .or_insert_with(|| Arc::clone(token));
        }
        Some(Identity {
            user: token.user,
            token_id: token.id,
            kind: token.kind,
        })
    }

    fn draw(&self, user: UserId, kind: Kind, name: String) -> (String, NewToken) {
        let token = random_text(TOKEN_LENGTH);
        let created_ms = self.clock.now_ms();
        let row = NewToken {
            user,
            kind,
            name,
            hash: Sha256::digest(&token).into(),
            created_ms,
            expires_ms: created_ms + LIFETIME_MS,
            cap_ms: created_ms + CAP_MS,
        };
        (token, row)
    }

    fn unwritten(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Arc<Remembered>>> {
        self.unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a token lives and is what was presented.
fn is_same(token: &Remembered, presented: &Credential, now_ms: i64) -> bool {
    let same: bool = token.hash.ct_eq(&presented.hash).into();
    let lives = token.expires_ms.load(Ordering::Relaxed) > now_ms;
    same && lives && token.user == presented.user && token.kind == presented.kind
}

fn remember(token: &Token, hash: Hash) -> Remembered {
    Remembered {
        id: token.id,
        user: token.user(),
        kind: token.kind(),
        hash,
        cap_ms: token.cap_ms,
        used_ms: AtomicI64::new(token.used_ms),
        expires_ms: AtomicI64::new(token.expires_ms),
        written_ms: AtomicI64::new(token.used_ms),
    }
}

/// `length` characters of `[0-9A-Za-z]` from the operating system's generator.
pub fn random_text(length: usize) -> String {
    Alphanumeric.sample_string(&mut UnwrapErr(SysRng), length)
}
