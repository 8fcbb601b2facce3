//! What the gateway connection knows about guilds: the domain's [`Gateway`] port, filled from
//! serenity's cache. `gateway` reports the connection's fortunes, `voice` watches the bot's own
//! channel here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serenity::cache::Cache;
use serenity::model::guild::UnavailableGuild;
use serenity::model::id as discord;
use serenity::model::permissions::Permissions;
use serenity::model::user::CurrentUser;
use serenity::model::voice::VoiceState;
use tokio::sync::watch;
use tokio::time::timeout;

use super::describe::{
    describe_channel, describe_guild, describe_member, describe_role, describe_seat, discriminator,
};
use crate::discord::guild_data::{Channel, GuildInfo, GuildMember, GuildRole};
use crate::discord::user_tag;
use crate::domain::guilds::{
    BotUser, Gateway, Guild, GuildDetails, KnownMembers, MissingRight, Outage, Role, VoiceSeat,
};
use crate::ids::{ChannelId, GuildId, RoleId, UserId};

/// What a guild is called that has been out of order ever since we started.
const UNKNOWN_NAME: &str = "(unavailable)";

/// The guilds, members in voice and permissions, as of the last event.
pub(super) struct Directory {
    state: RwLock<State>,
    is_connected: AtomicBool,
    /// Wakes those who wait for the bot's own voice state to change.
    own_voice: watch::Sender<()>,
    /// The same of the connection.
    fortunes: watch::Sender<()>,
    /// Whether Discord tells of changes of all members.
    has_members_intent: bool,
}

#[derive(Default)]
struct State {
    /// Of the client that is connected now; one that is restarted brings another.
    cache: Option<Arc<Cache>>,
    bot: Option<BotUser>,
    outage: Outage,
    /// The guilds the bot is in. Those that are out of order stay, with their last name.
    names: HashMap<GuildId, String>,
    /// Whether all guilds of the first connection have come in.
    is_complete: bool,
}

impl Directory {
    pub(super) fn new(has_members_intent: bool) -> Self {
        Self {
            state: RwLock::default(),
            is_connected: AtomicBool::new(false),
            own_voice: watch::Sender::new(()),
            fortunes: watch::Sender::new(()),
            has_members_intent,
        }
    }

    /// Waits until the connection is up and its guilds are known.
    ///
    /// # Errors
    /// Why it will not be before somebody changes something, or a limit is reset. A loss that is
    /// mended by itself is waited out.
    pub(super) async fn ready(&self) -> Result<(), Outage> {
        let mut fortunes = self.fortunes.subscribe();
        loop {
            fortunes.borrow_and_update();
            let (is_complete, outage) = {
                let state = self.read();
                (state.is_complete, state.outage)
            };
            if self.is_connected() && is_complete {
                return Ok(());
            }
            if outage != Outage::Unreachable {
                return Err(outage);
            }
            // The sender lives as long as this.
            let _changed = fortunes.changed().await;
        }
    }

    /// A connection is ready: `guilds` is where the bot is, though nothing is known of them yet.
    pub(super) fn connected(
        &self,
        cache: &Arc<Cache>,
        user: &CurrentUser,
        guilds: &[UnavailableGuild],
    ) {
        let ids: Vec<GuildId> = guilds
            .iter()
            .filter_map(|guild| from_discord(guild.id))
            .collect();
        let bot = UserId::try_from(user.id.get()).ok().map(|id| BotUser {
            id,
            tag: user_tag(&user.name, &discriminator(user.discriminator)),
        });
        let mut state = self.write();
        state.cache = Some(Arc::clone(cache));
        state.bot = bot;
        state.outage = Outage::default();
        state.names.retain(|id, _| ids.contains(id));
        for id in &ids {
            state
                .names
                .entry(*id)
                .or_insert_with(|| UNKNOWN_NAME.to_owned());
        }
        state.is_complete |= ids.is_empty();
    }

    /// All guilds have come in, or have had the time to.
    pub(super) fn complete(&self) {
        self.write().is_complete = true;
        self.fortunes.send_replace(());
    }

    /// The connection went up or down.
    pub(super) fn set_connected(&self, is_connected: bool) {
        self.is_connected.store(is_connected, Ordering::Release);
        self.fortunes.send_replace(());
    }

    /// Why the connection went down.
    pub(super) fn set_outage(&self, outage: Outage) {
        self.write().outage = outage;
        self.fortunes.send_replace(());
    }

    /// The bot is in a guild of this name.
    pub(super) fn add(&self, guild: discord::GuildId, name: &str) {
        if let Some(id) = from_discord(guild) {
            self.write().names.insert(id, name.to_owned());
        }
    }

    /// The bot is not in a guild any more.
    pub(super) fn remove(&self, guild: discord::GuildId) {
        if let Some(id) = from_discord(guild) {
            self.write().names.remove(&id);
        }
    }

    /// A role as it is now.
    pub(super) fn role(&self, guild: discord::GuildId, role: discord::RoleId) -> Option<GuildRole> {
        let cache = self.cache()?;
        let guild = cache.guild(guild)?;
        guild.roles.get(&role).and_then(describe_role)
    }

