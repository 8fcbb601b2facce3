//! What Discord has told of guilds over REST, believed as long as seed 003 has it, by bot and guild:
//! no bot sees what another was told.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::discord::Discord;
use crate::discord::endpoints::{Piece, PieceKind};
use crate::discord::guild_data::{Channel, GuildInfo, GuildMember, Profile};
use crate::domain::recent::Recent;
use crate::error::Error;
use crate::ids::{GuildId, UserId};

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

/// A part of what is known of a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its channels.
    Channels,
    /// Its roles.
    Roles,
    /// Its members.
    Members,
    /// The guild itself.
    Guild,
}

/// All answers.
pub(super) struct GuildCache {
    /// With the roles, which Discord tells along.
    info: Recent<Home, (), Arc<GuildInfo>>,
    channels: Recent<Home, (), Arc<Vec<Channel>>>,
    members: Recent<Home, MemberPage, Arc<Vec<GuildMember>>>,
    profile: Recent<UserId, (), Arc<Profile>>,
    /// No event tells of their changes: they are not believed for long.
    pieces: Recent<UserId, PieceKind, Arc<Piece>>,
}

impl GuildCache {
    pub(super) fn new(clock: &Clock) -> Self {
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
        match part {
            Part::Channels => self.channels.forget(home),
            Part::Roles | Part::Guild => self.info.forget(home),
            Part::Members => self.members.forget(home),
        }
    }

    /// The same of everything.
    pub(super) fn forget_all(&self) {
        self.channels.forget_all();
        self.info.forget_all();
        self.members.forget_all();
    }
}
