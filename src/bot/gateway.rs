//! Events of the gateway connection. serenity calls; the [`Directory`] is told what it cannot read
//! from the cache, and the slash commands are registered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serenity::async_trait;
use serenity::client::{Context, EventHandler};
use serenity::http::Http;
use serenity::model::application::Command;
use serenity::model::channel::{GuildChannel, Message};
use serenity::model::event::{GuildMemberUpdateEvent, ResumedEvent};
use serenity::model::gateway::Ready;
use serenity::model::guild::{Guild, Member, PartialGuild, Role, UnavailableGuild};
use serenity::model::id::{GuildId, RoleId};
use serenity::model::user::User;
use serenity::model::voice::VoiceState;
use tokio::time::sleep;

use super::commands;
use super::describe::{describe_channel, describe_member, describe_rights, discriminator};
use super::directory::{Directory, from_discord};
use super::slash::Slash;
use crate::discord::guild_data::{Channel, GuildRole};
use crate::discord::user_tag;
use crate::domain::commands::Registrar as _;
use crate::domain::events::{GuildEvent, Part};
use crate::domain::guild_data::Watcher;
use crate::domain::guilds::Gateway as _;
use crate::domain::occasions::{Occasions, Seat, VoiceChange};
use crate::domain::player::Player;
use crate::ids;

/// How long the guilds may take to come in before the bot counts as ready without them.
const GUILDS_PATIENCE: Duration = Duration::from_secs(5);
/// Waits between attempts to register the commands.
const REGISTER_AGAIN: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
];

/// Receives the events.
pub(super) struct Events {
    directory: Arc<Directory>,
    player: Arc<Player>,
    watcher: Arc<dyn Watcher>,
    /// What only the configured bot does.
    host: Option<Host>,
}

/// What members have of the configured bot besides its player: commands, and what is heard without
/// one.
pub(super) struct Host {
    pub(super) occasions: Arc<Occasions>,
    /// Whether this process has registered the commands, or is about to.
    pub(super) has_registered: Arc<AtomicBool>,
    /// What registers the guilds' own.
    pub(super) slash: Arc<Slash>,
}

impl Host {
    fn connected(&self, http: &Arc<Http>) {
        if !self.has_registered.swap(true, Ordering::AcqRel) {
            let has_registered = Arc::clone(&self.has_registered);
            tokio::spawn(register(Arc::clone(http), has_registered));
        }
        self.slash.connected(http);
    }
}

impl Events {
    /// Those of a bot whose changes are told to `watcher`; `host` is `None` for one that somebody has
    /// brought along.
    pub(super) fn new(
        directory: Arc<Directory>,
        player: Arc<Player>,
        watcher: Arc<dyn Watcher>,
        host: Option<Host>,
    ) -> Self {
        Self {
            directory,
            player,
            watcher,
            host,
        }
    }

    fn changed(&self, guild: GuildId, event: Option<GuildEvent>) {
        if let Some((guild, event)) = from_discord(guild).zip(event) {
            self.watcher.changed(guild, event);
        }
    }

    /// Tells of a channel as it is now: events are handled side by side, and an earlier one must not
    /// have the last word. One that is gone is told of by its own event.
    fn channel_changed(&self, channel: &GuildChannel, make: fn(Arc<Channel>) -> GuildEvent) {
        let id = ids::ChannelId::try_from(channel.id.get()).ok();
        let place = from_discord(channel.guild_id).zip(id);
        let now = place.and_then(|(guild, id)| self.directory.channel(guild, id));
        self.changed(channel.guild_id, now.map(Arc::new).map(make));
    }

    fn channel_deleted(&self, channel: &GuildChannel) {
        let gone = describe_channel(channel).map(Arc::new);
        self.changed(channel.guild_id, gone.map(GuildEvent::ChannelDeleted));
    }

    fn role_changed(&self, role: &Role, make: fn(GuildRole) -> GuildEvent) {
        let now = self.directory.role(role.guild_id, role.id);
        self.changed(role.guild_id, now.map(make));
    }
}

