//! Members: changed, moved in voice and thrown out by bots.

use serde_json::{Value, json};

use super::roles::{place_below, refuse_managed};
use crate::protocol::api_error::{ApiError, FieldError};
use crate::protocol::form::{Change, Form};
use crate::state::State;
use crate::state::audit::Action;
use crate::state::standing::Standing;
use crate::state::voice::Hush;
use crate::world::{ChannelKind, Guild, MOST_ROLES, Member, permissions, wire};

const LONGEST_NICK: usize = 32;
/// Twenty-eight days.
const LONGEST_TIMEOUT_MS: u64 = 28 * 24 * 60 * 60 * 1_000;

/// What a client makes of a member.
#[derive(Debug)]
pub(crate) struct MemberDraft {
    nick: Change<String>,
    roles: Option<Vec<u64>>,
    mute: Option<bool>,
    deaf: Option<bool>,
    channel: Change<u64>,
    timeout_until_ms: Change<u64>,
}

impl MemberDraft {
    /// Reads a whole body.
    pub(crate) fn read(body: &Value) -> Result<MemberDraft, ApiError> {
        let mut form = Form::new(body);
        let nick = read_nick(&mut form);
        let (channel, timeout) = (
            form.id("channel_id"),
            form.time("communication_disabled_until"),
        );
        let roles = form.ids("roles", MOST_ROLES);
        let draft = MemberDraft {
            nick,
            // Null takes all roles away.
            roles: roles.or_else(|| form.has("roles").then(Vec::new)),
            mute: form.flag("mute"),
            deaf: form.flag("deaf"),
            channel: Change::of(form.has("channel_id"), channel),
            timeout_until_ms: Change::of(form.has("communication_disabled_until"), timeout),
        };
        form.finish()?;
        Ok(draft)
    }
}

/// Reads the name of a member in one guild; an empty one is none.
pub(crate) fn read_nick(form: &mut Form<'_>) -> Change<String> {
    let nick = form.text("nick", 0..=LONGEST_NICK);
    Change::of(form.has("nick"), nick.filter(|nick| !nick.is_empty()))
}

impl State {
    /// A member as REST shows it.
    pub(crate) fn read_member(&self, bot: u64, guild: u64, user: u64) -> Result<Value, ApiError> {
        let home = self.home(guild, bot)?;
        Ok(wire::member(self, self.member_of(home, user)?))
    }

