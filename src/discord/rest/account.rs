//! A bot's token and the limits that Discord keeps for it. Called by `rest::call`.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::Urgency;
use super::answer::{Answer, Failure, Scope, Verdict};
use super::buckets::{Admission, Buckets, Key, Outcome};
use super::budget::{Budget, Level};
use super::pace::Pace;
use super::route::Route;
use crate::clock::Clock;
use crate::error::Error;
use crate::secret::Secret;

/// Requests a second of all, and of those in the background: Discord takes 50 of a bot. Five are
/// left for what the network brings together, and for serenity's own; ten for those who wait.
const ALL_PER_SECOND: u32 = 40;
const BACKGROUND_PER_SECOND: u32 = 30;
/// So many at once.
const BURST: u32 = 5;

/// Requests of a guest that Discord may refuse in ten minutes before no more are sent.
const GUEST_REFUSALS_MAX: u32 = 50;

/// What is said of a token that Discord does not take.
pub(super) const REFUSED: Error = Error::Upstream("discord refuses the bot's token", None);

/// A bot, as Discord's HTTP API sees it. One is enough for all that is asked with its token.
#[derive(Debug)]
pub struct Account {
    token: Secret,
    /// Those of a bot that somebody else has brought along: its faults are not the operator's to
    /// hear of, and are counted apart.
    refusals: Option<Arc<Refusals>>,
    /// Discord has refused the token: it is not shown again, which would end in a ban.
    is_refused: watch::Sender<bool>,
    limits: Mutex<Limits>,
    /// A request has ended.
    ended: Notify,
    /// The pace is that of the network, whatever the clock says.
    since: Instant,
}

#[derive(Debug)]
struct Limits {
    trial: Trial,
    paused_until: Duration,
    buckets: Buckets,
    background: Pace,
    all: Pace,
}

/// What Discord has refused to a bot that somebody has brought along. It outlives the session: who
/// comes again goes on where the last session ended.
#[derive(Debug)]
pub struct Refusals(Mutex<Budget>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Mutex::new(Budget::new(GUEST_REFUSALS_MAX)))
    }
}

impl Refusals {
    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the token is good. Until it is known one request finds out, and if it is not there was
/// one invalid request, not one of everybody who came meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    Due,
    UnderWay,
    Passed,
}

/// The waiting that a call may still do before it is sent.
#[derive(Debug)]
pub(super) struct Patience(pub(super) Duration);

/// A request that may be sent; it counts until it is dropped.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    account: &'a Account,
    route: &'a Route,
    clock: &'a Clock,
    key: Key,
    is_trial: bool,
    outcome: Option<Outcome>,
    is_token_good: bool,
}

impl Account {
    /// The configured bot, of which nothing is known yet but its token.
    pub fn new(token: Secret) -> Self {
        Self::with(token, None)
    }

    /// A bot that somebody has brought along, and what Discord has refused to it so far.
    pub fn of_guest(token: Secret, refusals: Arc<Refusals>) -> Self {
        Self::with(token, Some(refusals))
    }

    fn with(token: Secret, refusals: Option<Arc<Refusals>>) -> Self {
        Self {
            token,
            refusals,
            is_refused: watch::Sender::new(false),
            limits: Mutex::new(Limits {
                trial: Trial::Due,
                paused_until: Duration::ZERO,
                buckets: Buckets::default(),
                background: Pace::new(BACKGROUND_PER_SECOND, BURST),
                all: Pace::new(ALL_PER_SECOND, BURST),
            }),
            ended: Notify::new(),
            since: Instant::now(),
        }
    }

    /// Whether Discord has refused the token.
    pub fn is_refused(&self) -> bool {
        *self.is_refused.borrow()
    }

    /// Waits until Discord has refused the token. Cancel safe.
    pub async fn refused(&self) {
        let mut refusal = self.is_refused.subscribe();
        // The sender lives as long as this.
        let _is_refused = refusal.wait_for(|is_refused| *is_refused).await;
    }

    /// Discord has refused the token, here or at the gateway: it is not shown again.
    pub fn refuse(&self) {
        let is_news = !self.is_refused.send_replace(true);
        if is_news && !self.is_guest() {
            tracing::error!("discord refuses the bot's token; it is not asked anything more");
        }
    }