#[async_trait]
impl EventHandler for Events {
    /// Comes again whenever Discord starts the session anew.
    async fn ready(&self, ctx: Context, ready: Ready) {
        tracing::info!(bot_id = %ready.user.id, bot.name = %ready.user.name, guilds = ready.guilds.len(), "connected");
        self.directory
            .connected(&ctx.cache, &ready.user, &ready.guilds);
        // A new session tells nothing of what was before it.
        let guilds = ready.guilds.iter();
        let guilds: Vec<_> = guilds.filter_map(|guild| from_discord(guild.id)).collect();
        self.watcher.began(&guilds);
        self.directory.set_connected(true);
        let slash = self.host.as_ref().map(|host| {
            host.connected(&ctx.http);
            Arc::clone(&host.slash)
        });
        let directory = Arc::clone(&self.directory);
        tokio::spawn(async move {
            sleep(GUILDS_PATIENCE).await;
            directory.complete();
            if let Some(slash) = slash {
                slash.begin();
            }
        });
    }

    async fn cache_ready(&self, _: Context, _: Vec<GuildId>) {
        self.directory.complete();
        if let Some(host) = &self.host {
            host.slash.begin();
        }
    }

    async fn resume(&self, _: Context, _: ResumedEvent) {
        self.directory.set_connected(true);
    }

    async fn guild_create(&self, _: Context, guild: Guild, is_new: Option<bool>) {
        // It may have changed while it was away.
        let known = from_discord(guild.id).filter(|id| self.directory.guild(*id).is_some());
        self.directory.add(guild.id, &guild.name);
        let joined = from_discord(guild.id).filter(|_| is_new == Some(true));
        if let Some((host, joined)) = self.host.as_ref().zip(joined) {
            host.slash.changed(joined);
        }
        for part in [Part::Guild, Part::Roles, Part::Channels, Part::Members] {
            let old = known.map(|_| GuildEvent::Invalidated(part));
            self.changed(guild.id, old);
        }
        // Its voice states are known only now.
        self.directory.own_voice_changed();
    }

    async fn guild_update(&self, _: Context, _: Option<Guild>, guild: PartialGuild) {
        self.directory.add(guild.id, &guild.name);
        let updated = GuildEvent::Updated {
            name: guild.name,
            icon: guild.icon.map(|icon| icon.to_string()),
        };
        self.changed(guild.id, Some(updated));
    }

    async fn channel_create(&self, _: Context, channel: GuildChannel) {
        self.channel_changed(&channel, GuildEvent::ChannelCreated);
    }

    async fn category_create(&self, _: Context, category: GuildChannel) {
        self.channel_changed(&category, GuildEvent::ChannelCreated);
    }

    async fn channel_update(&self, _: Context, _: Option<GuildChannel>, channel: GuildChannel) {
        self.channel_changed(&channel, GuildEvent::ChannelUpdated);
    }

    async fn channel_delete(&self, _: Context, channel: GuildChannel, _: Option<Vec<Message>>) {
        self.channel_deleted(&channel);
    }

    async fn category_delete(&self, _: Context, category: GuildChannel) {
        self.channel_deleted(&category);
    }

    async fn guild_role_create(&self, _: Context, role: Role) {
        self.role_changed(&role, GuildEvent::RoleCreated);
    }

    async fn guild_role_update(&self, _: Context, _: Option<Role>, role: Role) {
        self.role_changed(&role, GuildEvent::RoleUpdated);
    }

    async fn guild_role_delete(&self, _: Context, guild: GuildId, role: RoleId, _: Option<Role>) {
        let role = ids::RoleId::try_from(role.get()).ok();
        self.changed(guild, role.map(GuildEvent::RoleDeleted));
    }

    async fn guild_member_addition(&self, _: Context, member: Member) {
        let added = describe_member(&member).map(Arc::new);
        self.changed(member.guild_id, added.map(GuildEvent::MemberAdded));
    }

    async fn guild_member_update(
        &self,
        _: Context,
        _: Option<Member>,
        _: Option<Member>,
        event: GuildMemberUpdateEvent,
    ) {
        let now = self.directory.known_member(event.guild_id, event.user.id);
        let now = now.map(Arc::new);
        self.changed(event.guild_id, now.map(GuildEvent::MemberUpdated));
    }

    async fn guild_member_removal(
        &self,
        _: Context,
        guild: GuildId,
        user: User,
        _: Option<Member>,
    ) {
        let user = ids::UserId::try_from(user.id.get()).ok();
        self.changed(guild, user.map(GuildEvent::MemberRemoved));
    }

