//! What Discord has told of guilds over REST, believed as long as seed 003 has it, by bot and guild:
//! no bot sees what another was told.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::discord::Discord;
use crate::discord::endpoints::{Message, MessagePage, Piece, PieceKind};
use crate::discord::guild_data::{Channel, GuildInfo, GuildMember, Profile};
use crate::discord::rest::Urgency;
use crate::domain::events::Part;
use crate::domain::guilds::Guild;
use crate::domain::recent::Recent;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, UserId};

/// How long channels and roles are believed. Seed 003, Recommended TTLs.
pub(super) const CHANNELS_LIFETIME: Duration = Duration::from_mins(5);
/// The same of members.
pub(super) const MEMBERS_LIFETIME: Duration = Duration::from_mins(1);
/// The same of the guild itself.
pub(super) const INFO_LIFETIME: Duration = Duration::from_mins(15);
/// The same of emojis and sounds.
const EXPRESSIONS_LIFETIME: Duration = Duration::from_mins(1);
/// Most entries that are kept of each kind, of all guilds: some 17 MB of members, fewer of the rest.
const ENTRIES_MAX: u64 = 50_000;

/// A guild as one bot sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Home {
    /// The bot's account.
    pub(super) bot: UserId,
    /// The guild.
    pub(super) guild: GuildId,
}

/// Part of a guild's members, by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemberPage {
    /// At most so many, 1 to 1000.
    pub limit: u32,
    /// Those after this one.
    pub after: Option<UserId>,
}

/// All answers, of all bots.
pub struct GuildCache {
    /// With the roles, which Discord tells along.
    info: Recent<Home, (), Arc<GuildInfo>>,
    channels: Recent<Home, (), Arc<Vec<Channel>>>,
    members: Recent<Home, MemberPage, Arc<Vec<GuildMember>>>,
    profile: Recent<UserId, (), Arc<Profile>>,
    /// No event tells of their changes: they are not believed for long.
    pieces: Recent<UserId, PieceKind, Arc<Piece>>,
    /// The first of a bot's guilds.
    own_guilds: Recent<UserId, (), Arc<Vec<Guild>>>,
    /// A bot as a member; `None` where it is none.
    own_member: Recent<Home, (), Option<Arc<GuildMember>>>,
    /// What Discord has refused a bot: asking in vain counts.
    closed: Recent<UserId, Closed, ()>,
}

/// Something that a bot may not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Closed {
    /// A channel's messages.
    Messages(ChannelId),
    /// A guild's members.
    Members(GuildId),
}

