//! Roles: made, changed, moved, removed, given and taken by bots.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::state::State;
use crate::state::standing::Standing;
use crate::world::{Guild, MOST_ROLES, Role, permissions, wire};

/// What a client says of a role; what it left out is `None`.
#[derive(Debug)]
pub(crate) struct RoleDraft {
    name: Option<String>,
    permissions: Option<u64>,
    color: Option<u32>,
    hoist: Option<bool>,
    mentionable: Option<bool>,
}

impl RoleDraft {
    /// Reads a whole body.
    pub(crate) fn read(body: &Value) -> Result<RoleDraft, ApiError> {
        const WHITE: i64 = 0xff_ffff;
        let color = |form: &mut Form<'_>, name: &str| {
            let color = form.number(name, 0..=WHITE);
            color.and_then(|color| u32::try_from(color).ok())
        };
        let mut form = Form::new(body);
        let primary = form.object("colors", |colors| color(colors, "primary_color"));
        let draft = RoleDraft {
            name: form.text("name", 0..=100),
            permissions: form.bits("permissions"),
            color: primary.flatten().or_else(|| color(&mut form, "color")),
            hoist: form.flag("hoist"),
            mentionable: form.flag("mentionable"),
        };
        form.finish()?;
        Ok(draft)
    }

    fn apply(self, role: &mut Role) {
        if let Some(name) = self.name {
            role.name = name;
        }
        role.permissions = self.permissions.unwrap_or(role.permissions);
        role.color = self.color.unwrap_or(role.color);
        role.hoist = self.hoist.unwrap_or(role.hoist);
        role.mentionable = self.mentionable.unwrap_or(role.mentionable);
    }
}

impl State {
    /// A role as REST shows it.
    pub(crate) fn read_role(&self, bot: u64, guild: u64, role: u64) -> Result<Value, ApiError> {
        let found = self.home(guild, bot)?.find_role(role);
        let (place, role) = found.ok_or(ApiError::UNKNOWN_ROLE)?;
        Ok(wire::role(role, place))
    }

    /// A bot makes a role, right above `@everyone`.
    pub(crate) fn create_role_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        draft: RoleDraft,
    ) -> Result<Value, ApiError> {
        let standing = self.standing(guild, bot)?;
        standing.demand(permissions::MANAGE_ROLES)?;
        standing.demand(draft.permissions.unwrap_or(0))?;
        let home = self.home(guild, bot)?;
        if home.roles.len() >= MOST_ROLES {
            return Err(ApiError::TOO_MANY_ROLES);
        }
        let granted = home
            .roles
            .first()
            .map_or(0, |everyone| everyone.permissions);
        let mut role = Role::new(self.next_id(), "new role", granted);
        draft.apply(&mut role);
        let id = self
            .insert_role(guild, role, 1)
            .map_err(|_| ApiError::UNKNOWN_GUILD)?;
        self.read_role(bot, guild, id)
    }

    /// A bot changes a role.
    pub(crate) fn change_role_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        role: u64,
        draft: RoleDraft,
    ) -> Result<Value, ApiError> {
        let standing = self.standing(guild, bot)?;
        standing.demand(permissions::MANAGE_ROLES)?;
        let found = self.home(guild, bot)?.find_role(role);
        let (place, entry) = found.ok_or(ApiError::UNKNOWN_ROLE)?;
        if role != guild {
            standing.demand_above(place)?;
        }
        // What the role may already do is not given by the bot.
        let given = draft.permissions.unwrap_or(0) & !entry.permissions;
        standing.demand(given)?;
        self.change_role(guild, role, |role| draft.apply(role))
            .map_err(|_| ApiError::UNKNOWN_ROLE)?;
        self.read_role(bot, guild, role)
    }

    /// A bot moves roles to these places; all of the guild's.
    pub(crate) fn move_roles_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        moves: &BTreeMap<u64, usize>,
    ) -> Result<Value, ApiError> {
        let standing = self.standing(guild, bot)?;
        standing.demand(permissions::MANAGE_ROLES)?;
        let home = self.home(guild, bot)?;
        for (role, wanted) in moves {
            let place = place_below(home, standing, *role)?;
            if place != *wanted {
                standing.demand_above(*wanted)?;
            }
        }
        self.move_roles(guild, moves)
            .map_err(|_| ApiError::UNKNOWN_ROLE)?;
        Ok(json!(wire::roles(self.home(guild, bot)?)))
    }

    /// A bot removes a role.
    pub(crate) fn remove_role_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        role: u64,
    ) -> Result<(), ApiError> {
        let standing = self.standing(guild, bot)?;
        standing.demand(permissions::MANAGE_ROLES)?;
        let home = self.home(guild, bot)?;
        place_below(home, standing, role)?;
        refuse_managed(home, role)?;
        self.remove_role(guild, role)
            .map_err(|_| ApiError::UNKNOWN_ROLE)
    }

    /// A bot gives a member a role, or takes it.
    pub(crate) fn give_role_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        (user, role): (u64, u64),
        on: bool,
    ) -> Result<(), ApiError> {
        let standing = self.standing(guild, bot)?;
        let home = self.home(guild, bot)?;
        let member = self.member_of(home, user)?;
        standing.demand(permissions::MANAGE_ROLES)?;
        place_below(home, standing, role)?;
        refuse_managed(home, role)?;
        if member.roles.contains(&role) == on {
            return Ok(());
        }
        self.change_member(guild, user, |member| {
            member.roles.retain(|held| *held != role);
            if on {
                member.roles.push(role);
            }
        })
        .map_err(|_| ApiError::UNKNOWN_MEMBER)
    }
}

/// The place of a role that a bot may handle: one below its own highest.
pub(super) fn place_below(guild: &Guild, standing: Standing, role: u64) -> Result<usize, ApiError> {
    let (place, _) = guild.find_role(role).ok_or(ApiError::UNKNOWN_ROLE)?;
    if place == 0 {
        return Err(ApiError::INVALID_ROLE);
    }
    standing.demand_above(place)?;
    Ok(place)
}

/// Roles that were made for a bot come and go with it.
pub(super) fn refuse_managed(guild: &Guild, role: u64) -> Result<(), ApiError> {
    match guild.find_role(role) {
        Some((_, role)) if role.bot.is_some() => Err(ApiError::INVALID_ROLE),
        _ => Ok(()),
    }
}
