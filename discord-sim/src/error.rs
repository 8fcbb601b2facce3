//! What can go wrong when a test or a person asks something of the simulated people.

use std::time::Duration;

/// Why the simulator could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// There is no user with this id.
    #[error("there is no user {0}")]
    UnknownUser(u64),
    /// There is no guild with this id.
    #[error("there is no guild {0}")]
    UnknownGuild(u64),
    /// There is no such channel, or it is of another kind.
    #[error("there is no such channel {0}")]
    UnknownChannel(u64),
    /// There is no message with this id, or it was forgotten.
    #[error("there is no message {0}")]
    UnknownMessage(u64),
    /// There is no such role in the guild.
    #[error("there is no role {0}")]
    UnknownRole(u64),
    /// There is no such emoji.
    #[error("there is no emoji {0}")]
    UnknownEmoji(u64),
    /// There is no such sound in the guild's soundboard.
    #[error("there is no sound {0}")]
    UnknownSound(u64),
    /// The user is not a member of the guild.
    #[error("user {user} is not a member of guild {guild}")]
    NotAMember {
        /// Who was to act.
        user: u64,
        /// Where.
        guild: u64,
    },
    /// The user is banned from the guild.
    #[error("user {user} is banned from guild {guild}")]
    Banned {
        /// Who was to come.
        user: u64,
        /// Where.
        guild: u64,
    },
    /// Something else has this id.
    #[error("the id {0} is taken")]
    Taken(u64),
    /// The user is not in a voice channel of the guild.
    #[error("user {user} is not in voice in guild {guild}")]
    NotInVoice {
        /// Who was to be in voice.
        user: u64,
        /// Where.
        guild: u64,
    },
    /// No bot in the guild has registered such a command.
    #[error("no bot in the guild has registered the command /{0}")]
    UnknownCommand(String),
    /// The member may not do this.
    #[error("the member may not do this")]
    Forbidden,
    /// The message has no such button or menu, the form no such input.
    #[error("there is no component {0}")]
    UnknownComponent(String),
    /// Discord would not take this.
    #[error("Discord would not take this: {0}")]
    Refused(String),
    /// A client would not send the command like this.
    #[error("option {name}: {reason}")]
    InvalidOption {
        /// The option's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bot is not logged in; Discord shows "The application did not respond".
    #[error("the bot is not logged in")]
    Offline,
    /// The bot did not acknowledge the interaction within Discord's three seconds.
    #[error("the application did not respond")]
    NoAnswer,
    /// The bot acknowledged, but its reply did not come.
    #[error("the bot acknowledged but had not replied after {0:?}")]
    NoReply(Duration),
    /// The bot answered with something other than what was waited for.
    #[error("the bot answered with callback type {0}")]
    UnexpectedAnswer(u64),
}
