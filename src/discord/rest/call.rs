//! One request from its admission to its answer: gates, tries and what is learned of them. Called
//! by `rest`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Method, Request, RequestBuilder};
use tokio::time::sleep;

use super::account::{Account, Patience, Permit, REFUSED};
use super::answer::{Answer, Failure, Verdict};
use super::breaker::{Breaker, Pass};
use super::budget::{Budget, Level};
use super::route::Route;
use super::{Manner, Urgency};
use crate::clock::Clock;
use crate::config;
use crate::discord::client;
use crate::error::Error;

/// All that Discord asks to be waited for is kept to within this. Contract 6.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// For all tries together, waits that Discord asks for not counted.
const TIME_MAX: Duration = Duration::from_secs(10);
/// For a try that another one can follow.
const TRY_TIME_MAX: Duration = Duration::from_secs(5);
/// How often something is read that Discord fails to tell.
const TRIES_MAX: u32 = 3;
/// The longest pause before the second try; twice as long before the third.
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// Of the invalid requests this part is left to guests: with all of it used the configured bot still
/// asks whatever it wants.
const GUESTS_SHARE: u32 = 5;
/// How often Discord may ask one call to wait.
const LIMITS_MAX: u32 = 3;

/// What all requests of this process have in common, whatever token they show: Discord counts
/// invalid ones by address, and is out of order for all.
#[derive(Debug)]
pub struct Rest {
    http: Client,
    /// What all addresses begin with.
    url: String,
    clock: Clock,
    health: Mutex<Health>,
}

#[derive(Debug)]
struct Health {
    budget: Budget,
    /// The part of it that guests may use, all together.
    guests: Budget,
    breaker: Breaker,
}

/// Somebody's limits, and what a request counts for in them.
type Line<'a> = Option<(&'a Account, &'a Route)>;

/// A request under way.
struct Started<'a> {
    rest: &'a Rest,
    /// `None` once it has been told how it went.
    pass: Option<Pass>,
}

