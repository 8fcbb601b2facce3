//! Applications that a person adds to a guild.
//!
//! Called by the authorize page.

use serde_json::Value;

use super::State;
use super::audit::{Action, By};
use crate::error::SimError;
use crate::world::{Guild, Role, permissions};

impl State {
    /// The guilds that a person may add applications to.
    pub(crate) fn guilds_to_install_in(&self, user: u64) -> impl Iterator<Item = &Guild> {
        let now_ms = self.now_ms();
        let may = move |guild: &&Guild| {
            permissions::in_guild(guild, user, now_ms) & permissions::MANAGE_GUILD != 0
        };
        self.guilds.iter().filter(may)
    }

    /// A person adds a bot to a guild, with a role of its own if it is to have permissions: as
    /// many of them as the person has.
    pub(crate) fn install_bot(
        &mut self,
        bot: u64,
        guild: u64,
        user: u64,
        wanted: u64,
    ) -> Result<(), SimError> {
        let found = self.guilds_to_install_in(user).find(|it| it.id == guild);
        let home = found.ok_or(SimError::Forbidden)?;
        if home.bans.contains_key(&bot) {
            return Err(SimError::Banned { user: bot, guild });
        }
        let granted = wanted & permissions::in_guild(home, user, self.now_ms());
        let own = home.roles.iter().find(|role| role.bot == Some(bot));
        let own = own.map(|role| role.id);
        let is_new = !home.members.contains_key(&bot);
        let by = By { user, reason: None };
        self.on_behalf(by, |state| {
            // The role is there before the bot, which is told of it with the guild.
            let role = match own {
                Some(role) => {
                    state.set_role_permissions(guild, role, granted)?;
                    Some(role)
                }
                None if wanted == 0 => None,
                None => {
                    let name = state.name_of(bot);
                    let role = Role {
                        bot: Some(bot),
                        ..Role::new(state.next_id(), &name, granted)
                    };
                    Some(state.insert_role(guild, role, 1)?)
                }
            };
            let roles = role.into_iter().collect::<Vec<_>>();
            if is_new {
                state.add_member_with(guild, bot, &roles)?;
                state.audit_with(guild, Action::BotAdd, Some(bot), Vec::<Value>::new(), None);
            } else if own.is_none() && !roles.is_empty() {
                state.change_member(guild, bot, |member| member.roles.extend(roles))?;
            }
            Ok(())
        })
    }
}
