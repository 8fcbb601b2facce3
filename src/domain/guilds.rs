//! Whose guild it is: which guilds the bot is in and who is a member, from live data only.
//! Every route and command about a guild asks here before it does anything.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use crate::clock::Clock;
use crate::db::{Db, users};
use crate::discord::Discord;
use crate::discord::rest::{Member, Urgency};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, RoleId, UserId};

/// How long a membership that Discord told us is believed for reads. Contract 2.
const MEMBER_LIFETIME: Duration = Duration::from_mins(1);
/// Most memberships remembered at once.
const MEMBERS_MAX: u64 = 50_000;
/// May do everything.
const ADMINISTRATOR: u64 = 1 << 3;

/// The bot's own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotUser {
    /// Its user id.
    pub id: UserId,
    /// Its name as the play log writes names.
    pub tag: String,
}

/// A guild the bot is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guild {
    /// Its id.
    pub id: GuildId,
    /// Its name, chosen by its owner: untrusted text.
    pub name: String,
}

/// A role, as far as rights depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// Its id; that of `@everyone` is the guild's.
    pub id: RoleId,
    /// Discord's bits.
    pub permissions: u64,
}

/// What else is known of a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuildDetails {
    /// The guild.
    pub guild: Guild,
    /// The hash of its picture.
    pub icon: Option<String>,
    /// Who owns it.
    pub owner: UserId,
    /// Its roles, `@everyone` among them.
    pub roles: Vec<Role>,
}

impl GuildDetails {
    /// Whether there is such a role; `@everyone` is none that a member has or has not.
    pub fn has_role(&self, role: RoleId) -> bool {
        self.is_own(role) && !self.is_everyone(role)
    }

    /// Whether a member manages the guild: its owner, and whoever has the permission `ADMINISTRATOR`
    /// or, unless timed out, `MANAGE_GUILD`. Contract 2.
    pub fn is_manager(&self, user: UserId, member: &Member, now_ms: i64) -> bool {
        const MANAGE_GUILD: u64 = 1 << 5;
        let permissions = self.permissions(user, &member.roles);
        let is_timed_out = member
            .timed_out_until_ms
            .is_some_and(|until| until > now_ms);
        permissions & ADMINISTRATOR != 0 || (permissions & MANAGE_GUILD != 0 && !is_timed_out)
    }

    /// Discord's bits of a member with these roles, `@everyone` not among them, before any channel
    /// has a say; all of them for the owner and administrators.
    pub fn permissions(&self, user: UserId, roles: &[RoleId]) -> u64 {
        let has = |role: RoleId| self.is_everyone(role) || roles.contains(&role);
        let held = self.roles.iter().filter(|role| has(role.id));
        let permissions = held.fold(0, |all, role| all | role.permissions);
        if user == self.owner || permissions & ADMINISTRATOR != 0 {
            return u64::MAX;
        }
        permissions
    }

    fn is_own(&self, role: RoleId) -> bool {
        self.roles.iter().any(|own| own.id == role)
    }

    fn is_everyone(&self, role: RoleId) -> bool {
        role.get() == self.guild.id.get()
    }
}

/// A right that the bot itself lacks in a voice channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingRight {
    /// It may not see or join the channel.
    Connect,
    /// It may join but not be heard.
    Speak,
}

/// Why the bot is not connected to Discord.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outage {
    /// Nothing was tried yet, or Discord cannot be reached: it is tried again.
    #[default]
    Unreachable,
    /// No session may be started before a limit is reset.
    StartsUsedUp,
    /// The token is wrong: somebody has to change it.
    TokenRefused,
    /// The application lacks an intent: somebody has to switch it on.
    IntentsRefused,
    /// Discord wants something that this version does not do.
    Refused,
}

impl Outage {
    /// The same in words, for whoever asks whether the server is ready.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unreachable => "the bot is not connected to Discord",
            Self::StartsUsedUp => {
                "the bot has to wait before it may start another session with Discord"
            }
            Self::TokenRefused => "Discord refuses the bot's token",
            Self::IntentsRefused => "Discord refuses the bot's intents",
            Self::Refused => "Discord refuses the bot's connection",
        }
    }
}