    /// The token, for those who show it to Discord.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    pub(super) fn is_guest(&self) -> bool {
        self.refusals.is_some()
    }

    /// Waits until a request may be sent.
    ///
    /// # Errors
    /// 502 after Discord has refused the token; 429 and 504 when patience does not last.
    pub(super) async fn admit<'a>(
        &'a self,
        route: &'a Route,
        urgency: Urgency,
        clock: &'a Clock,
        patience: &mut Patience,
    ) -> Result<Permit<'a>, Error> {
        if urgency == Urgency::Background {
            self.take_place(|limits| &mut limits.background, patience)
                .await?;
        }
        let permit = loop {
            // Before the look at how things are, so that no end is missed.
            let mut ended = pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.is_refused() {
                return Err(REFUSED);
            }
            self.check_refusals(clock)?;
            match self.look(route, clock) {
                Ok(permit) => break permit,
                Err(Some(until)) => {
                    patience.take(until.saturating_sub(clock.monotonic()))?;
                    clock.sleep_until(until).await;
                }
                Err(None) => {
                    let began = Instant::now();
                    let waited = timeout(patience.0, ended).await;
                    waited.map_err(|_| Failure::TimedOut)?;
                    patience.0 = patience.0.saturating_sub(began.elapsed());
                }
            }
        };
        self.take_place(|limits| &mut limits.all, patience).await?;
        if self.is_refused() {
            return Err(REFUSED);
        }
        Ok(permit)
    }

    /// Passes unless Discord has refused a guest too much: the address they share would be banned.
    fn check_refusals(&self, clock: &Clock) -> Result<(), Error> {
        let now = clock.monotonic();
        let Some(refusals) = &self.refusals else {
            return Ok(());
        };
        let mut refusals = refusals.budget();
        if refusals.level(now) == Level::Spent {
            return Err(Error::UpstreamPaused(refusals.wait(now, Level::Spent)));
        }
        Ok(())
    }

    /// A permit, or when to come back; `None` is when another request has ended.
    fn look<'a>(
        &'a self,
        route: &'a Route,
        clock: &'a Clock,
    ) -> Result<Permit<'a>, Option<Duration>> {
        let now = clock.monotonic();
        let mut limits = self.limits();
        if now < limits.paused_until {
            return Err(Some(limits.paused_until));
        }
        if limits.trial == Trial::UnderWay {
            return Err(None);
        }
        let key = match limits.buckets.admit(route, now) {
            Admission::Go(key) => key,
            Admission::At(until) => return Err(Some(until)),
            Admission::AfterAnother => return Err(None),
        };
        let is_trial = limits.trial == Trial::Due;
        if is_trial {
            limits.trial = Trial::UnderWay;
        }
        Ok(Permit {
            account: self,
            route,
            clock,
            key,
            is_trial,
            outcome: None,
            is_token_good: false,
        })
    }

    async fn take_place(
        &self,
        pace: impl FnOnce(&mut Limits) -> &mut Pace,
        patience: &mut Patience,
    ) -> Result<(), Error> {
        let reserved = pace(&mut self.limits()).reserve(self.since.elapsed(), patience.0);
        let wait = reserved.map_err(Error::UpstreamLimited)?;
        patience.take(wait)?;
        if !wait.is_zero() {
            sleep(wait).await;
        }
        Ok(())
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Patience {
    /// Waits that long, if that is not too long.
    ///
    /// # Errors
    /// 429 with the wait.
    pub(super) fn take(&mut self, wait: Duration) -> Result<(), Error> {
        let left = self.0.checked_sub(wait);
        self.0 = left.ok_or(Error::UpstreamLimited(wait))?;
        Ok(())
    }
}

impl Permit<'_> {
    /// Whether it is for a bot that somebody has brought along.
    pub(super) fn is_guest(&self) -> bool {
        self.account.is_guest()
    }

    /// What the answer says of the limits; the request was sent at `sent_at`.
    pub(super) fn answered(&mut self, answer: &Answer, verdict: Verdict, sent_at: Duration) {
        let mut wait = None;
        match verdict {
            Verdict::Limited(Scope::All, all) => {
                let until = self.clock.monotonic() + all;
                let mut limits = self.account.limits();
                limits.paused_until = limits.paused_until.max(until);
            }
            Verdict::Limited(_, of_bucket) => wait = Some(of_bucket),
            Verdict::Unauthorized => self.account.refuse(),
            Verdict::Heard => self.is_token_good = true,
            Verdict::Blocked(_) | Verdict::OutOfOrder => {}
        }
        if answer.is_invalid() {
            let now = self.clock.monotonic();
            if let Some(refusals) = &self.account.refusals {
                refusals.budget().count(now);
            }
        }
        self.outcome = Some(Outcome {
            sent_at,
            standing: answer.standing(),
            wait,
            is_heard: verdict == Verdict::Heard,
        });
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let now = self.clock.monotonic();
        let mut limits = self.account.limits();
        let outcome = self.outcome.as_ref();
        limits.buckets.finish(self.route, &self.key, outcome, now);
        if self.is_token_good {
            limits.trial = Trial::Passed;
        } else if self.is_trial {
            limits.trial = Trial::Due;
        }
        drop(limits);
        self.account.ended.notify_waiters();
    }
}
