//! How Discord learns of guilds' commands, which it offers as slash commands: the port that the bot
//! fills.

use crate::ids::GuildId;

/// What has become of a guild's slash commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Discord has them as they are.
    Registered,
    /// Discord is about to be told.
    Pending,
    /// Discord has not taken them. It is tried again, or it has to be allowed first.
    Failed,
    /// There is no bot.
    Off,
}

impl Registration {
    /// The same in a word, for callers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Off => "off",
        }
    }
}

/// Who tells Discord.
pub trait Registrar: Send + Sync {
    /// A guild's commands are others now.
    fn changed(&self, guild: GuildId);
    /// What has become of them.
    fn state(&self, guild: GuildId) -> Registration;
}

/// Nobody, in an installation without a bot.
#[derive(Debug, Clone, Copy)]
pub struct Unregistered;

impl Registrar for Unregistered {
    fn changed(&self, _: GuildId) {}

    fn state(&self, _: GuildId) -> Registration {
        Registration::Off
    }
}