impl GuildCache {
    /// Nothing is known yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            info: Recent::new(
                ENTRIES_MAX,
                |info: &Arc<GuildInfo>| info.roles.len() + 1,
                INFO_LIFETIME,
                clock.clone(),
            ),
            channels: Recent::new(
                ENTRIES_MAX,
                |channels: &Arc<Vec<Channel>>| channels.len() + 1,
                CHANNELS_LIFETIME,
                clock.clone(),
            ),
            members: Recent::new(
                ENTRIES_MAX,
                |members: &Arc<Vec<GuildMember>>| members.len() + 1,
                MEMBERS_LIFETIME,
                clock.clone(),
            ),
            profile: Recent::new(1_000, |_| 1, INFO_LIFETIME, clock.clone()),
            pieces: Recent::new(
                ENTRIES_MAX,
                |piece: &Arc<Piece>| piece.count(),
                INFO_LIFETIME,
                clock.clone(),
            ),
            own_guilds: Recent::new(
                ENTRIES_MAX,
                |guilds: &Arc<Vec<Guild>>| guilds.len() + 1,
                MEMBERS_LIFETIME,
                clock.clone(),
            ),
            own_member: Recent::new(ENTRIES_MAX, |_| 1, MEMBERS_LIFETIME, clock.clone()),
            closed: Recent::new(ENTRIES_MAX, |()| 1, MEMBERS_LIFETIME, clock.clone()),
        }
    }

    /// The bot's own account.
    pub(super) async fn profile(
        &self,
        discord: &Discord,
        bot: UserId,
    ) -> Result<Arc<Profile>, Error> {
        let load = async { discord.get_profile().await.map(Arc::new) };
        self.profile.get(bot, (), INFO_LIFETIME, load).await
    }

    pub(super) async fn piece(
        &self,
        discord: &Discord,
        bot: UserId,
        kind: PieceKind,
    ) -> Result<Arc<Piece>, Error> {
        let age_max = match kind {
            PieceKind::Emojis(_) | PieceKind::Sounds(_) => EXPRESSIONS_LIFETIME,
            PieceKind::Preview(_) | PieceKind::Regions(_) | PieceKind::DefaultSounds => {
                INFO_LIFETIME
            }
        };
        let load = async { discord.get_piece(kind).await.map(Arc::new) };
        self.pieces.get(bot, kind, age_max, load).await
    }

    /// The guild itself and its roles, as they were `age_max` ago at most.
    pub(super) async fn info(
        &self,
        discord: &Discord,
        home: Home,
        age_max: Duration,
    ) -> Result<Arc<GuildInfo>, Error> {
        let load = async { discord.get_guild(home.guild).await.map(Arc::new) };
        self.info.get(home, (), age_max, load).await
    }

    pub(super) async fn channels(
        &self,
        discord: &Discord,
        home: Home,
    ) -> Result<Arc<Vec<Channel>>, Error> {
        let load = async { discord.list_channels(home.guild).await.map(Arc::new) };
        self.channels.get(home, (), CHANNELS_LIFETIME, load).await
    }

    pub(super) async fn members(
        &self,
        discord: &Discord,
        home: Home,
        page: MemberPage,
    ) -> Result<Arc<Vec<GuildMember>>, Error> {
        let load = async {
            let members = discord.list_members(home.guild, page.limit, page.after);
            members.await.map(Arc::new)
        };
        self.members.get(home, page, MEMBERS_LIFETIME, load).await
    }

    /// From now on a part of a guild is asked for again.
    pub(super) fn forget(&self, home: Home, part: Part) {
        if matches!(part, Part::Channels | Part::Roles | Part::Members) {
            self.closed.forget(home.bot);
        }
        match part {
            Part::Channels => self.channels.forget(home),
            Part::Roles | Part::Guild => self.info.forget(home),
            // Nothing of Discord's.
            Part::Commands | Part::Settings => {}
            Part::Members => {
                self.members.forget(home);
                self.own_member.forget(home);
            }
        }
    }

    /// The same of all of a guild.
    pub(super) fn forget_all(&self, home: Home) {
        for part in [Part::Channels, Part::Guild, Part::Members] {
            self.forget(home, part);
        }
    }

    /// The same of what is known of a bot itself.
    pub(super) fn forget_own(&self, bot: UserId) {
        self.own_guilds.forget(bot);
        self.closed.forget(bot);
    }

    /// The first of a bot's guilds, as they were `age_max` ago at most.
    pub(super) async fn own_guilds(
        &self,
        discord: &Discord,
        bot: UserId,
        age_max: Duration,
    ) -> Result<Arc<Vec<Guild>>, Error> {
        let load = async {
            let guilds = discord.list_own_guilds().await?.into_iter();
            let guild = |(id, name)| Guild { id, name };
            Ok(Arc::new(guilds.map(guild).collect()))
        };
        self.own_guilds.get(bot, (), age_max, load).await
    }

    /// A bot as a member of a guild; `None` where it is none.
    pub(super) async fn own_member(
        &self,
        discord: &Discord,
        home: Home,
    ) -> Result<Option<Arc<GuildMember>>, Error> {
        let load = async {
            let member = discord.find_member(home.guild, home.bot, Urgency::Background);
            Ok(member.await?.map(Arc::new))
        };
        self.own_member.get(home, (), MEMBERS_LIFETIME, load).await
    }

    /// The newest messages of a channel, or those before one. That a bot may not read them is believed
    /// for a while.
    pub(super) async fn messages(
        &self,
        discord: &Discord,
        bot: UserId,
        channel: ChannelId,
        page: MessagePage,
    ) -> Result<Vec<Message>, Error> {
        let what = Closed::Messages(channel);
        if self.is_closed(bot, what).await {
            return Err(Error::NO_CHANNEL);
        }
        match discord.list_messages(channel, page).await {
            Err(Error::Forbidden(_) | Error::NotFound(_)) => {
                self.close(bot, what).await?;
                Err(Error::NO_CHANNEL)
            }
            other => other,
        }
    }

    /// As [`members`](Self::members), where a bot may not have the intent for it: that is believed for
    /// a while.
    pub(super) async fn own_members(
        &self,
        discord: &Discord,
        home: Home,
        page: MemberPage,
    ) -> Result<Arc<Vec<GuildMember>>, Error> {
        let what = Closed::Members(home.guild);
        if self.is_closed(home.bot, what).await {
            return Err(Error::NO_MEMBERS_INTENT);
        }
        let members = self.members(discord, home, page).await;
        if matches!(members, Err(Error::Forbidden(_))) {
            self.close(home.bot, what).await?;
        }
        members
    }

    async fn is_closed(&self, bot: UserId, what: Closed) -> bool {
        let known = self.closed.find(bot, what, MEMBERS_LIFETIME);
        known.await.is_some()
    }

    async fn close(&self, bot: UserId, what: Closed) -> Result<(), Error> {
        self.closed.renew(bot, what, async { Ok(()) }).await
    }
}
