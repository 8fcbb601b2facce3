//! What those who manage a guild may change of its settings, with every bound. `/settings` and
//! `PATCH /api/guilds/<guild>` both come here, through `player`.

use std::time::Duration;

use super::guilds::GuildDetails;
use super::settings::{GuildSettings, Language, Mode, ROLES_MAX, Volume};
use crate::audio::Level;
use crate::error::Error;
use crate::ids::RoleId;

/// Longest stay alone in a channel, in seconds: a day.
pub const LEAVE_AFTER_MAX_S: i64 = 86_400;
/// Least and greatest loudness, in LUFS.
pub const LOUDNESS_LUFS: (f64, f64) = (-31.0, -5.0);

/// A value, or the choice to have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nullable<T> {
    /// None.
    Null,
    /// This one.
    Value(T),
}

impl<T> From<Nullable<T>> for Option<T> {
    fn from(nullable: Nullable<T>) -> Self {
        match nullable {
            Nullable::Null => None,
            Nullable::Value(value) => Some(value),
        }
    }
}

impl<T> From<Option<T>> for Nullable<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

/// What is to be changed; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// What commands in messages begin with, as it is written; `-`, or nothing, for no such
    /// commands.
    pub prefix: Option<String>,
    /// What the bot answers in; null for the guild's own.
    pub language: Option<Nullable<Language>>,
    /// What a play does to the sounds before it.
    pub mode: Option<Mode>,
    /// Percent, 0 to 200.
    pub volume: Option<u16>,
    /// Seconds until the bot leaves when it is alone, 0 to 86 400; null for never.
    pub leave_after_s: Option<Nullable<i64>>,
    /// How loud sounds are made, -31 to -5 LUFS; null for as the operator wants them.
    pub loudness_lufs: Option<Nullable<f64>>,
    /// Roles that may play.
    pub dj_roles: Option<RoleChange>,
    /// Roles that may not.
    pub blocked_roles: Option<RoleChange>,
    /// Whether entrance sounds are played.
    pub entrances: Option<bool>,
    /// Whether muting and unmuting at once plays a sound.
    pub fast_trigger: Option<bool>,
    /// Whether the bot joins ahead of a play.
    pub early_join: Option<bool>,
}

/// A change of a list of roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleChange {
    /// A role comes into the list, or leaves it.
    Toggle(RoleId),
    /// The list is this one; at most 25, none twice.
    Set(Vec<RoleId>),
}

/// Changes that are within their bounds.
#[derive(Debug, Clone)]
pub struct Checked {
    changes: Changes,
    prefix: Option<Nullable<String>>,
}

impl Changes {
    /// Passes what can be chosen in this guild. `reads_messages` is whether the bot may read what
    /// a prefix stands before.
    ///
    /// # Errors
    /// 400 that names what is out of bounds; 409 for a prefix where no messages are read.
    pub fn check(self, guild: &GuildDetails, reads_messages: bool) -> Result<Checked, Error> {
        let prefix = self.prefix.as_deref().map(GuildSettings::read_prefix);
        let prefix = prefix.transpose()?.map(Nullable::from);
        if matches!(prefix, Some(Nullable::Value(_))) && !reads_messages {
            return Err(Error::Conflict(
                "whoever runs this bot has not let it read messages, mention it instead".to_owned(),
            ));
        }
        if self
            .volume
            .is_some_and(|volume| Volume::new(volume).is_none())
        {
            return Err(Error::Invalid("volume must be 0 to 200"));
        }
        if let Some(Nullable::Value(seconds)) = self.leave_after_s
            && !(0..=LEAVE_AFTER_MAX_S).contains(&seconds)
        {
            return Err(Error::Invalid("leave_after_s must be 0 to 86400, or null"));
        }
        let (least, most) = LOUDNESS_LUFS;
        if let Some(Nullable::Value(lufs)) = self.loudness_lufs
            && !(least..=most).contains(&lufs)
        {
            return Err(Error::Invalid("loudness_lufs must be -31 to -5, or null"));
        }
        let known =
            |change: &Option<RoleChange>| change.as_ref().is_none_or(|it| it.is_known(guild));
        if !known(&self.dj_roles) {
            return Err(Error::Invalid(
                "dj_roles must be roles of this guild but for @everyone, each once, at most 25",
            ));
        }
        if !known(&self.blocked_roles) {
            return Err(Error::Invalid(
                "blocked_roles must be roles of this guild but for @everyone, each once, at most 25",
            ));
        }
        Ok(Checked {
            changes: self,
            prefix,
        })
    }
}

impl RoleChange {
    fn is_known(&self, guild: &GuildDetails) -> bool {
        match self {
            Self::Toggle(role) => guild.has_role(*role),
            Self::Set(roles) => {
                let mut seen = std::collections::HashSet::new();
                roles.len() <= ROLES_MAX
                    && roles
                        .iter()
                        .all(|role| seen.insert(*role) && guild.has_role(*role))
            }
        }
    }
}

impl Checked {
    /// Makes the changes. A role that is in both lists then is blocked.
    pub fn apply(self, now: &mut GuildSettings) {
        let Self { changes, prefix } = self;
        if let Some(prefix) = prefix {
            now.prefix = prefix.into();
        }
        now.language = changes.language.map_or(now.language, Into::into);
        now.mode = changes.mode.unwrap_or(now.mode);
        now.volume = changes.volume.and_then(Volume::new).unwrap_or(now.volume);
        if let Some(seconds) = changes.leave_after_s {
            let seconds =
                Option::from(seconds).and_then(|seconds: i64| u64::try_from(seconds).ok());
            now.leave_after = seconds.map(Duration::from_secs);
        }
        if let Some(lufs) = changes.loudness_lufs {
            now.loudness = Option::from(lufs).map(Level::from_db);
        }
        now.has_entrances = changes.entrances.unwrap_or(now.has_entrances);
        now.has_fast_trigger = changes.fast_trigger.unwrap_or(now.has_fast_trigger);
        now.joins_early = changes.early_join.unwrap_or(now.joins_early);
        match changes.dj_roles {
            Some(RoleChange::Toggle(role)) => now.toggle_dj(role),
            Some(RoleChange::Set(roles)) => now.dj_roles = roles,
            None => {}
        }
        match changes.blocked_roles {
            Some(RoleChange::Toggle(role)) => now.toggle_blocked(role),
            Some(RoleChange::Set(roles)) => now.blocked_roles = roles,
            None => {}
        }
        now.dj_roles
            .retain(|role| !now.blocked_roles.contains(role));
    }
}
