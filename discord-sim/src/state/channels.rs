//! The channels of guilds.
//!
//! Called by REST on behalf of bots, and by the library's people and administrators. Each
//! change updates the world first and then sends the events it implies.

use std::collections::BTreeMap;

use serde_json::Value;

use super::State;
use super::audit::{Action, changes};
use crate::error::SimError;
use crate::protocol::form::Change;
use crate::protocol::intents;
use crate::world::{Channel, ChannelKind, Overwrite, OverwriteTarget, wire};

/// What the audit log tells of a channel.
const AUDITED: [&str; 8] = [
    "name",
    "type",
    "topic",
    "nsfw",
    "rate_limit_per_user",
    "bitrate",
    "user_limit",
    "permission_overwrites",
];

/// Where a channel shall stand.
#[derive(Debug)]
pub(crate) struct ChannelMove {
    pub(crate) place: Option<usize>,
    pub(crate) parent: Change<u64>,
}

impl State {
    /// Adds a channel below the others; one with the id 0 gets a new one.
    pub(crate) fn add_channel(
        &mut self,
        guild: u64,
        mut channel: Channel,
    ) -> Result<u64, SimError> {
        if channel.id == 0 {
            channel.id = self.next_id();
        }
        let id = channel.id;
        if self.find_channel(id).is_some() {
            return Err(SimError::Taken(id));
        }
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        check_parent(&entry.channels, &channel)?;
        entry.channels.push(channel);
        let after = self.broadcast_channel(id, "CHANNEL_CREATE");
        let changes = changes(&Value::Null, &after, &AUDITED);
        self.audit_changes(guild, Action::ChannelCreate, id, changes);
        Ok(id)
    }

    /// Changes a channel; its id and kind stay.
    pub(crate) fn change_channel(
        &mut self,
        channel: u64,
        change: impl FnOnce(&mut Channel),
    ) -> Result<(), SimError> {
        let (guild, before) = self
            .find_channel(channel)
            .ok_or(SimError::UnknownChannel(channel))?;
        let shown = wire::channel(guild, before, 0);
        let guild = guild.id;
        let mut after = before.clone();
        change(&mut after);
        (after.id, after.kind) = (before.id, before.kind);
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        check_parent(&entry.channels, &after)?;
        let place = entry.channels.iter_mut().find(|entry| entry.id == channel);
        *place.ok_or(SimError::UnknownChannel(channel))? = after;
        let after = self.broadcast_channel(channel, "CHANNEL_UPDATE");
        let changes = changes(&shown, &after, &AUDITED);
        self.audit_changes(guild, Action::ChannelUpdate, channel, changes);
        Ok(())
    }

    /// Moves a channel to another place among the guild's; what is behind it moves up.
    pub(crate) fn move_channel(&mut self, channel: u64, to: usize) -> Result<(), SimError> {
        let unknown = SimError::UnknownChannel(channel);
        let guild = self.guild_of(channel).ok_or(unknown)?;
        let wanted = ChannelMove {
            place: Some(to),
            parent: Change::Keep,
        };
        self.move_channels(guild, &BTreeMap::from([(channel, wanted)]))
    }

    /// Moves channels, the highest first, and tells once of each that stands elsewhere in the
    /// end. If one of them may not stand where it should, none is moved.
    pub(crate) fn move_channels(
        &mut self,
        guild: u64,
        moves: &BTreeMap<u64, ChannelMove>,
    ) -> Result<(), SimError> {
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let stands = |channel: &Channel| (channel.id, channel.parent);
        let before = entry.channels.iter().map(stands).collect::<Vec<_>>();
        let mut channels = entry.channels.clone();
        for channel in &mut channels {
            if let Some(wanted) = moves.get(&channel.id) {
                wanted.parent.apply(&mut channel.parent);
                check_parent(&entry.channels, channel)?;
            }
        }
        let places = moves.iter();
        let places = places.filter_map(|(channel, wanted)| Some((wanted.place?, *channel)));
        let mut places = places.collect::<Vec<_>>();
        places.sort_unstable();
        for (to, channel) in places {
            if let Some(place) = channels.iter().position(|entry| entry.id == channel) {
                let taken = channels.remove(place);
                channels.insert(to.min(channels.len()), taken);
            }
        }
        let after = channels.iter().map(stands).enumerate();
        let changed = after.filter(|(place, now)| before.get(*place) != Some(now));
        let changed = changed.map(|(_, (id, _))| id).collect::<Vec<_>>();
        entry.channels = channels;
        for id in changed {
            self.broadcast_channel(id, "CHANNEL_UPDATE");
            if moves.contains_key(&id) {
                self.audit(guild, Action::ChannelUpdate, id);
            }
        }
        Ok(())
    }

    /// Removes a channel; who sat in it is out of voice, what stood below it stands alone.
    pub(crate) fn remove_channel(&mut self, channel: u64) -> Result<(), SimError> {
        let (guild, _) = self
            .find_channel(channel)
            .ok_or(SimError::UnknownChannel(channel))?;
        let seated = guild.voice.iter();
        let seated = seated.filter(|(_, seat)| seat.channel == channel);
        let seated = seated.map(|(user, _)| *user).collect::<Vec<_>>();
        let children = guild.channels.iter();
        let children = children.filter(|entry| entry.parent == Some(channel));
        let children = children.map(|entry| entry.id).collect::<Vec<_>>();
        let guild = guild.id;
        for user in seated {
            self.unseat(guild, user);
        }
        for child in children {
            self.change_channel(child, |child| child.parent = None)?;
        }
        let before = self.broadcast_channel(channel, "CHANNEL_DELETE");
        if let Some(entry) = self.find_guild_mut(guild) {
            entry.channels.retain(|entry| entry.id != channel);
        }
        self.messages.forget(channel);
        let changes = changes(&before, &Value::Null, &AUDITED);
        self.audit_changes(guild, Action::ChannelDelete, channel, changes);
        Ok(())
    }

    /// Sets the exception for one target in a channel, and removes it if it changes nothing.
    pub(crate) fn set_overwrite(
        &mut self,
        channel: u64,
        target: Option<OverwriteTarget>,
        allow: u64,
        deny: u64,
    ) -> Result<(), SimError> {
        let (guild, _) = self
            .find_channel(channel)
            .ok_or(SimError::UnknownChannel(channel))?;
        let target = target.unwrap_or(OverwriteTarget::Role(guild.id));
        self.change_channel(channel, |channel| {
            let overwrites = &mut channel.overwrites;
            overwrites.retain(|overwrite| overwrite.target != target);
            if allow | deny != 0 {
                overwrites.push(Overwrite {
                    target,
                    allow,
                    deny,
                });
            }
        })
    }

    /// Tells of a channel as it now is; what was told.
    fn broadcast_channel(&mut self, channel: u64, event: &str) -> Value {
        let Some((guild, entry)) = self.find_channel(channel) else {
            return Value::Null;
        };
        let place = guild.channels.iter().position(|entry| entry.id == channel);
        let value = wire::channel(guild, entry, place.unwrap_or(0));
        let guild = guild.id;
        self.broadcast(guild, intents::GUILDS, event, &value);
        value
    }
}

/// A channel stands below a category of its guild, and categories below nothing.
fn check_parent(channels: &[Channel], channel: &Channel) -> Result<(), SimError> {
    let Some(parent) = channel.parent else {
        return Ok(());
    };
    let category = channels
        .iter()
        .find(|entry| entry.id == parent && entry.kind == ChannelKind::Category);
    if category.is_none() || channel.kind == ChannelKind::Category {
        return Err(SimError::UnknownChannel(parent));
    }
    Ok(())
}
