//! Whose guild it is: which guilds the bot is in and who is a member, from live data only.
//! Every route and command about a guild asks here before it does anything.

mod gateway;
mod rights;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::db::{AnyConnection, Db, users};
use crate::discord::Discord;
use crate::discord::guild_data::{Channel, GuildMember, Member};
use crate::discord::rest::Urgency;
use crate::domain::recent::Recent;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, UserId};
pub use gateway::{
    BotUser, Gateway, Guild, GuildDetails, KnownMembers, MissingRight, Offline, Outage, Role,
    VoiceSeat,
};
pub use rights::{READ_MESSAGE_HISTORY, SEND_MESSAGES, VIEW_CHANNEL};

/// How long a membership that Discord told us is believed for reads. Contract 2.
const MEMBER_LIFETIME: Duration = Duration::from_mins(1);
/// Most memberships remembered at once.
const MEMBERS_MAX: u64 = 50_000;
/// Kinds of channels with voices in them: voice, stage.
const VOICE_KINDS: [u8; 2] = [2, 13];
const NO_DISCORD: Error = Error::Unavailable("no Discord application is configured");

/// Memberships, checked against the bot's own guilds first, so that probing random ids costs
/// Discord nothing.
pub struct Guilds {
    gateway: Arc<dyn Gateway>,
    discord: Option<Arc<Discord>>,
    db: Db,
    clock: Clock,
    members: Recent<(GuildId, UserId), (), Option<Arc<GuildMember>>>,
    /// What stands in for them where no bot is configured.
    logins: Recent<(GuildId, UserId), (), bool>,
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
            members: Recent::new(MEMBERS_MAX, |_| 1, MEMBER_LIFETIME, clock.clone()),
            logins: Recent::new(MEMBERS_MAX, |_| 1, MEMBER_LIFETIME, clock.clone()),
            clock,
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
        if self.discord.is_some() {
            return self.recall_member(guild, user).await.map(drop);
        }
        self.check_last_login(guild, user).await
    }

    /// The member as known for at most 60 s: what reads are checked against.
    ///
    /// # Errors
    /// As [`check_member`](Self::check_member); 503 where no bot is configured.
    pub async fn recall_member(
        &self,
        guild: GuildId,
        user: UserId,
    ) -> Result<Arc<GuildMember>, Error> {
        if self.discord.is_none() {
            self.check_last_login(guild, user).await?;
            return Err(NO_DISCORD);
        }
        self.check_bot(guild)?;
        if let Some(member) = self.gateway.member(guild, user) {
            return Ok(Arc::new(member));
        }
        let load = self.read_member(guild, user, Urgency::Background);
        let member = self.members.get((guild, user), (), MEMBER_LIFETIME, load);
        member.await?.ok_or(Error::NOT_A_MEMBER)
    }

    /// What is known of a member may be old: Discord says so.
    pub fn forget_member(&self, guild: GuildId, user: UserId) {
        self.members.forget((guild, user));
    }

    /// The same of all members: something may have been missed.
    pub fn forget_members(&self) {
        self.members.forget_all();
    }

    /// The member as Discord has it now: what every change in a guild is checked against. With the
    /// Guild Members intent that is what the gateway has told, a second ago at most; else Discord is
    /// asked. Contract 2.
    ///
    /// # Errors
    /// As [`check_member`](Self::check_member).
    pub async fn get_member(&self, guild: GuildId, user: UserId) -> Result<Member, Error> {
        self.check_bot(guild)?;
        if let Some(member) = self.gateway.member(guild, user) {
            return Ok(member.rights);
        }
        let load = self.read_member(guild, user, Urgency::Interactive);
        let member = self.members.renew((guild, user), (), load).await?;
        member
            .map(|member| member.rights.clone())
            .ok_or(Error::NOT_A_MEMBER)
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

    /// Whether a member manages the guild, as known for at most 60 s: for showing only.
    ///
    /// # Errors
    /// As [`recall_member`](Self::recall_member) and [`get_details`](Self::get_details).
    pub async fn is_manager(&self, guild: GuildId, user: UserId) -> Result<bool, Error> {
        let member = self.recall_member(guild, user).await?;
        let details = self.get_details(guild)?;
        Ok(details.is_manager(user, &member.rights, self.clock.now_ms()))
    }

    /// Whether a member sees a channel, as known for at most 60 s; managers see all.
    ///
    /// # Errors
    /// As [`is_manager`](Self::is_manager).
    pub async fn can_see(&self, channel: &Channel, user: UserId) -> Result<bool, Error> {
        let member = self.recall_member(channel.guild, user).await?;
        let details = self.get_details(channel.guild)?;
        Ok(
            details.is_manager(user, &member.rights, self.clock.now_ms())
                || details.can_see(channel, user, &member.rights.roles),
        )
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

    /// Passes when the bot is in `guild`.
    ///
    /// # Errors
    /// [`Error::NOT_A_MEMBER`]; [`Error::Unavailable`] while the bot has not connected yet.
    pub fn check_bot(&self, guild: GuildId) -> Result<(), Error> {
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

    /// Passes when there is such a voice channel and the bot sees it: it can be sent there. Whether
    /// it may speak there is another matter.
    ///
    /// # Errors
    /// [`Error::NO_CHANNEL`]; as [`get_details`](Self::get_details).
    pub fn check_own_voice_channel(&self, guild: GuildId, channel: ChannelId) -> Result<(), Error> {
        let details = self.get_details(guild)?;
        let found = self.gateway.channel(guild, channel);
        let found = found.filter(|channel| VOICE_KINDS.contains(&channel.kind));
        let own = self.gateway.bot().and_then(|bot| {
            let member = self.gateway.member(guild, bot.id)?;
            Some((bot.id, member.rights.roles))
        });
        match found.zip(own) {
            Some((channel, (bot, roles))) if details.can_see(&channel, bot, &roles) => Ok(()),
            _ => Err(Error::NO_CHANNEL),
        }
    }

    async fn check_last_login(&self, guild: GuildId, user: UserId) -> Result<(), Error> {
        let read = async {
            let query = move |conn: &mut AnyConnection| users::was_in_guild(conn, user, guild);
            self.db.quick(query).await
        };
        let was_member = self.logins.get((guild, user), (), MEMBER_LIFETIME, read);
        if was_member.await? {
            return Ok(());
        }
        Err(Error::NOT_A_MEMBER)
    }

    async fn read_member(
        &self,
        guild: GuildId,
        user: UserId,
        urgency: Urgency,
    ) -> Result<Option<Arc<GuildMember>>, Error> {
        let discord = self.discord.as_ref().ok_or(Error::NOT_A_MEMBER)?;
        let member = discord.find_member(guild, user, urgency).await?;
        Ok(member.map(Arc::new))
    }
}