/// What the gateway connection knows. The port that `bot` fills; [`Offline`] when there is none.
pub trait Gateway: Send + Sync {
    /// The guilds the bot is in; `None` before the first connection is ready.
    fn guilds(&self) -> Option<Vec<Guild>>;
    /// One guild, if the bot is in it. `None` as well before the first connection is ready.
    fn guild(&self, guild: GuildId) -> Option<Guild>;
    /// What else is known of a guild that the bot is in; `None` as well while it is out of order.
    fn details(&self, guild: GuildId) -> Option<GuildDetails>;
    /// The voice channel a member is in now.
    fn voice_channel(&self, guild: GuildId, user: UserId) -> Option<ChannelId>;
    /// The guild in whose voice channels a user is now, in one that the bot is in too.
    fn voice_guild(&self, user: UserId) -> Option<GuildId>;
    /// Whether anyone but the bot is in a voice channel.
    fn has_listeners(&self, guild: GuildId, channel: ChannelId) -> bool;
    /// Whether anyone in a voice channel would hear the bot: people who are not deafened.
    fn has_ears(&self, guild: GuildId, channel: ChannelId) -> bool;
    /// Whether the bot may join a channel and speak there.
    ///
    /// # Errors
    /// The first right that is missing.
    fn may_speak(&self, guild: GuildId, channel: ChannelId) -> Result<(), MissingRight>;
    /// The bot's account; `None` before the first connection is ready.
    fn bot(&self) -> Option<BotUser>;
    /// Whether the connection is up now.
    fn is_connected(&self) -> bool;
    /// Why it is not, where it is not.
    fn outage(&self) -> Outage;
}

/// The gateway of an installation without a bot: knows nothing.
#[derive(Debug, Clone, Copy)]
pub struct Offline;

impl Gateway for Offline {
    fn guilds(&self) -> Option<Vec<Guild>> {
        None
    }

    fn guild(&self, _: GuildId) -> Option<Guild> {
        None
    }

    fn details(&self, _: GuildId) -> Option<GuildDetails> {
        None
    }

    fn voice_channel(&self, _: GuildId, _: UserId) -> Option<ChannelId> {
        None
    }

    fn voice_guild(&self, _: UserId) -> Option<GuildId> {
        None
    }

    fn has_listeners(&self, _: GuildId, _: ChannelId) -> bool {
        false
    }

    fn has_ears(&self, _: GuildId, _: ChannelId) -> bool {
        false
    }

    fn may_speak(&self, _: GuildId, _: ChannelId) -> Result<(), MissingRight> {
        Err(MissingRight::Connect)
    }

    fn bot(&self) -> Option<BotUser> {
        None
    }

    fn is_connected(&self) -> bool {
        false
    }

    fn outage(&self) -> Outage {
        Outage::default()
    }
}

/// A membership as Discord told it, and when.
#[derive(Clone)]
struct Seen {
    at: Duration,
    member: Option<Member>,
}

/// Memberships, checked against the bot's own guilds first, so that probing random ids costs
/// Discord nothing.
pub struct Guilds {
    gateway: Arc<dyn Gateway>,
    discord: Option<Arc<Discord>>,
    db: Db,
    clock: Clock,
    members: Cache<(GuildId, UserId), Seen>,
}

impl Guilds {
    /// `discord` is `None` when no bot is configured; memberships then come from what was seen at
    /// each user's last login.
    pub fn new(
        gateway: Arc<dyn Gateway>,
        discord: Option<Arc<Discord>>,
        db: Db,
        clock: Clock,
    ) -> Self {
        Self {
            gateway,
            discord,
            db,
            clock,
            members: Cache::new(MEMBERS_MAX),
        }
    }

    /// The gateway connection's knowledge.
    pub fn gateway(&self) -> &dyn Gateway {
        &*self.gateway
    }

    /// Whether Discord has refused the bot's token: nothing about members is known any more.
    pub fn is_token_refused(&self) -> bool {
        let discord = self.discord.as_ref();
        discord.is_some_and(|discord| discord.is_token_refused())
    }

    /// Passes when `user` is a member of `guild` and the bot is too, as known for at most 60 s.
    ///
    /// # Errors
    /// [`Error::NOT_A_MEMBER`] whatever the reason; [`Error::Unavailable`] while the bot has not
    /// connected yet; what Discord's failures map to otherwise.
    pub async fn check_member(&self, guild: GuildId, user: UserId) -> Result<(), Error> {
        self.recall_member(guild, user).await.map(drop)
    }

