//! The running simulator's state: one value behind one lock, and a way to wait for changes.
//!
//! Every server task and every library call reads and changes it through [`Shared`]. The
//! lock is only ever held inside a closure that cannot await.

pub(crate) mod audit;
pub(crate) mod by_bots;
pub(crate) mod channels;
mod cues;
pub(crate) mod dave;
mod dispatch;
pub(crate) mod entries;
pub(crate) mod expressions;
pub(crate) mod files;
pub(crate) mod grants;
mod greeting;
mod guilds;
mod installing;
pub(crate) mod interactions;
pub(crate) mod interruptions;
mod journal;
pub(crate) mod limits;
pub(crate) mod log;
mod lookup;
mod members;
pub(crate) mod messages;
mod moderation;
mod outage;
mod outbox;
pub(crate) mod places;
mod presences;
pub(crate) mod registry;
mod roles;
pub(crate) mod sessions;
mod standing;
pub(crate) mod starts;
pub(crate) mod tickets;
pub(crate) mod voice;
mod voice_sessions;
mod waits;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Instant;

pub use interruptions::{ConnectionRefusal, Interruption, LoginRefusal};
pub use journal::{Authorization, RequestRecord};
pub use limits::RateLimitBucket;
pub use log::{Event, EventKind};

use audit::AuditLogs;
use dave::{Dave, Desks};
use entries::VoiceEntry;
use files::Files;
use grants::Grants;
use interactions::Interactions;
use interruptions::Refusals;
use limits::Limiter;
use log::Log;
use messages::Messages;
use places::Directs;
use registry::Registry;
use sessions::Sessions;
use starts::Starts;
use tickets::Tickets;

use crate::audio::dave::Gateway;
use crate::audio::hub::Hub;
use crate::faults::active::Faults;
use crate::heard::Cue;
use crate::protocol::gateway_limits::GatewayLimits;
use crate::protocol::rate_limits::RateLimits;
use crate::protocol::rtp::Mode;
use crate::world::presence::Presence;
use crate::world::snowflake::Snowflakes;
use crate::world::{Application, Guild, User, World};

/// How far the simulated time can be ahead of the real one: a hundred years.
pub(crate) const CLOCK_AHEAD: Duration = Duration::from_hours(24 * 365 * 100);

/// Where the servers listen; known before any of them answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) http: u16,
    pub(crate) https: u16,
    pub(crate) gateway: u16,
    /// Of the two voice servers, so that a bot can be moved from one to the other.
    pub(crate) voices: [u16; 2],
    pub(crate) udp: u16,
}

/// What clients are granted.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) gateway: GatewayLimits,
    pub(crate) rest: RateLimits,
    pub(crate) acknowledge_within: Duration,
}

/// How voice was asked to be.
#[derive(Clone, Debug)]
pub(crate) struct VoiceSettings {
    pub(crate) modes: Vec<Mode>,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) dave: Dave,
}

