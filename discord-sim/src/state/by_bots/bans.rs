//! Bans, as bots read, make and lift them.

use serde_json::{Value, json};

use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::state::State;
use crate::state::standing::Standing;
use crate::world::snowflake::created_ms;
use crate::world::{permissions, wire};

/// Seven days.
const LONGEST_DELETION_S: u32 = 604_800;

/// How far back messages go with the one who wrote them, in seconds.
pub(crate) fn read_deletion(form: &mut Form<'_>) -> u64 {
    let days = form.count("delete_message_days", 0..=7).unwrap_or(0);
    let seconds = form.count("delete_message_seconds", 0..=LONGEST_DELETION_S);
    u64::try_from(seconds.unwrap_or(days * 86_400)).unwrap_or(0)
}

impl State {
    /// The bans of a guild, those of users with ids between these two.
    pub(crate) fn read_bans(
        &self,
        bot: u64,
        guild: u64,
        (after, before): (Option<u64>, Option<u64>),
        limit: usize,
    ) -> Result<Vec<Value>, ApiError> {
        self.standing(guild, bot)?
            .demand(permissions::BAN_MEMBERS)?;
        let bans = self.home(guild, bot)?.bans.iter();
        let bans = bans.filter(|(user, _)| {
            after.is_none_or(|after| **user > after) && before.is_none_or(|before| **user < before)
        });
        let mut bans = bans
            .map(|(user, reason)| self.show_ban(*user, reason.as_deref()))
            .collect::<Vec<_>>();
        if before.is_some() && after.is_none() {
            // A page before an id is counted from that id backwards.
            bans = bans.split_off(bans.len().saturating_sub(limit));
        }
        bans.truncate(limit);
        Ok(bans)
    }

    /// One ban of a guild.
    pub(crate) fn read_ban(&self, bot: u64, guild: u64, user: u64) -> Result<Value, ApiError> {
        self.standing(guild, bot)?
            .demand(permissions::BAN_MEMBERS)?;
        let ban = self.home(guild, bot)?.bans.get(&user);
        let reason = ban.ok_or(ApiError::UNKNOWN_BAN)?;
        Ok(self.show_ban(user, reason.as_deref()))
    }

    fn show_ban(&self, user: u64, reason: Option<&str>) -> Value {
        json!({ "reason": reason, "user": self.users.get(&user).map(wire::user) })
    }

    /// A bot bans a user, and deletes what it has written lately.
    pub(crate) fn ban_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        user: u64,
        deletion_s: u64,
    ) -> Result<(), ApiError> {
        let standing = self.standing(guild, bot)?;
        standing.demand(permissions::BAN_MEMBERS)?;
        self.ban_below(standing, guild, user, deletion_s)
    }

    /// A bot bans many users: those whom it may, and those who stay.
    pub(crate) fn ban_many_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        users: &[u64],
        deletion_s: u64,
    ) -> Result<(Vec<u64>, Vec<u64>), ApiError> {
        let standing = self.standing(guild, bot)?;
        standing.demand(permissions::BAN_MEMBERS | permissions::MANAGE_GUILD)?;
        // Who was banned before is not banned now.
        let bans = &self.home(guild, bot)?.bans;
        let before = users.iter().filter(|user| bans.contains_key(user));
        let before = before.copied().collect::<Vec<_>>();
        let mut ban = |user: &u64| {
            !before.contains(user) && self.ban_below(standing, guild, *user, deletion_s).is_ok()
        };
        let (banned, failed) = users.iter().partition::<Vec<u64>, _>(|user| ban(user));
        if banned.is_empty() {
            return Err(ApiError::NOBODY_BANNED);
        }
        Ok((banned, failed))
    }

    fn ban_below(
        &mut self,
        standing: Standing,
        guild: u64,
        user: u64,
        deletion_s: u64,
    ) -> Result<(), ApiError> {
        let home = self.home(guild, standing.bot)?;
        standing.demand_over(home, user)?;
        self.ban(guild, user).map_err(|_| ApiError::UNKNOWN_USER)?;
        let since_ms = self.now_ms().saturating_sub(deletion_s * 1_000);
        let channels = self.find_guild(guild).map(|home| &home.channels);
        let channels = channels.into_iter().flatten().map(|channel| channel.id);
        let recent = channels.flat_map(|channel| {
            let messages = self.messages.of(channel).rev();
            messages
                .take_while(|message| deletion_s > 0 && created_ms(message.id) >= since_ms)
                .filter(|message| message.author == user)
                .map(move |message| (channel, message.id))
        });
        for (channel, message) in recent.collect::<Vec<_>>() {
            self.remove_message(channel, message);
        }
        Ok(())
    }

    /// A bot lifts a ban.
    pub(crate) fn unban_as_bot(&mut self, bot: u64, guild: u64, user: u64) -> Result<(), ApiError> {
        self.read_ban(bot, guild, user)?;
        self.unban(guild, user).map_err(|_| ApiError::UNKNOWN_BAN)
    }
}
