//! Who asks a player for something, and whether they may. Called by [`Player`] before anything is
//! done. Contract 2 and 5.

use std::sync::Arc;

use super::Player;
use crate::discord::guild_data::Member;
use crate::domain::guilds::MissingRight;
use crate::domain::settings::GuildSettings;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, UserId};

/// Who asks the player for something.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The guild it is about.
    pub guild: GuildId,
    /// The member, or the bot itself.
    pub user: UserId,
    /// Which of them it is.
    pub who: Who,
}

/// What kind of asker it is.
#[derive(Debug, Clone)]
pub enum Who {
    /// A member, as Discord described it in this very request; read from Discord where `None`. It is
    /// followed into its voice channel.
    Member(Option<Member>),
    /// The bot itself, for a session of its own: it is asked for nothing but its own rights, and
    /// goes into this voice channel. Seed 001.
    Bot(Option<ChannelId>),
}

impl Player {
    /// Passes for those who may play in the guild, wherever they are.
    ///
    /// # Errors
    /// 403 where the asker is no member, is timed out, or may not play.
    pub async fn check_may_play(&self, asker: &Asker) -> Result<(), Error> {
        self.check(asker).await.map(drop)
    }

    /// Passes for members who may ask the bot for something that is not heard.
    ///
    /// # Errors
    /// 403 where the asker is no member, is timed out, or has a blocked role.
    pub async fn check_not_blocked(&self, asker: &Asker) -> Result<(), Error> {
        let (settings, member) = self.check_member(asker).await?;
        settings.check_not_blocked(&member.roles)
    }

    pub(super) async fn check_play(
        &self,
        asker: &Asker,
    ) -> Result<(Arc<GuildSettings>, ChannelId), Error> {
        let settings = self.check(asker).await?;
        Ok((settings, self.voice_channel(asker)?))
    }

    pub(super) async fn check(&self, asker: &Asker) -> Result<Arc<GuildSettings>, Error> {
        let (settings, member) = self.check_member(asker).await?;
        if matches!(asker.who, Who::Member(_)) {
            settings.check_dj(&member.roles)?;
        }
        Ok(settings)
    }

    async fn check_member(&self, asker: &Asker) -> Result<(Arc<GuildSettings>, Member), Error> {
        let guilds = &self.parts.guilds;
        let member = match &asker.who {
            Who::Member(Some(member)) => member.clone(),
            Who::Member(None) => guilds.get_member(asker.guild, asker.user).await?,
            Who::Bot(_) => {
                guilds.check_bot(asker.guild)?;
                Member::default()
            }
        };
        if member
            .timed_out_until_ms
            .is_some_and(|until| until > self.parts.clock.now_ms())
        {
            return Err(Error::Forbidden("you are timed out in this guild"));
        }
        Ok((self.settings.get(asker.guild).await?, member))
    }

    pub(super) fn voice_channel(&self, asker: &Asker) -> Result<ChannelId, Error> {
        let guilds = &self.parts.guilds;
        match asker.who {
            Who::Member(_) => {
                let channel = guilds.gateway().voice_channel(asker.guild, asker.user);
                channel.ok_or(Error::NOT_IN_VOICE)
            }
            Who::Bot(Some(channel)) => {
                guilds.check_own_voice_channel(asker.guild, channel)?;
                Ok(channel)
            }
            Who::Bot(None) => Err(Error::NOT_IN_VOICE),
        }
    }

    /// Who wants something of what is heard hears it; the bot itself need not.
    pub(super) fn check_in_voice(&self, asker: &Asker) -> Result<(), Error> {
        match asker.who {
            Who::Member(_) => self.voice_channel(asker).map(drop),
            Who::Bot(_) => Ok(()),
        }
    }

    pub(super) fn check_bot_rights(&self, guild: GuildId, channel: ChannelId) -> Result<(), Error> {
        self.parts.guilds.gateway().may_speak(guild, channel).map_err(|missing| match missing {
            MissingRight::Connect => Error::Forbidden(
                "the bot may not join your voice channel, give it the Connect permission there",
            ),
            MissingRight::Speak => Error::Forbidden(
                "the bot may not speak in your voice channel, give it the Speak permission there",
            ),
        })
    }
}