impl Rest {
    /// Nothing has been asked yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn open(config: &config::Discord, clock: Clock) -> Result<Self, Error> {
        Ok(Self {
            http: client(config)?,
            url: config.rest_url().to_owned(),
            clock,
            health: Mutex::new(Health {
                budget: Budget::new(config.invalid_requests_max),
                guests: Budget::new((config.invalid_requests_max / GUESTS_SHARE).max(1)),
                breaker: Breaker::default(),
            }),
        })
    }

    /// What connects to Discord. None of the limits hold for what is asked with it directly.
    pub(in crate::discord) fn http(&self) -> &Client {
        &self.http
    }

    /// A request for a path of the API; nobody has signed it yet.
    pub(in crate::discord) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v10{path}", self.url);
        self.http.request(method, url)
    }

    /// Makes a request for a path with a bot's token, within its limits.
    pub(super) async fn call_as(
        &self,
        account: &Account,
        path: &str,
        request: RequestBuilder,
        manner: Manner,
    ) -> Result<Answer, Error> {
        let token = HeaderValue::try_from(format!("Bot {}", account.token().expose()));
        let mut token = token.map_err(Error::internal)?;
        token.set_sensitive(true);
        let request = request.header(AUTHORIZATION, token).build();
        let request = request.map_err(|error| Error::internal(error.without_url()))?;
        let route = Route::of(request.method(), path);
        // Boxed, since everything that asks Discord something would be as large.
        Box::pin(self.run(Some((account, &route)), &request, manner)).await
    }

    /// Makes a request that brings a credential of its own; a `GET` is made again when Discord
    /// fails.
    ///
    /// # Errors
    /// 429 and 503 when Discord limits us or is left alone, 502 and 504 for its failures. Other
    /// refusals, 401 among them, are answers.
    pub(in crate::discord) async fn call(&self, request: RequestBuilder) -> Result<Answer, Error> {
        let request = request.build();
        let request = request.map_err(|error| Error::internal(error.without_url()))?;
        let manner = if request.method() == Method::GET {
            Manner::READ.with(Urgency::Interactive)
        } else {
            Manner::WRITE
        };
        Box::pin(self.run(None, &request, manner)).await
    }

    async fn run(
        &self,
        line: Line<'_>,
        request: &Request,
        manner: Manner,
    ) -> Result<Answer, Error> {
        let mut patience = Patience(WAIT_MAX);
        let mut time_left = TIME_MAX;
        let (mut tries, mut limits) = (0, 0);
        let mut failed: Option<Error> = None;
        loop {
            let permit = match line {
                None => None,
                Some((account, route)) => {
                    let permit = account.admit(route, manner.urgency, &self.clock, &mut patience);
                    match permit.await {
                        Ok(permit) => Some(permit),
                        Err(error) => return Err(failed.unwrap_or(error)),
                    }
                }
            };
            let is_guest = line.is_some_and(|(account, _)| account.is_guest());
            let started = match self.start(manner.urgency, is_guest) {
                Ok(started) => started,
                // What has just gone wrong says more.
                Err(error) => return Err(failed.unwrap_or(error)),
            };
            tries += 1;
            let began = Instant::now();
            let may_repeat = manner.is_repeated && tries < TRIES_MAX;
            let time_max = if may_repeat { TRY_TIME_MAX } else { TIME_MAX };
            let mut request = request
                .try_clone()
                .ok_or_else(|| Error::internal("a body that cannot be sent twice"))?;
            *request.timeout_mut() = Some(time_max.min(time_left));
            let failure = match self.attempt(request, permit, started).await {
                Ok((_, Verdict::Unauthorized)) if line.is_some() => return Err(REFUSED),
                Ok((answer, Verdict::Heard | Verdict::Unauthorized)) => return Ok(answer),
                Ok((_, Verdict::Blocked(wait))) => return Err(Error::UpstreamPaused(wait)),
                Ok((_, Verdict::Limited(_, wait))) => {
                    limits += 1;
                    if limits == LIMITS_MAX {
                        return Err(Error::UpstreamLimited(wait));
                    }
                    // With a line it is waited for there, by all who want the same.
                    if line.is_none() {
                        patience.take(wait)?;
                        self.clock.sleep_until(self.clock.monotonic() + wait).await;
                    }
                    tries -= 1;
                    continue;
                }
                Ok((answer, Verdict::OutOfOrder)) => Failure::OutOfOrder(answer.status()),
                Err(failure) => failure,
            };
            if !may_repeat || !failure.is_passing() {
                return Err(failure.into());
            }
            let pause = PAUSE_MAX * tries;
            let pause = pause.mul_f64(rand::random_range(0.5..1.0));
            time_left = time_left.saturating_sub(began.elapsed() + pause);
            if time_left.is_zero() {
                return Err(failure.into());
            }
            failed = Some(failure.into());
            sleep(pause).await;
        }
    }

    /// Sends a request, and remembers what its answer says.
    async fn attempt(
        &self,
        request: Request,
        permit: Option<Permit<'_>>,
        started: Started<'_>,
    ) -> Result<(Answer, Verdict), Failure> {
        let sent_at = self.clock.monotonic();
        let answer = match Answer::to(&self.http, request).await {
            Ok(answer) => answer,
            Err(failure) => {
                // Whatever is too long has been said by somebody.
                started.end(!failure.is_passing());
                return Err(failure);
            }
        };
        let verdict = answer.verdict();
        started.end(verdict != Verdict::OutOfOrder);
        let is_guest = permit.as_ref().is_some_and(Permit::is_guest);
        self.learn(&answer, verdict, is_guest);
        if let Some(mut permit) = permit {
            permit.answered(&answer, verdict, sent_at);
        }
        Ok((answer, verdict))
    }

    /// Lets a request out, if anything may be asked now.
    ///
    /// # Errors
    /// 503 with the time after which to come back.
    fn start(&self, urgency: Urgency, is_guest: bool) -> Result<Started<'_>, Error> {
        let now = self.clock.monotonic();
        let mut health = self.health();
        if is_guest && health.guests.level(now) == Level::Spent {
            let wait = health.guests.wait(now, Level::Spent);
            return Err(Error::UpstreamPaused(wait));
        }
        let bound = match urgency {
            Urgency::Interactive => Level::Spent,
            Urgency::Background => Level::Scarce,
        };
        if health.budget.level(now) >= bound {
            return Err(Error::UpstreamPaused(health.budget.wait(now, bound)));
        }
        let pass = health.breaker.admit(now).map_err(Error::UpstreamPaused)?;
        Ok(Started {
            rest: self,
            pass: Some(pass),
        })
    }

    fn learn(&self, answer: &Answer, verdict: Verdict, is_guest: bool) {
        let now = self.clock.monotonic();
        let mut health = self.health();
        if let Verdict::Blocked(wait) = verdict {
            health.breaker.open(now + wait);
        }
        let reached = answer.is_invalid().then(|| health.budget.count(now));
        if is_guest && answer.is_invalid() {
            health.guests.count(now);
        }
        drop(health);
        match verdict {
            Verdict::Blocked(wait) => {
                tracing::error!(
                    ?wait,
                    "discord keeps this address away: nothing is asked until then"
                );
            }
            Verdict::Limited(scope, wait) => tracing::warn!(?scope, ?wait, "discord limits us"),
            _ => {}
        }
        match reached.flatten() {
            Some(Level::Spent) => {
                tracing::error!(
                    "too many invalid requests: discord is not asked anything more for some minutes"
                );
            }
            Some(Level::Scarce) => {
                tracing::error!("many invalid requests: discord is asked what is urgent only");
            }
            Some(Level::Noticed) => tracing::warn!("discord refuses many requests"),
            Some(Level::Quiet) | None => {}
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Started<'_> {
    /// It has ended.
    fn end(mut self, is_answered: bool) {
        let Some(pass) = self.pass.take() else { return };
        let now = self.rest.clock.monotonic();
        let mut health = self.rest.health();
        if is_answered {
            health.breaker.succeed(pass);
        } else if health.breaker.fail(pass, now) {
            drop(health);
            tracing::error!("discord does not answer: it is left alone for a moment");
        }
    }
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass {
            self.rest.health().breaker.abandon(pass);
        }
    }
}
