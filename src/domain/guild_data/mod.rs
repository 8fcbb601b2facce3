//! What a dashboard shows of a guild: channels, roles, members, and messages that the bot sends. From
//! what the gateway knows as of now, else from Discord, kept for a while. Who asks is checked before
//! anything is read. `http` calls; `bot` tells of changes. Contract 6, seed 003.

mod cache;
mod endpoints;
mod own;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::discord::Discord;
use crate::discord::guild_data::{Channel, GuildInfo, GuildMember, GuildRole};
use crate::domain::events::{Event, Events, GuildEvent, Part};
use crate::domain::guilds::{
    Gateway, Guild, GuildDetails, Guilds, Role, SEND_MESSAGES, VIEW_CHANNEL,
};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, RoleId, UserId};
use cache::{CHANNELS_LIFETIME, Home, MEMBERS_LIFETIME};
pub use cache::{GuildCache, MemberPage};
pub use own::OwnView;

/// Most characters of a message. Discord's limit.
const MESSAGE_MAX_CHARS: usize = 2_000;
/// Kinds of channels that messages can be sent to: text, voice, announcement, stage.
const WRITABLE: [u8; 4] = [0, 2, 5, 13];

/// A role, and whether the bot may give and take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRole {
    /// The role.
    pub role: GuildRole,
    /// Whether the bot may give and take it.
    pub is_manageable: bool,
}

/// Part of a guild's members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// They, by id.
    pub list: Vec<GuildMember>,
    /// Whether the bot may not know of all of them: without the Guild Members intent there are only
    /// the bot and those in voice.
    pub is_partial: bool,
}

/// Who is told of what changes in a bot's guilds. `bot` calls.
pub trait Watcher: Send + Sync {
    /// Something has changed at Discord: what is known of it is not believed any more, and then
    /// everybody is told who may know. Of members nobody is told without the intent, when Discord
    /// tells of the bot alone.
    fn changed(&self, guild: GuildId, event: GuildEvent);
    /// A session with Discord has begun, of a bot in these guilds. Changes may have been missed:
    /// nothing is believed any more.
    fn began(&self, guilds: &[GuildId]);
}

/// Guilds as dashboards see them.
pub struct GuildData {
    guilds: Arc<Guilds>,
    discord: Option<Arc<Discord>>,
    cache: Arc<GuildCache>,
    /// Whether Discord lists the members for us.
    has_members_intent: bool,
    events: Arc<Events>,
    clock: Clock,
}

/// A guild as one member may see it.
struct View {
    home: Home,
    details: GuildDetails,
    user: UserId,
    roles: Vec<RoleId>,
    is_manager: bool,
}

impl View {
    fn shows(&self, channel: &Channel) -> bool {
        self.is_manager || self.details.can_see(channel, self.user, &self.roles)
    }

    fn check_manager(&self) -> Result<(), Error> {
        if self.is_manager {
            return Ok(());
        }
        Err(Error::Forbidden("you must be a manager of this guild"))
    }
}

impl GuildData {
    /// `has_members_intent` says whether the application has Discord's Guild Members intent; who
    /// listens on `events` is told of changes.
    pub fn new(
        guilds: Arc<Guilds>,
        discord: Option<Arc<Discord>>,
        cache: Arc<GuildCache>,
        has_members_intent: bool,
        events: Arc<Events>,
        clock: Clock,
    ) -> Self {
        Self {
            guilds,
            discord,
            cache,
            has_members_intent,
            events,
            clock,
        }
    }

    /// The channels that a member sees, all of them for those who manage the guild; in their order.
    ///
    /// # Errors
    /// As [`Guilds::recall_member`]; 502, 503 and 504 for Discord's failures.
    pub async fn list_channels(&self, guild: GuildId, user: UserId) -> Result<Vec<Channel>, Error> {
        let view = self.view(guild, user).await?;
        let mut channels = self.channels(view.home).await?;
        channels.retain(|channel| view.shows(channel));
        channels.sort_by_key(|channel| (channel.position, channel.id));
        Ok(channels)
    }

