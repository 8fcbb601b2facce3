//! What `/botapi` shows beside what dashboards are shown, each with its own right.

use std::sync::Arc;

use super::cache::INFO_LIFETIME;
use super::{GuildData, NOT_CONNECTED};
use crate::discord::endpoints::{Message, MessagePage, Piece, PieceKind};
use crate::discord::guild_data::{Channel, GuildInfo, GuildMember, Profile};
use crate::domain::guilds::{READ_MESSAGE_HISTORY, VIEW_CHANNEL, VoiceSeat};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, UserId};

/// What it takes to read a channel.
const READ: u64 = VIEW_CHANNEL | READ_MESSAGE_HISTORY;

impl GuildData {
    /// The bot's own account. For everybody who is logged in.
    ///
    /// # Errors
    /// 502, 503 and 504 for Discord's failures.
    pub async fn get_profile(&self) -> Result<Arc<Profile>, Error> {
        self.cache.profile(self.discord()?, self.bot()?).await
    }

    /// A guild itself and its roles. For its members.
    ///
    /// # Errors
    /// As [`list_channels`](Self::list_channels).
    pub async fn get_info(&self, guild: GuildId, user: UserId) -> Result<GuildInfo, Error> {
        let view = self.view(guild, user).await?;
        self.info(view.home, INFO_LIFETIME).await
    }

    /// How a guild shows itself, its emojis, sounds or regions, for its members; or the sounds of
    /// every soundboard, for everybody who is logged in.
    ///
    /// # Errors
    /// As [`list_channels`](Self::list_channels).
    pub async fn get_piece(&self, kind: PieceKind, user: UserId) -> Result<Arc<Piece>, Error> {
        match kind {
            PieceKind::Preview(guild)
            | PieceKind::Emojis(guild)
            | PieceKind::Sounds(guild)
            | PieceKind::Regions(guild) => drop(self.guilds.recall_member(guild, user).await?),
            PieceKind::DefaultSounds => {}
        }
        self.cache.piece(self.discord()?, self.bot()?, kind).await
    }

    /// Members whose names begin with a text, for those who manage the guild.
    ///
    /// # Errors
    /// 403 for other members; as [`list_channels`](Self::list_channels).
    pub async fn search_members(
        &self,
        guild: GuildId,
        user: UserId,
        query: &str,
        limit: u32,
    ) -> Result<Vec<GuildMember>, Error> {
        self.view(guild, user).await?.check_manager()?;
        self.discord()?.search_members(guild, query, limit).await
    }

    /// A channel, for members of its guild who see it.
    ///
    /// # Errors
    /// [`Error::NOT_A_MEMBER`] for a channel that the bot does not know of, too; 404 for members who
    /// do not see it.
    pub async fn get_channel(&self, channel: ChannelId, user: UserId) -> Result<Channel, Error> {
        let live = self.live().ok_or(NOT_CONNECTED)?;
        let guild = live.channel_guild(channel).ok_or(Error::NOT_A_MEMBER)?;
        let found = live.channel(guild, channel).ok_or(Error::NO_CHANNEL)?;
        let view = self.view(found.guild, user).await?;
        if view.shows(&found) {
            return Ok(found);
        }
        Err(Error::NO_CHANNEL)
    }

    /// Messages of a channel, for those who manage its guild and may read it themselves.
    ///
    /// # Errors
    /// 403 for other members, and where the bot may not read; as
    /// [`get_channel`](Self::get_channel).
    pub async fn list_messages(
        &self,
        channel: ChannelId,
        user: UserId,
        page: MessagePage,
    ) -> Result<Vec<Message>, Error> {
        let found = self.get_channel(channel, user).await?;
        let view = self.view(found.guild, user).await?;
        view.check_manager()?;
        let own = view.details.permissions_in(&found, user, &view.roles);
        if own & READ != READ {
            return Err(Error::Forbidden("you may not read this channel"));
        }
        let bot = self
            .guilds
            .recall_member(found.guild, view.home.bot)
            .await?;
        let roles = &bot.rights.roles;
        if view.details.permissions_in(&found, view.home.bot, roles) & READ != READ {
            return Err(Error::BOT_MAY_NOT_READ);
        }
        self.discord()?.list_messages(channel, page).await
    }

    /// How somebody is in voice, for members who see that channel.
    ///
    /// # Errors
    /// 404 for who is in none that the member sees; as [`list_channels`](Self::list_channels).
    pub async fn get_voice_seat(
        &self,
        guild: GuildId,
        user: UserId,
        wanted: UserId,
    ) -> Result<VoiceSeat, Error> {
        const NOBODY: Error = Error::NotFound("this member is not in voice");
        let view = self.view(guild, user).await?;
        let live = self.live().ok_or(NOT_CONNECTED)?;
        let seat = live.voice_seat(guild, wanted).ok_or(NOBODY)?;
        let channel = live.channel(guild, seat.channel).ok_or(NOBODY)?;
        if view.shows(&channel) {
            return Ok(seat);
        }
        Err(NOBODY)
    }

    pub(super) fn bot(&self) -> Result<UserId, Error> {
        let bot = self.guilds.gateway().bot().ok_or(NOT_CONNECTED)?;
        Ok(bot.id)
    }
}