    /// A member as the last event has it, whatever the intents are.
    pub(super) fn known_member(
        &self,
        guild: discord::GuildId,
        user: discord::UserId,
    ) -> Option<GuildMember> {
        let cache = self.cache()?;
        let guild = cache.guild(guild)?;
        guild.members.get(&user).and_then(describe_member)
    }

    /// Whether a user is the bot itself.
    pub(super) fn is_bot(&self, user: discord::UserId) -> bool {
        self.read()
            .bot
            .as_ref()
            .is_some_and(|bot| bot.id.get() == user.get())
    }

    /// The bot's own voice state may have changed.
    pub(super) fn own_voice_changed(&self) {
        self.own_voice.send_replace(());
    }

    /// The voice channel the bot is in, as Discord sees it.
    pub(super) fn own_channel(&self, guild: GuildId) -> Option<ChannelId> {
        let bot = self.read().bot.as_ref()?.id;
        self.voice_channel(guild, bot)
    }

    /// Waits until Discord sees the bot in voice, or does not any more; at most for `patience`.
    /// Says whether it came to that.
    pub(super) async fn wait_in_voice(
        &self,
        guild: GuildId,
        is_in_voice: bool,
        patience: Duration,
    ) -> bool {
        let mut changes = self.own_voice.subscribe();
        let change = changes.wait_for(|()| self.own_channel(guild).is_some() == is_in_voice);
        timeout(patience, change).await.is_ok()
    }

    /// Waits until Discord sees the bot deafened, or not any more; at most for `patience`.
    pub(super) async fn wait_deaf(&self, guild: GuildId, is_deaf: bool, patience: Duration) {
        let mut changes = self.own_voice.subscribe();
        let change = changes.wait_for(|()| self.is_deaf(guild) == Some(is_deaf));
        let _in_time_or_not = timeout(patience, change).await;
    }

    /// Whether the bot has deafened itself, as Discord sees it.
    fn is_deaf(&self, guild: GuildId) -> Option<bool> {
        let (cache, bot) = self.cache().zip(self.bot())?;
        let guild = cache.guild(to_discord(guild))?;
        let state = guild
            .voice_states
            .get(&discord::UserId::new(bot.id.get()))?;
        Some(state.self_deaf)
    }

    /// Waits until Discord sees the bot in this voice channel, or in none.
    pub(super) async fn wait_own_channel(&self, guild: GuildId, channel: Option<ChannelId>) {
        let mut changes = self.own_voice.subscribe();
        let change = changes.wait_for(|()| self.own_channel(guild) == channel);
        // The sender lives as long as this.
        let _is_so = change.await;
    }

    /// Whether somebody but the bot is in a voice channel, in such a state.
    fn any_other(
        &self,
        guild: GuildId,
        channel: ChannelId,
        is_so: impl Fn(&VoiceState) -> bool,
    ) -> bool {
        let Some((cache, bot)) = self.cache().zip(self.bot()) else {
            return false;
        };
        let Some(guild) = cache.guild(to_discord(guild)) else {
            return false;
        };
        guild.voice_states.iter().any(|(user, state)| {
            let its = state.channel_id.map(discord::ChannelId::get);
            user.get() != bot.id.get() && its == Some(channel.get()) && is_so(state)
        })
    }