    /// A guild's roles, the highest first. For its members.
    ///
    /// # Errors
    /// As [`list_channels`](Self::list_channels).
    pub async fn list_roles(&self, guild: GuildId, user: UserId) -> Result<Vec<ListedRole>, Error> {
        let view = self.view(guild, user).await?;
        let (details, bot) = (&view.details, view.home.bot);
        let mut roles = self.info(view.home, CHANNELS_LIFETIME).await?.roles;
        roles.sort_by_key(|role| (std::cmp::Reverse(role.position), role.id));
        let own = self.guilds.recall_member(guild, bot).await?;
        let is_manageable = |role| details.can_give(role, &roles, bot, &own.rights.roles);
        let listed = roles.iter().map(|role| ListedRole {
            role: role.clone(),
            is_manageable: is_manageable(role),
        });
        Ok(listed.collect())
    }

    /// Part of a guild's members, for those who manage it.
    ///
    /// # Errors
    /// 403 for other members; as [`list_channels`](Self::list_channels).
    pub async fn list_members(
        &self,
        guild: GuildId,
        user: UserId,
        page: MemberPage,
    ) -> Result<Members, Error> {
        let view = self.view(guild, user).await?;
        view.check_manager()?;
        let known = self.live().and_then(|live| live.members(guild));
        let known = match known {
            Some(known) if known.is_complete || !self.has_members_intent => known,
            None if !self.has_members_intent => return Err(NOT_CONNECTED),
            _ => {
                let members = self.cache.members(self.discord()?, view.home, page);
                return Ok(Members {
                    list: members.await?.to_vec(),
                    is_partial: false,
                });
            }
        };
        let mut list = known.list;
        list.retain(|member| page.after.is_none_or(|after| member.account.id > after));
        list.sort_by_key(|member| member.account.id);
        list.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        Ok(Members {
            list,
            is_partial: !known.is_complete,
        })
    }

    /// One member, for itself and for those who manage the guild.
    ///
    /// # Errors
    /// 403 for other members, 404 where there is no such member; as
    /// [`list_channels`](Self::list_channels).
    pub async fn get_member(
        &self,
        guild: GuildId,
        user: UserId,
        wanted: UserId,
    ) -> Result<Arc<GuildMember>, Error> {
        if wanted != user {
            self.view(guild, user).await?.check_manager()?;
        }
        let member = self.guilds.recall_member(guild, wanted).await;
        match member {
            Err(Error::Forbidden(_)) if wanted != user => {
                Err(Error::NotFound("there is no such member"))
            }
            member => member,
        }
    }

    /// Sends a message as the bot, for those who manage the guild now. Nobody is told of mentions in
    /// it. Answers its id.
    ///
    /// # Errors
    /// 400 for no text, too long a one, and a channel without messages; 403 for others, and where the
    /// bot may not write; 404 where the guild has no such channel; as
    /// [`list_channels`](Self::list_channels).
    pub async fn send_message(
        &self,
        guild: GuildId,
        user: UserId,
        channel: ChannelId,
        content: &str,
    ) -> Result<u64, Error> {
        if content.trim().is_empty() || content.chars().count() > MESSAGE_MAX_CHARS {
            return Err(Error::Invalid("content must have 1 to 2000 characters"));
        }
        let details = self.guilds.check_manager(guild, user).await?;
        let home = self.home(guild)?;
        let channels = self.channels(home).await?;
        let known = channels.iter().find(|known| known.id == channel);
        let known = known.ok_or(Error::NO_CHANNEL)?;
        if !WRITABLE.contains(&known.kind) {
            return Err(Error::Invalid("this channel takes no messages"));
        }
        // Asking in vain counts against the server's address.
        let own = self.guilds.recall_member(guild, home.bot).await?;
        let rights = details.permissions_in(known, home.bot, &own.rights.roles);
        let needed = VIEW_CHANNEL | SEND_MESSAGES;
        if rights & needed != needed {
            return Err(Error::BOT_MAY_NOT_WRITE);
        }
        self.discord()?.send_message(channel, content).await
    }

