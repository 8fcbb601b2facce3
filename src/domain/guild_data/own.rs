//! What a bot sees of its guilds itself, for those who have brought it along: nobody's rights but the
//! bot's own count. From what its gateway connection knows while there is one, else over REST.
//! `domain::sessions` calls. Seed 001, contract 8.

use std::sync::Arc;
use std::time::Duration;

use super::cache::{CHANNELS_LIFETIME, GuildCache, Home, MEMBERS_LIFETIME};
use super::{MemberPage, Members, Watcher, details_of};
use crate::discord::Discord;
use crate::discord::endpoints::{Message, MessagePage, MessagesAt};
use crate::discord::guild_data::{Channel, GuildMember, OWN_GUILDS_MAX};
use crate::domain::events::GuildEvent;
use crate::domain::guilds::{Gateway, Guild};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, UserId};

/// Members that Discord lists at once, and most that are listed to one who asks.
const MEMBERS_PAGE: u32 = 1_000;
const MEMBERS_MAX: usize = 10_000;
/// Messages that Discord lists at once.
const MESSAGES_PAGE: u32 = 100;
/// A guild that was not there is looked for again after this long: somebody may just have added the
/// bot.
const AGAIN: Duration = Duration::from_secs(5);
const NO_GUILD: Error = Error::NotFound("there is no such guild");

/// One bot's view.
pub struct OwnView {
    bot: UserId,
    discord: Arc<Discord>,
    gateway: Arc<dyn Gateway>,
    cache: Arc<GuildCache>,
}

impl OwnView {
    /// That of `bot`, which asks Discord through `discord`; answers are kept in `cache` under its
    /// name.
    pub fn new(
        bot: UserId,
        discord: Arc<Discord>,
        gateway: Arc<dyn Gateway>,
        cache: Arc<GuildCache>,
    ) -> Self {
        Self {
            bot,
            discord,
            gateway,
            cache,
        }
    }

    /// The guild that is named, if the bot is in it; else the only one that it is in.
    ///
    /// # Errors
    /// 404 where it is not in the named one or in none, 400 where it is in several; 502, 503 and 504
    /// for Discord's failures, 429 where it limits the bot.
    pub async fn get_guild(&self, named: Option<GuildId>) -> Result<GuildId, Error> {
        if let Some(guild) = named {
            let is_there = self.is_in(guild).await?;
            return is_there.then_some(guild).ok_or(NO_GUILD);
        }
        let guilds = self.own_guilds().await?;
        match guilds.as_slice() {
            [] => Err(Error::NotFound("the bot is in no guild")),
            [only] => Ok(only.id),
            _ => Err(Error::Invalid(
                "guildId is missing: the bot is in more than one guild",
            )),
        }
    }

    /// The channels that the bot sees, in their order; [`get_guild`](Self::get_guild) has passed.
    ///
    /// # Errors
    /// As [`get_guild`](Self::get_guild).
    pub async fn list_channels(&self, guild: GuildId) -> Result<Vec<Channel>, Error> {
        let home = self.home(guild);
        let live = self.live();
        let details = if let Some(known) = live.and_then(|live| live.details(guild)) {
            known
        } else {
            let info = self.cache.info(&self.discord, home, CHANNELS_LIFETIME);
            details_of(&*self.or_gone(guild, info.await).await?)
        };
        let own = if let Some(known) = live.and_then(|live| live.member(guild, self.bot)) {
            Arc::new(known)
        } else {
            let own = self.cache.own_member(&self.discord, home).await?;
            own.ok_or(NO_GUILD)?
        };
        let mut channels = if let Some(known) = live.and_then(|live| live.channels(guild)) {
            known
        } else {
            let channels = self.cache.channels(&self.discord, home).await;
            self.or_gone(guild, channels).await?.to_vec()
        };
        channels.retain(|channel| details.can_see(channel, self.bot, &own.rights.roles));
        channels.sort_by_key(|channel| (channel.position, channel.id));
        Ok(channels)
    }

    /// The members by id, those after `after`: 10 000 at most, and then the answer says that there
    /// are more. [`get_guild`](Self::get_guild) has passed.
    ///
    /// # Errors
    /// 403 where Discord does not list them to this bot; as [`get_guild`](Self::get_guild).
    pub async fn list_members(
        &self,
        guild: GuildId,
        after: Option<UserId>,
    ) -> Result<Members, Error> {
        let home = self.home(guild);
        let mut list: Vec<GuildMember> = Vec::new();
        let mut page = MemberPage {
            limit: MEMBERS_PAGE,
            after,
        };
        loop {
            let members = self.cache.own_members(&self.discord, home, page).await;
            let members = self.or_gone(guild, members).await?;
            list.extend_from_slice(&members);
            let is_last = members.len() < usize::try_from(MEMBERS_PAGE).unwrap_or(usize::MAX);
            if is_last || list.len() >= MEMBERS_MAX {
                return Ok(Members {
                    is_partial: !is_last,
                    list,
                });
            }
            page.after = members.last().map(|member| member.account.id);
        }
    }