    /// The member as known for at most 60 s: for showing.
    ///
    /// # Errors
    /// As [`check_member`](Self::check_member).
    pub async fn recall_member(&self, guild: GuildId, user: UserId) -> Result<Member, Error> {
        if self.discord.is_some() {
            self.check_bot(guild)?;
        }
        let now = self.clock.monotonic();
        if let Some(seen) = self.members.get(&(guild, user)).await
            && now.saturating_sub(seen.at) < MEMBER_LIFETIME
        {
            return seen.member.ok_or(Error::NOT_A_MEMBER);
        }
        if self.discord.is_some() {
            self.read_member(guild, user, Urgency::Background).await
        } else {
            self.read_last_login(guild, user).await
        }
    }

    /// The member as Discord has it now: what every change in a guild is checked against.
    ///
    /// # Errors
    /// As [`check_member`](Self::check_member).
    pub async fn get_member(&self, guild: GuildId, user: UserId) -> Result<Member, Error> {
        self.check_bot(guild)?;
        self.read_member(guild, user, Urgency::Interactive).await
    }

    /// Passes when `user` manages `guild` now; returns what is known of the guild.
    ///
    /// # Errors
    /// As [`get_details`](Self::get_details) and [`get_member`](Self::get_member); 403 for other
    /// members.
    pub async fn check_manager(&self, guild: GuildId, user: UserId) -> Result<GuildDetails, Error> {
        let member = self.get_member(guild, user).await?;
        let details = self.get_details(guild)?;
        if details.is_manager(user, &member, self.clock.now_ms()) {
            return Ok(details);
        }
        Err(Error::Forbidden("you must be a manager of this guild"))
    }

    /// Passes when a member may change what `author` brought into `guild`: its author, unless timed
    /// out, and those who manage the guild. Contract 2.
    ///
    /// # Errors
    /// 403 for others; as [`get_details`](Self::get_details).
    pub fn check_author(
        &self,
        guild: GuildId,
        user: UserId,
        member: &Member,
        author: Option<UserId>,
    ) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        let is_timed_out = member
            .timed_out_until_ms
            .is_some_and(|until| until > now_ms);
        if author == Some(user) && !is_timed_out {
            return Ok(());
        }
        let details = self.get_details(guild)?;
        if details.is_manager(user, member, now_ms) {
            return Ok(());
        }
        Err(Error::Forbidden(
            "only who brought this sound and the managers of this guild may do that",
        ))
    }

    /// What is known of a guild; the caller has checked who asks.
    ///
    /// # Errors
    /// 503 while Discord does not tell.
    pub fn get_details(&self, guild: GuildId) -> Result<GuildDetails, Error> {
        self.gateway.details(guild).ok_or(Error::Unavailable(
            "the bot is not connected to this guild now",
        ))
    }

    /// The guilds, of those a user was in at the last login, that the bot is in now.
    ///
    /// For showing only: what may be done there is checked when it is done.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_mutual(&self, user: UserId) -> Result<Vec<Guild>, Error> {
        let ids = self
            .db
            .quick(move |conn| users::list_guilds(conn, user))
            .await?;
        Ok(ids
            .into_iter()
            .filter_map(|id| self.gateway.guild(id))
            .collect())
    }

    fn check_bot(&self, guild: GuildId) -> Result<(), Error> {
        if self.gateway.guild(guild).is_some() {
            return Ok(());
        }
        if self.discord.is_some() && self.gateway.guilds().is_none() {
            return Err(Error::Unavailable(
                "the bot is not connected to Discord yet",
            ));
        }
        Err(Error::NOT_A_MEMBER)
    }

    async fn read_member(
        &self,
        guild: GuildId,
        user: UserId,
        urgency: Urgency,
    ) -> Result<Member, Error> {
        let discord = self.discord.as_ref().ok_or(Error::NOT_A_MEMBER)?;
        let member = discord.find_member(guild, user, urgency).await?;
        self.remember(guild, user, member).await
    }

    /// What stands in for Discord where no bot is configured.
    async fn read_last_login(&self, guild: GuildId, user: UserId) -> Result<Member, Error> {
        let was_member = self
            .db
            .quick(move |conn| users::was_in_guild(conn, user, guild))
            .await?;
        self.remember(guild, user, was_member.then(Member::default))
            .await
    }

    async fn remember(
        &self,
        guild: GuildId,
        user: UserId,
        member: Option<Member>,
    ) -> Result<Member, Error> {
        let seen = Seen {
            at: self.clock.monotonic(),
            member: member.clone(),
        };
        self.members.insert((guild, user), seen).await;
        member.ok_or(Error::NOT_A_MEMBER)
    }
}
