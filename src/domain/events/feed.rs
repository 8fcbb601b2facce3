//! The events of one listener: filtered, and ended when the credential is, or when the listener
//! does not keep up. Each has a task of its own, so that none waits for another. The live channels
//! of `http` open them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::audience::Listener;
use super::{Audience, Events, Mark, Missed, Published, Scope, Subscription};
use crate::clock::Clock;
use crate::domain::tokens::{Credential, Tokens};
use crate::error::Error;
use crate::ids::UserId;

/// Events that wait for a listener, beside those that the bus keeps.
const WAITING_MAX: usize = 32;
/// How long a listener may take none of them.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a credential is looked at that nobody has revoked.
const CHECK_EVERY: Duration = Duration::from_mins(1);
/// What those are told who have too many feeds open.
const TOO_MANY_WAIT: Duration = Duration::from_secs(10);

/// Why a feed has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The listener did not keep up.
    Slow,
    /// The credential is not good any more.
    Revoked,
}

/// What a listener hears.
#[derive(Debug, Clone)]
pub enum News {
    /// Something that it may see has happened.
    Event(Arc<Published>),
    /// Something has happened that is not known any more: all that it knows may be old.
    Missed,
}

/// All feeds.
pub struct Feeds {
    events: Arc<Events>,
    audience: Arc<Audience>,
    tokens: Arc<Tokens>,
    clock: Clock,
    open: Arc<Open>,
}

impl Feeds {
    /// Feeds of what is published on `events`: at most `per_user` of each user, `max` in all.
    pub fn new(
        events: Arc<Events>,
        audience: Audience,
        tokens: Arc<Tokens>,
        clock: Clock,
        (per_user, max): (usize, usize),
    ) -> Self {
        Self {
            events,
            audience: Arc::new(audience),
            tokens,
            clock,
            open: Arc::new(Open {
                users: Mutex::default(),
                per_user,
                max,
            }),
        }
    }

    /// A feed of what `user`, whose `credential` was just verified, may see; with `after`, of what
    /// is kept since then as well. Ends with its receiver.
    ///
    /// # Errors
    /// 429 where the user, or all users together, have too many.
    pub fn open(
        &self,
        user: UserId,
        credential: Credential,
        scope: Scope,
        after: Option<Mark>,
    ) -> Result<Feed, Error> {
        let place = Open::enter(&self.open, user).ok_or(Error::Limited(TOO_MANY_WAIT))?;
        let (news, heard) = mpsc::channel(WAITING_MAX);
        let end = Arc::new(OnceLock::new());
        let listener = self.audience.listener(user, scope);
        let subscription = self.events.subscribe(after, listener.may_see_log());
        let begins_after = subscription.begins_after;
        let mut task = Task {
            subscription,
            listener,
            credential,
            tokens: Arc::clone(&self.tokens),
            clock: self.clock.clone(),
            news,
            _place: place,
        };
        let told = Arc::clone(&end);
        tokio::spawn(async move {
            // Set before the task, and the sender with it, is dropped.
            if let Some(why) = task.run().await {
                let _only_once = told.set(why);
            }
        });
        Ok(Feed {
            begins_after,
            heard,
            end,
        })
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open.count()
    }
}

/// What one listener may see.
pub struct Feed {
    /// The place of the last event that is not in it.
    pub begins_after: Mark,
    heard: mpsc::Receiver<News>,
    end: Arc<OnceLock<End>>,
}

impl Feed {
    /// The next news; waits for it. Cancel safe.
    ///
    /// # Errors
    /// Why there will be no more.
    pub async fn next(&mut self) -> Result<News, End> {
        let end = || self.end.get().copied().unwrap_or(End::Slow);
        self.heard.recv().await.ok_or_else(end)
    }
}

struct Task {
    subscription: Subscription,
    listener: Listener,
    credential: Credential,
    tokens: Arc<Tokens>,
    clock: Clock,
    news: mpsc::Sender<News>,
    _place: Place,
}

impl Task {
    /// Passes on what may be seen until that has an end; `None` when nobody listens any more.
    async fn run(&mut self) -> Option<End> {
        let mut revocations = self.tokens.revocations();
        // One may have come between the verification and now.
        if !self.is_good().await {
            return Some(End::Revoked);
        }
        let mut check_at = self.clock.monotonic() + CHECK_EVERY;
        let mut has_started = false;
        loop {
            tokio::select! {
                biased;
                () = self.news.closed() => return None,
                _ = revocations.changed() => {
                    if !self.is_good().await {
                        return Some(End::Revoked);
                    }
                }
                () = self.clock.sleep_until(check_at) => {
                    if !self.is_good().await {
                        return Some(End::Revoked);
                    }
                    check_at = self.clock.monotonic() + CHECK_EVERY;
                }
                next = self.subscription.next() => {
                    let news = match next {
                        Ok(event) if self.listener.may_see(&event.event).await => News::Event(event),
                        Ok(_) => continue,
                        Err(Missed) if has_started => return Some(End::Slow),
                        Err(Missed) => News::Missed,
                    };
                    has_started = true;
                    if let Some(end) = self.tell(news).await {
                        return end;
                    }
                }
            }
        }
    }

    /// Gives the listener news; answers how the feed ends if that does not come about.
    async fn tell(&self, news: News) -> Option<Option<End>> {
        let until = self.clock.monotonic() + PATIENCE;
        tokio::select! {
            biased;
            told = self.news.send(news) => told.err().map(|_| None),
            () = self.clock.sleep_until(until) => Some(Some(End::Slow)),
        }
    }

    /// Whether the credential is still good. A database that cannot be asked ends nothing.
    async fn is_good(&self) -> bool {
        self.tokens.is_good(&self.credential).await.unwrap_or(true)
    }
}

/// How many feeds each user has.
struct Open {
    users: Mutex<HashMap<UserId, usize>>,
    per_user: usize,
    max: usize,
}

/// The right to have one feed; given back when it is dropped.
struct Place {
    open: Arc<Open>,
    user: UserId,
}

impl Open {
    fn users(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) -> usize {
        self.users().values().sum()
    }

    fn enter(open: &Arc<Self>, user: UserId) -> Option<Place> {
        let mut users = open.users();
        let all: usize = users.values().sum();
        let own = users.get(&user).copied().unwrap_or_default();
        if all >= open.max || own >= open.per_user {
            return None;
        }
        users.insert(user, own + 1);
        Some(Place {
            open: Arc::clone(open),
            user,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut users = self.open.users();
        if let Some(count) = users.get_mut(&self.user) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                users.remove(&self.user);
            }
        }
    }
}
