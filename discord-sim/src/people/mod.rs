//! The simulated people: what they, and the administrators among them, do to the world.
//!
//! Each call changes the world at once and sends the events it implies to the bots.

mod interactions;
mod messages;

use crate::error::SimError;
use crate::sim::Sim;
use crate::state::voice::Hush;
use crate::world::{OverwriteTarget, User};

/// Every method that names a guild, user, channel or role that does not exist answers with
/// the [`SimError`] that says so; no other errors are possible where none are described.
#[expect(clippy::missing_errors_doc, reason = "said once for all of them above")]
impl Sim {
    /// A member joins a voice channel, or moves to it. A bot that is already in voice is
    /// moved, as an administrator would.
    pub fn join_voice(&self, user: u64, guild: u64, channel: u64) -> Result<(), SimError> {
        self.shared
            .change(|state| state.person_joins(user, guild, channel))
    }

    /// A member leaves voice; a bot is disconnected, as an administrator would.
    pub fn leave_voice(&self, user: u64, guild: u64) -> Result<(), SimError> {
        self.shared.change(|state| state.person_leaves(user, guild))
    }

    /// A member plays a sound to the voice channel that it is in: one of the six that Discord
    /// offers everywhere, with ids from 1 to 6, or one of a guild that it is in.
    ///
    /// # Errors
    ///
    /// [`SimError::Refused`] in Discord's words if it may not or is not in that channel.
    pub fn play_sound(&self, user: u64, channel: u64, sound: u64) -> Result<(), SimError> {
        self.shared
            .change(|state| state.play_sound_as_person(user, channel, sound))
    }

    /// A member in voice mutes itself, or lets itself be heard again. Nothing is heard of people
    /// anyway; a bot is told of it. A bot mutes itself: [`SimError::Refused`].
    pub fn set_self_mute(&self, user: u64, guild: u64, muted: bool) -> Result<(), SimError> {
        self.hush(user, guild, |hush| hush.self_mute = Some(muted))
    }

    /// A member in voice deafens itself, or hears again. A bot deafens itself:
    /// [`SimError::Refused`].
    pub fn set_self_deaf(&self, user: u64, guild: u64, deafened: bool) -> Result<(), SimError> {
        self.hush(user, guild, |hush| hush.self_deaf = Some(deafened))
    }

    /// Administrators mute a member in voice, or let it be heard again: what a muted bot sends
    /// is counted ([`Heard::muted_packets`](crate::Heard)) and heard by nobody. It stays so
    /// when the member leaves voice and comes back. [`SimError::NotInVoice`] if it is in none.
    pub fn set_mute(&self, user: u64, guild: u64, muted: bool) -> Result<(), SimError> {
        self.hush(user, guild, |hush| hush.mute = Some(muted))
    }

    /// Administrators deafen a member in voice, or let it hear again: a deaf bot is sent
    /// nothing. [`SimError::NotInVoice`] if it is in none.
    pub fn set_deaf(&self, user: u64, guild: u64, deafened: bool) -> Result<(), SimError> {
        self.hush(user, guild, |hush| hush.deaf = Some(deafened))
    }

    fn hush(&self, user: u64, guild: u64, set: impl FnOnce(&mut Hush)) -> Result<(), SimError> {
        let mut hush = Hush::default();
        set(&mut hush);
        self.shared.change(|state| state.hush(user, guild, hush))
    }

    /// Adds a person to the world.
    pub fn add_user(&self, user: User) {
        self.shared
            .change(|state| state.users.insert(user.id, user));
    }

    /// A user becomes a member.
    pub fn add_member(&self, user: u64, guild: u64) -> Result<(), SimError> {
        self.shared.change(|state| state.add_member(guild, user))
    }

    /// A member leaves or is thrown out.
    pub fn remove_member(&self, user: u64, guild: u64) -> Result<(), SimError> {
        self.shared.change(|state| state.remove_member(guild, user))
    }

    /// The bot is invited into a guild.
    pub fn add_bot(&self, guild: u64) -> Result<(), SimError> {
        self.add_member(self.bot, guild)
    }

    /// The bot is thrown out of a guild.
    pub fn remove_bot(&self, guild: u64) -> Result<(), SimError> {
        self.remove_member(self.bot, guild)
    }

    /// Times a member out until a moment in Unix milliseconds, or no longer.
    pub fn set_timeout(
        &self,
        user: u64,
        guild: u64,
        until_ms: Option<u64>,
    ) -> Result<(), SimError> {
        self.shared.change(|state| {
            state.change_member(guild, user, |member| member.timeout_until_ms = until_ms)
        })
    }

    /// Gives a member exactly these roles.
    pub fn set_roles(&self, user: u64, guild: u64, roles: &[u64]) -> Result<(), SimError> {
        self.shared.change(|state| {
            let entry = state
                .find_guild(guild)
                .ok_or(SimError::UnknownGuild(guild))?;
            let known = |id: &u64| entry.roles.iter().any(|role| role.id == *id);
            if let Some(unknown) = roles.iter().find(|id| !known(id)) {
                return Err(SimError::UnknownRole(*unknown));
            }
            state.change_member(guild, user, |member| member.roles = roles.to_vec())
        })
    }

    /// Makes a role with these [permissions](crate::permissions); its id.
    pub fn add_role(&self, guild: u64, name: &str, permissions: u64) -> Result<u64, SimError> {
        self.shared
            .change(|state| state.add_role(guild, name, permissions))
    }

    /// Sets what a role may do; the guild's id stands for `@everyone`.
    pub fn set_role_permissions(
        &self,
        guild: u64,
        role: u64,
        permissions: u64,
    ) -> Result<(), SimError> {
        self.shared
            .change(|state| state.set_role_permissions(guild, role, permissions))
    }

    /// Hands the guild to another member.
    pub fn set_owner(&self, user: u64, guild: u64) -> Result<(), SimError> {
        self.shared.change(|state| {
            state
                .find_guild(guild)
                .ok_or(SimError::UnknownGuild(guild))?;
            state
                .find_member(guild, user)
                .ok_or(SimError::NotAMember { user, guild })?;
            state.change_guild(guild, |entry| entry.owner = user)
        })
    }

    /// Gives the guild another name.
    pub fn rename_guild(&self, guild: u64, name: &str) -> Result<(), SimError> {
        self.shared
            .change(|state| state.change_guild(guild, |entry| name.clone_into(&mut entry.name)))
    }

    /// Takes permissions from `@everyone` in one channel; 0 gives them all back.
    pub fn deny_permissions(&self, channel: u64, bits: u64) -> Result<(), SimError> {
        self.shared
            .change(|state| state.set_overwrite(channel, None, 0, bits))
    }

    /// Sets a role's or member's exception in one channel; two zeros remove it.
    pub fn set_overwrite(
        &self,
        channel: u64,
        target: OverwriteTarget,
        allow: u64,
        deny: u64,
    ) -> Result<(), SimError> {
        self.shared
            .change(|state| state.set_overwrite(channel, Some(target), allow, deny))
    }

    /// Gives a user a discriminator, such as `"9131"`; `"0"` takes it away.
    pub fn set_discriminator(&self, user: u64, discriminator: &str) -> Result<(), SimError> {
        self.shared.change(|state| {
            state.change_user(user, |user| {
                discriminator.clone_into(&mut user.discriminator);
            })
        })
    }

    /// A user withdraws what it has agreed to: all its OAuth codes and tokens are void.
    pub fn withdraw_consent(&self, user: u64) {
        self.shared.change(|state| state.grants.withdraw(user));
    }
}