    async fn guild_delete(&self, _: Context, guild: UnavailableGuild, _: Option<Guild>) {
        // A guild that is out of order has not been left.
        if !guild.unavailable {
            self.directory.remove(guild.id);
        }
        self.directory.own_voice_changed();
        if let Some(left) = from_discord(guild.id).filter(|_| !guild.unavailable) {
            if let Some(host) = &self.host {
                host.slash.forget(left);
            }
            self.player.guild_left(left).await;
        }
    }

    async fn voice_state_update(&self, _: Context, old: Option<VoiceState>, new: VoiceState) {
        if self.directory.is_bot(new.user_id) {
            self.directory.own_voice_changed();
        }
        if let Some(guild) = new.guild_id.and_then(from_discord) {
            self.player.voice_changed(guild);
            if let Some(host) = &self.host
                && let Some(change) = voice_change(guild, old.as_ref(), &new)
            {
                host.occasions.voice_changed(change).await;
            }
        }
    }
}

/// What a person has done in voice; `None` for bots.
fn voice_change(
    guild: ids::GuildId,
    old: Option<&VoiceState>,
    new: &VoiceState,
) -> Option<VoiceChange> {
    let member = new.member.as_ref().filter(|member| !member.user.bot)?;
    let seat = |state: &VoiceState| {
        let channel = state.channel_id?.get();
        Some(Seat {
            channel: ids::ChannelId::try_from(channel).ok()?,
            is_muted: state.self_mute && !state.self_deaf,
        })
    };
    let user = &member.user;
    Some(VoiceChange {
        guild,
        user: ids::UserId::try_from(user.id.get()).ok()?,
        user_tag: user_tag(&user.name, &discriminator(user.discriminator)),
        member: describe_rights(member),
        before: old.and_then(seat),
        now: seat(new),
    })
}

/// Registers the slash commands, which replaces those of earlier versions; until it succeeds
/// Discord keeps what it has.
async fn register(http: Arc<Http>, has_registered: Arc<AtomicBool>) {
    for wait in REGISTER_AGAIN {
        match Command::set_global_commands(&http, commands::declarations()).await {
            Ok(commands) => {
                tracing::debug!(commands = commands.len(), "slash commands are registered");
                return;
            }
            Err(error) => tracing::warn!(%error, "slash commands cannot be registered"),
        }
        sleep(wait).await;
    }
    // The next session tries again.
    has_registered.store(false, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state(channel: Option<&str>, mute: bool, deaf: bool, bot: bool) -> VoiceState {
        let user =
            json!({"id": "5", "username": "ada", "discriminator": "0", "avatar": null, "bot": bot});
        let member: Value = json!({
            "user": user, "roles": ["8"], "joined_at": null, "deaf": false, "mute": false, "flags": 0,
            "communication_disabled_until": "2019-04-06T18:48:02Z",
        });
        serde_json::from_value(json!({
            "guild_id": "7", "channel_id": channel, "user_id": "5", "member": member,
            "session_id": "s", "deaf": false, "mute": false, "self_deaf": deaf, "self_mute": mute,
            "self_video": false, "suppress": false, "request_to_speak_timestamp": null,
        }))
        .unwrap()
    }

    #[test]
    fn what_people_do_in_voice_is_told_and_what_bots_do_is_not() {
        let guild = ids::GuildId::try_from(7).unwrap();
        let channel = ids::ChannelId::try_from(9).unwrap();
        let seat = |is_muted| Some(Seat { channel, is_muted });
        let open = state(Some("9"), false, false, false);
        let change = |old: Option<&VoiceState>, new| voice_change(guild, old, &new);

        let muted = change(Some(&open), state(Some("9"), true, false, false)).unwrap();
        assert_eq!((muted.before, muted.now), (seat(false), seat(true)));
        assert_eq!((muted.user.get(), muted.user_tag.as_str()), (5, "ada"));
        assert_eq!(muted.member.timed_out_until_ms, Some(1_554_576_482_000));
        assert_eq!(muted.member.roles, [ids::RoleId::try_from(8).unwrap()]);
        // Whoever deafens is muted by that, and means something else.
        let deafened = change(Some(&open), state(Some("9"), true, true, false)).unwrap();
        assert_eq!(deafened.now, seat(false));
        let left = change(Some(&open), state(None, false, false, false)).unwrap();
        assert_eq!((left.before, left.now), (seat(false), None));
        assert_eq!(change(None, open.clone()).unwrap().before, None);
        assert!(change(None, state(Some("9"), false, false, true)).is_none());
    }
}