/// What all parts of a running simulator share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) voice: VoiceSettings,
    pub(crate) hub: Arc<Hub>,
    pub(crate) faults: Arc<Faults>,
    /// The voice gateway as a sender of proposals to DAVE groups.
    pub(crate) dave_gateway: Arc<Gateway>,
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(
        world: World,
        ports: Ports,
        limits: Limits,
        voice: VoiceSettings,
        hub: Hub,
        dave_gateway: Gateway,
    ) -> Shared {
        let hub = Arc::new(hub);
        let faults = hub.faults.clone();
        let state = Mutex::new(State::new(world, ports, limits, voice.dave, hub.clone()));
        Shared {
            ports,
            voice,
            hub,
            faults,
            dave_gateway: Arc::new(dave_gateway),
            state,
            version: watch::Sender::new(0),
        }
    }

    /// Looks at the state.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the state and wakes everyone who waits for a change.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.lock());
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Follows all changes.
    pub(crate) fn follow(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Waits until `look` finds something in the state; `None` after `timeout`.
    pub(crate) async fn wait_for<R>(
        &self,
        timeout: Duration,
        mut look: impl FnMut(&State) -> Option<R>,
    ) -> Option<R> {
        let mut version = self.version.subscribe();
        let deadline = Instant::now() + timeout;
        loop {
            version.borrow_and_update();
            if let Some(found) = self.read(&mut look) {
                return Some(found);
            }
            // The sender lives as long as `self`, so the only way out is time.
            tokio::time::timeout_at(deadline, version.changed())
                .await
                .ok()?
                .ok()?;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in one test's closure must not take the other bots down with it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that changes while the simulator runs, the audio aside.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) users: BTreeMap<u64, User>,
    pub(crate) applications: Vec<Application>,
    pub(crate) guilds: Vec<Guild>,
    audit_logs: AuditLogs,
    presences: BTreeMap<u64, Presence>,
    pub(crate) sessions: Sessions,
    pub(crate) refusals: Refusals,
    pub(crate) limiter: Limiter,
    starts: Starts,
    pub(crate) tickets: Tickets,
    desks: Desks,
    entries: BTreeMap<(u64, u64), VoiceEntry>,
    pub(crate) grants: Grants,
    pub(crate) commands: Registry,
    pub(crate) interactions: Interactions,
    pub(crate) messages: Messages,
    pub(crate) directs: Directs,
    pub(crate) files: Files,
    pub(crate) ports: Ports,
    hub: Arc<Hub>,
    cues: VecDeque<(u64, Cue)>,
    requests: VecDeque<RequestRecord>,
    pub(crate) log: Arc<Log>,
    ids: Snowflakes,
    clock_ahead_ms: u64,
}

impl State {
    fn new(world: World, ports: Ports, limits: Limits, dave: Dave, hub: Arc<Hub>) -> State {
        let log = Arc::new(Log::default());
        State {
            users: world
                .users
                .into_iter()
                .map(|user| (user.id, user))
                .collect(),
            applications: world.applications,
            guilds: world.guilds,
            audit_logs: AuditLogs::default(),
            presences: BTreeMap::new(),
            sessions: Sessions::new(limits.gateway, log.clone()),
            limiter: Limiter::new(limits.rest),
            starts: Starts::default(),
            refusals: Refusals::default(),
            tickets: Tickets::default(),
            desks: Desks::new(dave),
            entries: BTreeMap::new(),
            grants: Grants::default(),
            commands: Registry::default(),
            interactions: Interactions::new(limits.acknowledge_within),
            messages: Messages::default(),
            directs: Directs::default(),
            files: Files::default(),
            ports,
            hub,
            cues: VecDeque::new(),
            requests: VecDeque::new(),
            log,
            ids: Snowflakes::default(),
            clock_ahead_ms: 0,
        }
    }

    /// The simulated time in Unix milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let real_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        real_ms.saturating_add(self.clock_ahead_ms)
    }

    /// The simulated time, to measure with.
    pub(crate) fn now(&self) -> std::time::Instant {
        std::time::Instant::now() + Duration::from_millis(self.clock_ahead_ms)
    }

    /// Moves the simulated time ahead of the real one, by no more than [`CLOCK_AHEAD`] in all.
    pub(crate) fn advance_clock(&mut self, by: Duration) {
        let ahead = Duration::from_millis(self.clock_ahead_ms);
        let ahead = ahead.saturating_add(by).min(CLOCK_AHEAD);
        self.clock_ahead_ms = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
        self.log.set_clock_ahead(ahead);
        self.expire_sessions();
    }

    /// Works on the registered commands with a source of new ids.
    pub(crate) fn with_registry<R>(
        &mut self,
        work: impl FnOnce(&mut Registry, &mut dyn FnMut() -> u64) -> R,
    ) -> R {
        let now_ms = self.now_ms();
        let State { commands, ids, .. } = self;
        work(commands, &mut || ids.next(now_ms))
    }

    /// Allows every application to send users back to `uri`.
    pub(crate) fn add_redirect_uri(&mut self, uri: &str) {
        for application in &mut self.applications {
            application.redirect_uris.push(uri.to_owned());
        }
    }

    /// A new id.
    pub(crate) fn next_id(&mut self) -> u64 {
        let now_ms = self.now_ms();
        self.ids.next(now_ms)
    }
}
