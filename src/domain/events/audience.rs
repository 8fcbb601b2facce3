//! Who may see which event: one function for all live channels, from live data only. A right that
//! is lost counts within a minute, and at once where an event of Discord's says so. Contract 2.

use std::sync::Arc;
use std::time::Duration;

use super::Event;
use super::guild::{GuildEvent, Told};
use crate::clock::Clock;
use crate::domain::admins::Admins;
use crate::domain::guilds::{Guild, Guilds};
use crate::ids::{GuildId, UserId};

/// How long the list of guilds that a listener may be in is used.
const KNOWN_FOR: Duration = Duration::from_mins(1);

/// What a listener wants to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All guilds that the listener shared with the bot at the last login, or is in voice in; and
    /// for administrators the log.
    Everything,
    /// One guild.
    Guild(GuildId),
    /// The guild that the listener is in voice in.
    Voice,
}

/// Who is a member of what, for all listeners.
pub struct Audience {
    guilds: Arc<Guilds>,
    /// Who may see the log.
    admins: Arc<Admins>,
    clock: Clock,
}

impl Audience {
    /// An audience whose memberships `guilds` knows, and its administrators `admins`.
    pub fn new(guilds: Arc<Guilds>, admins: Arc<Admins>, clock: Clock) -> Self {
        Self {
            guilds,
            admins,
            clock,
        }
    }

    /// A user who listens.
    pub(super) fn listener(self: &Arc<Self>, user: UserId, scope: Scope) -> Listener {
        Listener {
            audience: Arc::clone(self),
            user,
            scope,
            known: Vec::new(),
            known_until: Duration::ZERO,
        }
    }
}

/// One user who listens.
pub(super) struct Listener {
    audience: Arc<Audience>,
    user: UserId,
    scope: Scope,
    /// Guilds that are worth asking Discord about: not every guild in which something happens.
    known: Vec<Guild>,
    known_until: Duration,
}

impl Listener {
    /// Whether the listener may see an event, and wants to. Where it cannot be found out, no.
    pub(super) async fn may_see(&mut self, event: &Event) -> bool {
        match event {
            Event::Player(guild, _) => self.is_member(*guild).await,
            Event::Guild(guild, event) => {
                self.is_member(*guild).await && self.may_see_change(*guild, event).await
            }
            Event::Log(_) => self.may_see_log(),
        }
    }

    /// Whether the listener may see what is logged, and wants to.
    pub(super) fn may_see_log(&self) -> bool {
        self.scope == Scope::Everything && self.audience.admins.is_admin(self.user)
    }

    /// Whether a member may see what has changed, by rights of now: an event of earlier may be about
    /// a channel that is hidden by now.
    async fn may_see_change(&self, guild: GuildId, event: &GuildEvent) -> bool {
        let guilds = &self.audience.guilds;
        let is_told = match event.told() {
            Told::Members => return true,
            Told::Managers => guilds.is_manager(guild, self.user).await,
            Told::WhoSee(channel) => {
                let now = guilds.gateway().channel(guild, channel.id);
                let channel = now.as_ref().unwrap_or(channel);
                guilds.can_see(channel, self.user).await
            }
        };
        is_told.unwrap_or(false)
    }

    async fn is_member(&mut self, guild: GuildId) -> bool {
        let is_in_voice = self.is_in_voice(guild);
        let is_worth_asking = match self.scope {
            Scope::Voice => return is_in_voice,
            Scope::Guild(only) if only != guild => return false,
            // Whoever sits in voice is a member, as of now.
            _ if is_in_voice => return true,
            Scope::Guild(_) => true,
            Scope::Everything => self.knows(guild).await,
        };
        let guilds = &self.audience.guilds;
        is_worth_asking && guilds.check_member(guild, self.user).await.is_ok()
    }

    fn is_in_voice(&self, guild: GuildId) -> bool {
        let gateway = self.audience.guilds.gateway();
        // What was heard before the connection was lost may be old.
        gateway.is_connected()
            && gateway.guild(guild).is_some()
            && gateway.voice_channel(guild, self.user).is_some()
    }

    async fn knows(&mut self, guild: GuildId) -> bool {
        let now = self.audience.clock.monotonic();
        if self.known.is_empty() || now >= self.known_until {
            match self.audience.guilds.list_mutual(self.user).await {
                Ok(guilds) => self.known = guilds,
                Err(_) => return false,
            }
            self.known_until = now + KNOWN_FOR;
        }
        self.known.iter().any(|known| known.id == guild)
    }
}