    /// The newest messages of a channel, newest first: `limit` at most, 1 to 1000.
    ///
    /// # Errors
    /// 404 for a channel that the bot does not see, 400 for one without messages; as
    /// [`get_guild`](Self::get_guild).
    pub async fn list_messages(
        &self,
        channel: ChannelId,
        limit: u32,
    ) -> Result<Vec<Message>, Error> {
        self.check_readable(channel)?;
        let mut list: Vec<Message> = Vec::new();
        let mut left = limit;
        while left > 0 {
            let page = MessagePage {
                limit: left.min(MESSAGES_PAGE),
                at: list.last().map(|last| (MessagesAt::Before, last.id.get())),
            };
            let messages = self.cache.messages(&self.discord, self.bot, channel, page);
            let messages = messages.await?;
            let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
            list.extend(messages);
            if count < page.limit {
                break;
            }
            left = left.saturating_sub(count);
        }
        Ok(list)
    }

    /// What the gateway knows to be hidden need not be asked for in vain.
    fn check_readable(&self, channel: ChannelId) -> Result<(), Error> {
        let Some(live) = self.live() else {
            return Ok(());
        };
        // Of threads, and of guilds that are away, it does not know.
        let Some(guild) = live.channel_guild(channel) else {
            return Ok(());
        };
        let known = live.channel(guild, channel).zip(live.details(guild));
        let known = known.zip(live.member(guild, self.bot));
        let is_hidden = known.is_some_and(|((channel, details), own)| {
            !details.can_see(&channel, self.bot, &own.rights.roles)
        });
        if is_hidden {
            Err(Error::NO_CHANNEL)
        } else {
            Ok(())
        }
    }

    async fn is_in(&self, guild: GuildId) -> Result<bool, Error> {
        if let Some(live) = self.live().filter(|live| live.guilds().is_some()) {
            return Ok(live.guild(guild).is_some());
        }
        for age_max in [MEMBERS_LIFETIME, AGAIN] {
            let guilds = self.guilds(age_max).await?;
            if guilds.iter().any(|own| own.id == guild) {
                return Ok(true);
            }
            if guilds.len() >= OWN_GUILDS_MAX {
                // Not all are listed.
                let own = self.cache.own_member(&self.discord, self.home(guild));
                return Ok(own.await?.is_some());
            }
        }
        Ok(false)
    }

    async fn own_guilds(&self) -> Result<Arc<Vec<Guild>>, Error> {
        if let Some(known) = self.live().and_then(Gateway::guilds) {
            return Ok(Arc::new(known));
        }
        let known = self.guilds(MEMBERS_LIFETIME).await?;
        if known.is_empty() {
            // The bot may just have been invited.
            return self.guilds(AGAIN).await;
        }
        Ok(known)
    }

    async fn guilds(&self, age_max: Duration) -> Result<Arc<Vec<Guild>>, Error> {
        let guilds = self.cache.own_guilds(&self.discord, self.bot, age_max);
        guilds.await
    }

    /// Where Discord refuses something of a guild, the bot may have left it since it was looked for.
    async fn or_gone<T>(&self, guild: GuildId, asked: Result<T, Error>) -> Result<T, Error> {
        let Err(Error::Upstream(Error::REFUSED, _) | Error::Forbidden(_)) = asked else {
            return asked;
        };
        let guilds = self.guilds(AGAIN).await;
        let is_gone = guilds.is_ok_and(|guilds| {
            guilds.len() < OWN_GUILDS_MAX && guilds.iter().all(|own| own.id != guild)
        });
        if is_gone { Err(NO_GUILD) } else { asked }
    }

    /// What the gateway knows, unless it may be old.
    fn live(&self) -> Option<&dyn Gateway> {
        self.gateway.is_connected().then_some(&*self.gateway)
    }

    fn home(&self, guild: GuildId) -> Home {
        Home {
            bot: self.bot,
            guild,
        }
    }
}

impl Watcher for OwnView {
    fn changed(&self, guild: GuildId, event: GuildEvent) {
        self.cache.forget(self.home(guild), event.part());
    }

    fn began(&self, guilds: &[GuildId]) {
        self.cache.forget_own(self.bot);
        for guild in guilds {
            self.cache.forget_all(self.home(*guild));
        }
    }
}