    fn believe_no_more(&self, guild: GuildId, event: &GuildEvent) {
        match event {
            GuildEvent::MemberAdded(member) | GuildEvent::MemberUpdated(member) => {
                self.guilds.forget_member(guild, member.account.id);
            }
            GuildEvent::MemberRemoved(user) => self.guilds.forget_member(guild, *user),
            _ => {}
        }
        if let Ok(home) = self.home(guild) {
            self.cache.forget(home, event.part());
        }
    }

    async fn view(&self, guild: GuildId, user: UserId) -> Result<View, Error> {
        let member = self.guilds.recall_member(guild, user).await?;
        let home = self.home(guild)?;
        let known = self.live().and_then(|live| live.details(guild));
        let details = if let Some(known) = known {
            known
        } else {
            // Rights are not believed for longer than memberships.
            let info = self.cache.info(self.discord()?, home, MEMBERS_LIFETIME);
            details_of(&*info.await?)
        };
        Ok(View {
            home,
            is_manager: details.is_manager(user, &member.rights, self.clock.now_ms()),
            details,
            user,
            roles: member.rights.roles.clone(),
        })
    }

    async fn channels(&self, home: Home) -> Result<Vec<Channel>, Error> {
        match self.live().and_then(|live| live.channels(home.guild)) {
            Some(channels) => Ok(channels),
            None => Ok(self.cache.channels(self.discord()?, home).await?.to_vec()),
        }
    }

    async fn info(&self, home: Home, age_max: Duration) -> Result<GuildInfo, Error> {
        if let Some(info) = self.live().and_then(|live| live.info(home.guild)) {
            return Ok(info);
        }
        let info = self.cache.info(self.discord()?, home, age_max).await?;
        Ok(GuildInfo::clone(&info))
    }

    /// What the gateway knows, unless it may be old.
    fn live(&self) -> Option<&dyn Gateway> {
        let gateway = self.guilds.gateway();
        gateway.is_connected().then_some(gateway)
    }

    fn home(&self, guild: GuildId) -> Result<Home, Error> {
        let bot = self.bot()?;
        Ok(Home { bot, guild })
    }

    fn discord(&self) -> Result<&Discord, Error> {
        self.discord.as_deref().ok_or(NOT_CONNECTED)
    }
}

impl Watcher for GuildData {
    fn changed(&self, guild: GuildId, event: GuildEvent) {
        let part = event.part();
        self.believe_no_more(guild, &event);
        if part == Part::Members && !self.has_members_intent {
            return;
        }
        let is_news = !matches!(event, GuildEvent::Invalidated(_));
        self.events.publish(Event::Guild(guild, event));
        if is_news {
            let old = GuildEvent::Invalidated(part);
            self.events.publish(Event::Guild(guild, old));
        }
    }

    fn began(&self, guilds: &[GuildId]) {
        self.guilds.forget_members();
        if let Ok(bot) = self.bot() {
            self.cache.forget_own(bot);
        }
        for guild in guilds {
            if let Ok(home) = self.home(*guild) {
                self.cache.forget_all(home);
            }
        }
    }
}

const NOT_CONNECTED: Error = Error::Unavailable("the bot is not connected to Discord");

/// What rights depend on.
fn details_of(info: &GuildInfo) -> GuildDetails {
    let roles = info.roles.iter().map(|role| Role {
        id: role.id,
        permissions: role.permissions,
    });
    GuildDetails {
        guild: Guild {
            id: info.id,
            name: info.name.clone(),
        },
        icon: info.icon.clone(),
        owner: info.owner,
        roles: roles.collect(),
    }
}
