//! Channels: made, changed, moved and removed by bots, and their exceptions from permissions.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::SimError;
use crate::protocol::api_error::{ApiError, FieldError};
use crate::protocol::form::{Change, Form};
use crate::state::State;
use crate::state::channels::ChannelMove;
use crate::state::places::{Access, Place};
use crate::world::{
    Channel, ChannelKind, MOST_CHANNELS, Overwrite, OverwriteTarget, permissions, wire,
};

const LONGEST_TOPIC: usize = 1_024;
/// In bits a second.
const BITRATES: std::ops::RangeInclusive<i64> = 8_000..=384_000;
/// Six hours, in seconds.
const LONGEST_SLOWMODE: u32 = 21_600;
const MOST_OVERWRITES: usize = 1_000;

/// What a client says of a channel; what it left out is `None`.
#[derive(Debug)]
pub(crate) struct ChannelDraft {
    name: Option<String>,
    kind: Option<ChannelKind>,
    topic: Change<String>,
    nsfw: Option<bool>,
    slowmode_s: Option<u32>,
    bitrate_bps: Option<u32>,
    user_limit: Option<u32>,
    place: Option<usize>,
    parent: Change<u64>,
    overwrites: Option<Vec<Overwrite>>,
}

impl ChannelDraft {
    /// Reads what shall become a channel.
    pub(crate) fn read_new(body: &Value) -> Result<ChannelDraft, ApiError> {
        let mut form = Form::new(body);
        form.require("name");
        ChannelDraft::read(form)
    }

    /// Reads what shall become of a channel.
    pub(crate) fn read_change(body: &Value) -> Result<ChannelDraft, ApiError> {
        ChannelDraft::read(Form::new(body))
    }

    fn read(mut form: Form<'_>) -> Result<ChannelDraft, ApiError> {
        let number = |form: &mut Form<'_>, name: &str, range| {
            let number = form.number(name, range);
            number.and_then(|number| u32::try_from(number).ok())
        };
        let kinds = [ChannelKind::Text, ChannelKind::Voice, ChannelKind::Category];
        let numbers = kinds.map(|kind| i64::from(kind.number()));
        let kind = form.choice("type", &numbers);
        let kind =
            kind.and_then(|kind| kinds.into_iter().find(|it| i64::from(it.number()) == kind));
        let topic = form.text("topic", 0..=LONGEST_TOPIC);
        let topic = topic.filter(|topic| !topic.is_empty());
        let parent = form.id("parent_id");
        let overwrites = form.objects("permission_overwrites", 0..=MOST_OVERWRITES, |entry| {
            entry.require("id");
            let id = entry.id("id").unwrap_or(0);
            read_overwrite(entry, id)
        });
        let draft = ChannelDraft {
            name: form.text("name", 1..=100),
            kind,
            topic: Change::of(form.has("topic"), topic),
            nsfw: form.flag("nsfw"),
            slowmode_s: number(
                &mut form,
                "rate_limit_per_user",
                0..=i64::from(LONGEST_SLOWMODE),
            ),
            bitrate_bps: number(&mut form, "bitrate", BITRATES),
            user_limit: number(&mut form, "user_limit", 0..=99),
            place: form.count("position", 0..=u32::from(u16::MAX)),
            parent: Change::of(form.has("parent_id"), parent),
            overwrites: overwrites.map(|list| list.into_iter().flatten().collect()),
        };
        form.finish()?;
        Ok(draft)
    }

    fn apply(self, channel: &mut Channel) {
        if let Some(name) = self.name {
            channel.name = match channel.kind {
                // Text channels have no capitals and no spaces.
                ChannelKind::Text => name.to_lowercase().replace(' ', "-"),
                ChannelKind::Voice | ChannelKind::Category => name,
            };
        }
        self.topic.apply(&mut channel.topic);
        self.parent.apply(&mut channel.parent);
        channel.nsfw = self.nsfw.unwrap_or(channel.nsfw);
        channel.slowmode_s = self.slowmode_s.unwrap_or(channel.slowmode_s);
        channel.bitrate_bps = self.bitrate_bps.unwrap_or(channel.bitrate_bps);
        channel.user_limit = self.user_limit.unwrap_or(channel.user_limit);
        if let Some(overwrites) = self.overwrites {
            channel.overwrites = overwrites;
        }
    }
}

/// Reads an exception from the guild's permissions for the role or member of an id.
pub(crate) fn read_overwrite(form: &mut Form<'_>, id: u64) -> Option<Overwrite> {
    form.require("type");
    let kind = form.choice("type", &[0, 1]);
    let (allow, deny) = (form.bits("allow"), form.bits("deny"));
    let target = match kind? {
        0 => OverwriteTarget::Role(id),
        _ => OverwriteTarget::Member(id),
    };
    Some(Overwrite {
        target,
        allow: allow.unwrap_or(0),
        deny: deny.unwrap_or(0),
    })
}

impl State {
    /// A channel of a guild, or direct messages, as REST shows it.
    pub(crate) fn read_channel(&self, bot: u64, id: u64) -> Result<Value, ApiError> {
        self.access(bot, id)?;
        match self.find_place(id).ok_or(ApiError::UNKNOWN_CHANNEL)? {
            Place::Direct(direct) => Ok(self.show_direct(direct)),
            Place::Guild(guild, channel) => {
                let place = guild.channels.iter().position(|other| other.id == id);
                Ok(wire::channel(guild, channel, place.unwrap_or(0)))
            }
        }
    }

