//! What a bot may do in a guild that it is a member of.
//!
//! Called by everything that REST does in a guild on a bot's behalf.

use super::State;
use crate::protocol::api_error::ApiError;
use crate::world::{Guild, Member, permissions};

/// A bot as a member of a guild.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) bot: u64,
    /// What it may do there, channels aside.
    pub(crate) bits: u64,
    /// How high it stands among the members.
    pub(crate) rank: usize,
}

impl Standing {
    /// Whether it has all of these permissions.
    pub(crate) fn has(self, bits: u64) -> bool {
        self.bits & bits == bits
    }

    /// Refuses who lacks one of these permissions.
    pub(crate) fn demand(self, bits: u64) -> Result<(), ApiError> {
        if self.has(bits) {
            Ok(())
        } else {
            Err(ApiError::MISSING_PERMISSIONS)
        }
    }

    /// Refuses who does not stand above this place: that of a role, or the rank of a member.
    pub(crate) fn demand_above(self, place: usize) -> Result<(), ApiError> {
        if self.rank > place || self.rank == usize::MAX {
            Ok(())
        } else {
            Err(ApiError::MISSING_PERMISSIONS)
        }
    }

    /// Refuses who does not stand above a user; who is no member stands below all.
    pub(crate) fn demand_over(self, guild: &Guild, user: u64) -> Result<(), ApiError> {
        if guild.owner == user {
            return Err(ApiError::MISSING_PERMISSIONS);
        }
        if guild.members.contains_key(&user) {
            self.demand_above(permissions::rank(guild, user))
        } else {
            Ok(())
        }
    }
}

impl State {
    /// The guild, for a bot that is a member of it.
    pub(crate) fn home(&self, guild: u64, bot: u64) -> Result<&Guild, ApiError> {
        let guild = self.find_guild(guild).ok_or(ApiError::UNKNOWN_GUILD)?;
        if guild.members.contains_key(&bot) {
            Ok(guild)
        } else {
            Err(ApiError::MISSING_ACCESS)
        }
    }

    /// A member of a guild, whom a request names.
    pub(crate) fn member_of<'a>(
        &self,
        guild: &'a Guild,
        user: u64,
    ) -> Result<&'a Member, ApiError> {
        if !self.users.contains_key(&user) {
            return Err(ApiError::UNKNOWN_USER);
        }
        guild.members.get(&user).ok_or(ApiError::UNKNOWN_MEMBER)
    }

    /// What a bot may do in a guild that it is a member of.
    pub(crate) fn standing(&self, guild: u64, bot: u64) -> Result<Standing, ApiError> {
        let home = self.home(guild, bot)?;
        Ok(Standing {
            bot,
            rank: permissions::rank(home, bot),
            bits: permissions::in_guild(home, bot, self.now_ms()),
        })
    }
}