    fn cache(&self) -> Option<Arc<Cache>> {
        self.read().cache.clone()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gateway for Directory {
    fn guilds(&self) -> Option<Vec<Guild>> {
        let state = self.read();
        let guild = |(id, name): (&GuildId, &String)| Guild {
            id: *id,
            name: name.clone(),
        };
        state
            .is_complete
            .then(|| state.names.iter().map(guild).collect())
    }

    fn guild(&self, guild: GuildId) -> Option<Guild> {
        let state = self.read();
        let name = state.names.get(&guild).filter(|_| state.is_complete)?;
        Some(Guild {
            id: guild,
            name: name.clone(),
        })
    }

    fn details(&self, guild: GuildId) -> Option<GuildDetails> {
        let known = self.guild(guild)?;
        let cache = self.cache()?;
        let guild = cache.guild(to_discord(guild))?;
        let role = |role: &serenity::model::guild::Role| {
            let id = RoleId::try_from(role.id.get()).ok()?;
            let permissions = role.permissions.bits();
            Some(Role { id, permissions })
        };
        Some(GuildDetails {
            guild: known,
            icon: guild.icon.map(|icon| icon.to_string()),
            owner: UserId::try_from(guild.owner_id.get()).ok()?,
            roles: guild.roles.values().filter_map(role).collect(),
        })
    }

    fn channels(&self, guild: GuildId) -> Option<Vec<Channel>> {
        let cache = self.cache()?;
        let guild = cache.guild(to_discord(guild))?;
        let channels = guild.channels.values();
        Some(channels.filter_map(describe_channel).collect())
    }

    fn channel(&self, guild: GuildId, channel: ChannelId) -> Option<Channel> {
        let cache = self.cache()?;
        let guild = cache.guild(to_discord(guild))?;
        let channel = discord::ChannelId::new(channel.get());
        guild.channels.get(&channel).and_then(describe_channel)
    }

    fn channel_guild(&self, channel: ChannelId) -> Option<GuildId> {
        let cache = self.cache()?;
        let guilds: Vec<GuildId> = self.read().names.keys().copied().collect();
        let channel = discord::ChannelId::new(channel.get());
        let has_it = |guild: &GuildId| {
            let guild = cache.guild(to_discord(*guild));
            guild.is_some_and(|guild| guild.channels.contains_key(&channel))
        };
        guilds.into_iter().find(has_it)
    }

    fn info(&self, guild: GuildId) -> Option<GuildInfo> {
        let cache = self.cache()?;
        describe_guild(&*cache.guild(to_discord(guild))?)
    }

    fn member(&self, guild: GuildId, user: UserId) -> Option<GuildMember> {
        let (cache, bot) = self.cache().zip(self.bot())?;
        let is_told_of = self.has_members_intent || user == bot.id;
        if !is_told_of || !self.is_connected() {
            return None;
        }
        let guild = cache.guild(to_discord(guild))?;
        let member = guild.members.get(&discord::UserId::new(user.get()))?;
        describe_member(member)
    }

    fn members(&self, guild: GuildId) -> Option<KnownMembers> {
        let (cache, bot) = self.cache().zip(self.bot())?;
        if !self.is_connected() {
            return None;
        }
        let guild = cache.guild(to_discord(guild))?;
        // Others may have left: nobody tells of them.
        let is_known = |user: &discord::UserId| {
            self.has_members_intent
                || guild.voice_states.contains_key(user)
                || user.get() == bot.id.get()
        };
        let known = guild.members.iter().filter(|(user, _)| is_known(user));
        let list: Vec<_> = known
            .filter_map(|(_, member)| describe_member(member))
            .collect();
        let count = u64::try_from(list.len()).unwrap_or(u64::MAX);
        Some(KnownMembers {
            is_complete: self.has_members_intent && count == guild.member_count,
            list,
        })
    }

    fn voice_seat(&self, guild: GuildId, user: UserId) -> Option<VoiceSeat> {
        let cache = self.cache()?;
        let guild = cache.guild(to_discord(guild))?;
        describe_seat(guild.voice_states.get(&discord::UserId::new(user.get()))?)
    }

    fn voice_channel(&self, guild: GuildId, user: UserId) -> Option<ChannelId> {
        let cache = self.cache()?;
        let guild = cache.guild(to_discord(guild))?;
        let state = guild.voice_states.get(&discord::UserId::new(user.get()))?;
        state
            .channel_id
            .and_then(|channel| ChannelId::try_from(channel.get()).ok())
    }

    fn voice_guild(&self, user: UserId) -> Option<GuildId> {
        let guilds: Vec<GuildId> = self.read().names.keys().copied().collect();
        let is_there = |guild: &GuildId| self.voice_channel(*guild, user).is_some();
        guilds.into_iter().find(is_there)
    }

    fn has_listeners(&self, guild: GuildId, channel: ChannelId) -> bool {
        self.any_other(guild, channel, |_| true)
    }

    fn has_ears(&self, guild: GuildId, channel: ChannelId) -> bool {
        let hears = |state: &VoiceState| {
            let is_bot = state.member.as_ref().is_some_and(|member| member.user.bot);
            !(state.deaf || state.self_deaf || is_bot)
        };
        self.any_other(guild, channel, hears)
    }

    fn may_speak(&self, guild: GuildId, channel: ChannelId) -> Result<(), MissingRight> {
        let Some((cache, bot)) = self.cache().zip(self.bot()) else {
            return Err(MissingRight::Connect);
        };
        let Some(guild) = cache.guild(to_discord(guild)) else {
            return Err(MissingRight::Connect);
        };
        // A channel that is not in the cache is one that the bot may not see.
        let channel = guild
            .channels
            .get(&discord::ChannelId::new(channel.get()))
            .ok_or(MissingRight::Connect)?;
        let member = guild
            .members
            .get(&discord::UserId::new(bot.id.get()))
            .ok_or(MissingRight::Connect)?;
        let rights = guild.user_permissions_in(channel, member);
        if !rights.contains(Permissions::VIEW_CHANNEL | Permissions::CONNECT) {
            return Err(MissingRight::Connect);
        }
        if rights.contains(Permissions::SPEAK) {
            Ok(())
        } else {
            Err(MissingRight::Speak)
        }
    }

    fn bot(&self) -> Option<BotUser> {
        self.read().bot.clone()
    }

    fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Acquire)
    }

    fn outage(&self) -> Outage {
        self.read().outage
    }
}

/// A guild's id as the library takes it.
pub(super) fn to_discord(guild: GuildId) -> discord::GuildId {
    discord::GuildId::new(guild.get())
}

/// A guild's id as we take it; every one that Discord gives out fits.
pub(super) fn from_discord(guild: discord::GuildId) -> Option<GuildId> {
    GuildId::try_from(guild.get()).ok()
}
