//! What administrators and Discord itself do to guilds, channels, roles and accounts.
//!
//! Each call changes the world at once and sends the events it implies to the bots. The audit
//! log names the guild's owner as the one who did it.

use crate::error::SimError;
use crate::sim::Sim;
use crate::world::expressions::EmojiHome;
use crate::world::presence::Presence;
use crate::world::{Activity, Channel, Emoji, Sound, Status, User};

/// Every method that names a guild, user, channel or role that does not exist answers with
/// the [`SimError`] that says so; no other errors are possible where none are described.
#[expect(clippy::missing_errors_doc, reason = "said once for all of them above")]
impl Sim {
    /// Adds a channel below the others and gives it an id if it has 0; its id.
    ///
    /// # Errors
    ///
    /// [`SimError::Taken`] if another channel has its id, [`SimError::UnknownChannel`] if its
    /// parent is no category of the guild.
    pub fn add_channel(&self, guild: u64, channel: Channel) -> Result<u64, SimError> {
        self.shared
            .change(|state| state.add_channel(guild, channel))
    }

    /// Changes a channel; its id and kind stay as they are.
    ///
    /// # Errors
    ///
    /// [`SimError::UnknownChannel`] also if the new parent is no category of the guild.
    pub fn change_channel(
        &self,
        channel: u64,
        change: impl FnOnce(&mut Channel),
    ) -> Result<(), SimError> {
        self.shared
            .change(|state| state.change_channel(channel, change))
    }

    /// Deletes a channel; who sits in it is put out of voice.
    pub fn remove_channel(&self, channel: u64) -> Result<(), SimError> {
        self.shared.change(|state| state.remove_channel(channel))
    }

    /// Adds an emoji to a guild, even where its boosts give no slot for it, and gives it an id
    /// if it has 0; its id.
    ///
    /// # Errors
    ///
    /// [`SimError::Taken`] if another emoji has its id.
    pub fn add_emoji(&self, guild: u64, emoji: Emoji) -> Result<u64, SimError> {
        let home = EmojiHome::Guild(guild);
        self.shared.change(|state| state.add_emoji(home, emoji))
    }

    /// Removes an emoji from a guild.
    ///
    /// # Errors
    ///
    /// [`SimError::UnknownEmoji`] if it is not there.
    pub fn remove_emoji(&self, guild: u64, emoji: u64) -> Result<(), SimError> {
        let home = EmojiHome::Guild(guild);
        self.shared.change(|state| state.remove_emoji(home, emoji))
    }

    /// The emojis of a guild, oldest first.
    pub fn emojis(&self, guild: u64) -> Vec<Emoji> {
        let home = EmojiHome::Guild(guild);
        self.shared.read(|state| state.emojis(home).to_vec())
    }

    /// Adds a sound to a guild's soundboard, even where its boosts give no slot for it, and
    /// gives it an id if it has 0; its id.
    ///
    /// # Errors
    ///
    /// [`SimError::Taken`] if another sound has its id.
    pub fn add_sound(&self, guild: u64, sound: Sound) -> Result<u64, SimError> {
        self.shared.change(|state| state.add_sound(guild, sound))
    }

    /// Changes a sound of a guild's soundboard; its id stays as it is.
    ///
    /// # Errors
    ///
    /// [`SimError::UnknownSound`] if it is not there.
    pub fn change_sound(
        &self,
        guild: u64,
        sound: u64,
        change: impl FnOnce(&mut Sound),
    ) -> Result<(), SimError> {
        self.shared
            .change(|state| state.change_sound(guild, sound, change))
    }

    /// Removes a sound from a guild's soundboard.
    ///
    /// # Errors
    ///
    /// [`SimError::UnknownSound`] if it is not there.
    pub fn remove_sound(&self, guild: u64, sound: u64) -> Result<(), SimError> {
        self.shared.change(|state| state.remove_sound(guild, sound))
    }

    /// The sounds of a guild's soundboard, oldest first.
    pub fn sounds(&self, guild: u64) -> Vec<Sound> {
        self.shared.read(|state| {
            let guild = state.find_guild(guild);
            guild.map(|guild| guild.sounds.clone()).unwrap_or_default()
        })
    }

    /// Gives a guild a level of boosts, from 0 to 3.
    pub fn set_premium_tier(&self, guild: u64, tier: u8) -> Result<(), SimError> {
        self.shared
            .change(|state| state.change_guild(guild, |entry| entry.premium_tier = tier.min(3)))
    }

    /// Moves a role; the place right above `@everyone` is 1.
    pub fn move_role(&self, guild: u64, role: u64, place: usize) -> Result<(), SimError> {
        self.shared
            .change(|state| state.move_role(guild, role, place))
    }

    /// Deletes a role, and takes it from all who have it.
    pub fn remove_role(&self, guild: u64, role: u64) -> Result<(), SimError> {
        self.shared.change(|state| state.remove_role(guild, role))
    }

    /// Gives a member another name in one guild, or takes it away.
    pub fn set_nick(&self, user: u64, guild: u64, nick: Option<&str>) -> Result<(), SimError> {
        self.shared.change(|state| {
            state.change_member(guild, user, |member| {
                member.nick = nick.map(str::to_owned);
            })
        })
    }

    /// Bans a user, and throws it out if it is a member.
    pub fn ban(&self, user: u64, guild: u64) -> Result<(), SimError> {
        self.shared.change(|state| state.ban(guild, user))
    }

    /// Lifts a ban; [`SimError::UnknownUser`] if there is none.
    pub fn unban(&self, user: u64, guild: u64) -> Result<(), SimError> {
        self.shared.change(|state| state.unban(guild, user))
    }

    /// Changes a person's or a bot's account: its names, avatar and so on, but not its id.
    pub fn change_user(&self, user: u64, change: impl FnOnce(&mut User)) -> Result<(), SimError> {
        self.shared.change(|state| state.change_user(user, change))
    }

    /// Shows a user as online, idle, busy or offline, and with what it does. People are
    /// offline until this is called; bots say so themselves.
    pub fn set_presence(
        &self,
        user: u64,
        status: Status,
        activities: &[Activity],
    ) -> Result<(), SimError> {
        self.shared.change(|state| {
            let presence = Presence {
                status,
                activities: activities.to_vec(),
                since_ms: state.now_ms(),
            };
            state.set_presence(user, presence)
        })
    }

    /// A member begins to type in a text or voice channel.
    ///
    /// # Errors
    ///
    /// [`SimError::NotAMember`] if the user is no member of the channel's guild.
    pub fn start_typing(&self, user: u64, channel: u64) -> Result<(), SimError> {
        self.shared
            .change(|state| state.start_typing(user, channel))
    }

    /// Gives the bot another token, as its developer does in the portal: the old one is refused
    /// from now on, and its gateway connections are closed with 4004. The new token.
    pub fn reset_bot_token(&self) -> String {
        let bot = self.bot;
        self.shared
            .change(|state| state.reset_token(bot, "its developer has reset it"));
        self.application().bot_token
    }

    /// Makes a guild unavailable to bots, as an outage does, or available again.
    pub fn set_guild_available(&self, guild: u64, available: bool) -> Result<(), SimError> {
        self.shared
            .change(|state| state.set_available(guild, available))
    }
}
