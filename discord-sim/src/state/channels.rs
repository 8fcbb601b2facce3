//! The channels of guilds.
//!
//! Called by the library's people and administrators. Each change updates the world first and
//! then sends the events it implies.

use super::State;
use super::audit::Action;
use crate::error::SimError;
use crate::protocol::intents;
use crate::world::{Channel, ChannelKind, Overwrite, OverwriteTarget, wire};

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
        self.broadcast_channel(id, "CHANNEL_CREATE");
        self.audit(guild, Action::ChannelCreate, id);
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
        self.broadcast_channel(channel, "CHANNEL_UPDATE");
        self.audit(guild, Action::ChannelUpdate, channel);
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
        self.broadcast_channel(channel, "CHANNEL_DELETE");
        if let Some(entry) = self.find_guild_mut(guild) {
            entry.channels.retain(|entry| entry.id != channel);
        }
        self.messages.forget(channel);
        self.audit(guild, Action::ChannelDelete, channel);
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

    fn broadcast_channel(&mut self, channel: u64, event: &str) {
        let Some((guild, entry)) = self.find_channel(channel) else {
            return;
        };
        let place = guild.channels.iter().position(|entry| entry.id == channel);
        let value = wire::channel(guild, entry, place.unwrap_or(0));
        let guild = guild.id;
        self.broadcast(guild, intents::GUILDS, event, &value);
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