    /// A bot changes a member, itself perhaps.
    pub(crate) fn change_member_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        user: u64,
        draft: MemberDraft,
    ) -> Result<Value, ApiError> {
        let standing = self.standing(guild, bot)?;
        let home = self.home(guild, bot)?;
        let member = self.member_of(home, user)?;
        self.check_member(standing, home, member, &draft)?;
        let MemberDraft {
            nick,
            roles,
            mute,
            deaf,
            channel,
            timeout_until_ms,
        } = draft;
        let stays = matches!((&nick, &timeout_until_ms), (Change::Keep, Change::Keep));
        if !stays || roles.is_some() {
            self.change_member(guild, user, |member| {
                nick.apply(&mut member.nick);
                timeout_until_ms.apply(&mut member.timeout_until_ms);
                member.roles = roles.unwrap_or_else(|| std::mem::take(&mut member.roles));
            })
            .map_err(|_| ApiError::UNKNOWN_MEMBER)?;
        }
        if mute.is_some() || deaf.is_some() {
            let hush = Hush {
                mute,
                deaf,
                ..Hush::default()
            };
            self.hush(user, guild, hush)
                .map_err(|_| ApiError::NOT_IN_VOICE)?;
        }
        let options = match channel {
            Change::Keep => return self.read_member(bot, guild, user),
            Change::Clear => {
                self.unseat(guild, user);
                (Action::MemberDisconnect, json!({ "count": "1" }))
            }
            Change::To(channel) => {
                self.person_joins(user, guild, channel)
                    .map_err(|_| ApiError::NOT_IN_VOICE)?;
                let options = json!({ "channel_id": channel.to_string(), "count": "1" });
                (Action::MemberMove, options)
            }
        };
        let (action, options) = options;
        self.audit_with(guild, action, None, Vec::new(), Some(options));
        self.read_member(bot, guild, user)
    }

    /// Refuses a change that the bot may not make, or that cannot be made.
    fn check_member(
        &self,
        standing: Standing,
        home: &Guild,
        member: &Member,
        draft: &MemberDraft,
    ) -> Result<(), ApiError> {
        let user = member.user;
        let demand_over = || {
            if user == standing.bot {
                Ok(())
            } else {
                standing.demand_over(home, user)
            }
        };
        if !matches!(draft.nick, Change::Keep) {
            standing.demand(permissions::MANAGE_NICKNAMES)?;
            demand_over()?;
        }
        if let Some(roles) = &draft.roles {
            standing.demand(permissions::MANAGE_ROLES)?;
            let given = roles.iter().filter(|role| !member.roles.contains(role));
            let taken = member.roles.iter().filter(|role| !roles.contains(role));
            for role in given.chain(taken) {
                place_below(home, standing, *role)?;
                refuse_managed(home, *role)?;
            }
        }
        if !matches!(draft.timeout_until_ms, Change::Keep) {
            standing.demand(permissions::MODERATE_MEMBERS)?;
            demand_over()?;
            let now_ms = self.now_ms();
            let bits = permissions::in_guild(home, user, now_ms);
            if user == standing.bot || bits & permissions::ADMINISTRATOR != 0 {
                return Err(ApiError::MISSING_PERMISSIONS);
            }
            if let Change::To(until) = draft.timeout_until_ms
                && until > now_ms + LONGEST_TIMEOUT_MS
            {
                let fault = FieldError::new(
                    "communication_disabled_until",
                    "BASE_TYPE_BAD_TIME",
                    "The timeout cannot be longer than 28 days.",
                );
                return Err(ApiError::form(vec![fault]));
            }
        }
        for (asked, bit) in [
            (draft.mute, permissions::MUTE_MEMBERS),
            (draft.deaf, permissions::DEAFEN_MEMBERS),
        ] {
            if asked.is_some() {
                standing.demand(bit)?;
            }
        }
        let moves = !matches!(draft.channel, Change::Keep);
        if moves {
            standing.demand(permissions::MOVE_MEMBERS)?;
        }
        if (moves || draft.mute.is_some() || draft.deaf.is_some())
            && !home.voice.contains_key(&user)
        {
            return Err(ApiError::NOT_IN_VOICE);
        }
        if let Change::To(channel) = draft.channel {
            let entry = home
                .find_channel(channel)
                .ok_or(ApiError::UNKNOWN_CHANNEL)?;
            if entry.kind != ChannelKind::Voice {
                return Err(ApiError::WRONG_CHANNEL_TYPE);
            }
            let needed = permissions::MOVE_MEMBERS | permissions::CONNECT;
            self.access(standing.bot, channel)?.demand(needed)?;
        }
        Ok(())
    }

    /// A bot changes its own name in a guild.
    pub(crate) fn rename_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        nick: Change<String>,
    ) -> Result<Value, ApiError> {
        let standing = self.standing(guild, bot)?;
        if !matches!(nick, Change::Keep) {
            standing.demand(permissions::CHANGE_NICKNAME)?;
            self.change_member(guild, bot, |member| nick.apply(&mut member.nick))
                .map_err(|_| ApiError::UNKNOWN_MEMBER)?;
        }
        self.read_member(bot, guild, bot)
    }

    /// A bot throws a member out.
    pub(crate) fn kick_as_bot(&mut self, bot: u64, guild: u64, user: u64) -> Result<(), ApiError> {
        let standing = self.standing(guild, bot)?;
        let home = self.home(guild, bot)?;
        self.member_of(home, user)?;
        standing.demand(permissions::KICK_MEMBERS)?;
        standing.demand_over(home, user)?;
        self.remove_member(guild, user)
            .map_err(|_| ApiError::UNKNOWN_MEMBER)?;
        self.audit(guild, Action::MemberKick, user);
        Ok(())
    }

    /// A bot asks to speak, or lets somebody: of stage channels alone, of which there are none.
    pub(crate) fn change_voice_state_as_bot(
        &self,
        bot: u64,
        guild: u64,
        user: u64,
    ) -> Result<(), ApiError> {
        let standing = self.standing(guild, bot)?;
        if user != bot {
            standing.demand(permissions::MUTE_MEMBERS)?;
        }
        let home = self.home(guild, bot)?;
        if home.voice.contains_key(&user) {
            Err(ApiError::WRONG_CHANNEL_TYPE)
        } else {
            Err(ApiError::UNKNOWN_VOICE_STATE)
        }
    }
}