    /// A bot makes a channel.
    pub(crate) fn create_channel_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        mut draft: ChannelDraft,
    ) -> Result<Value, ApiError> {
        let standing = self.standing(guild, bot)?;
        standing.demand(permissions::MANAGE_CHANNELS)?;
        let given = draft.overwrites.iter().flatten();
        standing.demand(given.fold(0, |bits, it| bits | it.allow | it.deny))?;
        if self.home(guild, bot)?.channels.len() >= MOST_CHANNELS {
            return Err(ApiError::TOO_MANY_CHANNELS);
        }
        let kind = draft.kind.unwrap_or(ChannelKind::Text);
        let place = draft.place.take();
        let mut channel = Channel::new(self.next_id(), "", kind);
        draft.apply(&mut channel);
        let id = self.add_channel(guild, channel).map_err(refused)?;
        if let Some(place) = place {
            self.move_channel(id, place).map_err(refused)?;
        }
        self.show_guild_channel(id)
    }

    /// A bot changes a channel.
    pub(crate) fn change_channel_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
        mut draft: ChannelDraft,
    ) -> Result<Value, ApiError> {
        let access = self.manage(bot, channel, permissions::MANAGE_CHANNELS)?;
        if let Some(overwrites) = &draft.overwrites {
            access.demand(permissions::MANAGE_ROLES)?;
            let before = self
                .find_channel(channel)
                .map(|(_, entry)| &entry.overwrites);
            let is_new = |it: &&Overwrite| !before.is_some_and(|list| list.contains(it));
            let given = overwrites.iter().filter(is_new);
            access.demand(given.fold(0, |bits, it| bits | it.allow | it.deny))?;
        }
        let (_, entry) = self
            .find_channel(channel)
            .ok_or(ApiError::UNKNOWN_CHANNEL)?;
        if draft.kind.is_some_and(|kind| kind != entry.kind) {
            return Err(ApiError::WRONG_CHANNEL_TYPE);
        }
        let place = draft.place.take();
        self.change_channel(channel, |channel| draft.apply(channel))
            .map_err(refused)?;
        if let Some(place) = place {
            self.move_channel(channel, place).map_err(refused)?;
        }
        self.show_guild_channel(channel)
    }

    /// A bot moves channels.
    pub(crate) fn move_channels_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        moves: &BTreeMap<u64, ChannelMove>,
    ) -> Result<(), ApiError> {
        let standing = self.standing(guild, bot)?;
        standing.demand(permissions::MANAGE_CHANNELS)?;
        let home = self.home(guild, bot)?;
        let is_unknown = |channel: &u64| home.find_channel(*channel).is_none();
        if moves.keys().any(is_unknown) {
            return Err(ApiError::UNKNOWN_CHANNEL);
        }
        self.move_channels(guild, moves).map_err(refused)
    }

    /// A bot removes a channel, or closes direct messages; what it was.
    pub(crate) fn remove_channel_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
    ) -> Result<Value, ApiError> {
        let shown = self.read_channel(bot, channel)?;
        if self.guild_of(channel).is_some() {
            self.manage(bot, channel, permissions::MANAGE_CHANNELS)?;
            self.remove_channel(channel).map_err(refused)?;
        }
        Ok(shown)
    }

    /// A bot makes an exception in a channel.
    pub(crate) fn set_overwrite_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
        overwrite: Overwrite,
    ) -> Result<(), ApiError> {
        let access = self.manage(bot, channel, permissions::MANAGE_ROLES)?;
        access.demand(overwrite.allow | overwrite.deny)?;
        let (guild, _) = self
            .find_channel(channel)
            .ok_or(ApiError::UNKNOWN_CHANNEL)?;
        match overwrite.target {
            OverwriteTarget::Role(role) => {
                guild.find_role(role).ok_or(ApiError::UNKNOWN_ROLE)?;
            }
            OverwriteTarget::Member(user) => {
                self.member_of(guild, user)?;
            }
        }
        self.change_channel(channel, |channel| {
            let overwrites = &mut channel.overwrites;
            overwrites.retain(|entry| entry.target != overwrite.target);
            overwrites.push(overwrite);
        })
        .map_err(refused)
    }

    /// A bot takes an exception in a channel back.
    pub(crate) fn remove_overwrite_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
        target: u64,
    ) -> Result<(), ApiError> {
        self.manage(bot, channel, permissions::MANAGE_ROLES)?;
        let (_, entry) = self
            .find_channel(channel)
            .ok_or(ApiError::UNKNOWN_CHANNEL)?;
        let is_of = |entry: &Overwrite| match entry.target {
            OverwriteTarget::Role(id) | OverwriteTarget::Member(id) => id == target,
        };
        if !entry.overwrites.iter().any(is_of) {
            return Err(ApiError::UNKNOWN_OVERWRITE);
        }
        self.change_channel(channel, |channel| {
            channel.overwrites.retain(|entry| !is_of(entry));
        })
        .map_err(refused)
    }

    /// What a bot may do in a guild's channel, if that is as much as this.
    fn manage(&self, bot: u64, channel: u64, bits: u64) -> Result<Access, ApiError> {
        let access = self.access(bot, channel)?;
        access.guild.ok_or(ApiError::DIRECT_CHANNEL)?;
        access.demand(bits)?;
        Ok(access)
    }

    /// A channel as it now is, even if the bot has just hidden it from itself.
    fn show_guild_channel(&self, id: u64) -> Result<Value, ApiError> {
        let (guild, channel) = self.find_channel(id).ok_or(ApiError::UNKNOWN_CHANNEL)?;
        let place = guild.channels.iter().position(|other| other.id == id);
        Ok(wire::channel(guild, channel, place.unwrap_or(0)))
    }
}

/// What the changes of channels refuse: a parent that is no category.
fn refused(_: SimError) -> ApiError {
    let message = "Category does not exist";
    ApiError::form(vec![FieldError::new(
        "parent_id",
        "CHANNEL_PARENT_INVALID",
        message,
    )])
}
