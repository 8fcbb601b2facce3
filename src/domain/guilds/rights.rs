//! What members may do, of a guild and in its channels, computed as Discord does.
//! <https://discord.com/developers/docs/topics/permissions#permission-overwrites>

use super::GuildDetails;
use crate::discord::guild_data::Member;
use crate::discord::guild_data::{Channel, GuildRole, OverwriteTarget};
use crate::ids::{RoleId, UserId};

/// May do everything, whatever channels say.
const ADMINISTRATOR: u64 = 1 << 3;
const MANAGE_GUILD: u64 = 1 << 5;
/// May see a channel.
pub const VIEW_CHANNEL: u64 = 1 << 10;
/// May write messages.
pub const SEND_MESSAGES: u64 = 1 << 11;
/// May read what was written before.
pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
const MANAGE_ROLES: u64 = 1 << 28;

impl GuildDetails {
    /// Whether a member manages the guild: its owner, and whoever has the permission `ADMINISTRATOR`
    /// or, unless timed out, `MANAGE_GUILD`. Contract 2.
    pub fn is_manager(&self, user: UserId, member: &Member, now_ms: i64) -> bool {
        let permissions = self.permissions(user, &member.roles);
        let is_timed_out = member
            .timed_out_until_ms
            .is_some_and(|until| until > now_ms);
        permissions & ADMINISTRATOR != 0 || (permissions & MANAGE_GUILD != 0 && !is_timed_out)
    }

    /// Discord's bits of a member with these roles, `@everyone` not among them, before any channel
    /// has a say; all of them for the owner and administrators.
    pub fn permissions(&self, user: UserId, roles: &[RoleId]) -> u64 {
        let has = |role: RoleId| self.is_everyone(role) || roles.contains(&role);
        let held = self.roles.iter().filter(|role| has(role.id));
        let permissions = held.fold(0, |all, role| all | role.permissions);
        if user == self.owner || permissions & ADMINISTRATOR != 0 {
            return u64::MAX;
        }
        permissions
    }

    /// The same in one of the guild's channels: its overwrites for `@everyone` count first, then
    /// those of all the member's roles together, then the member's own.
    pub fn permissions_in(&self, channel: &Channel, user: UserId, roles: &[RoleId]) -> u64 {
        let base = self.permissions(user, roles);
        if base & ADMINISTRATOR != 0 {
            return base;
        }
        let apply = |permissions: u64, counts: &dyn Fn(OverwriteTarget) -> bool| {
            let meant = channel.overwrites.iter().filter(|one| counts(one.target));
            let (allow, deny) = meant.fold((0, 0), |(allow, deny), one| {
                (allow | one.allow, deny | one.deny)
            });
            (permissions & !deny) | allow
        };
        let permissions = apply(
            base,
            &|target| matches!(target, OverwriteTarget::Role(role) if self.is_everyone(role)),
        );
        let permissions = apply(permissions, &|target| {
            matches!(target, OverwriteTarget::Role(role)
                if !self.is_everyone(role) && roles.contains(&role))
        });
        apply(permissions, &|target| {
            target == OverwriteTarget::Member(user)
        })
    }

    /// Whether a member sees a channel.
    pub fn can_see(&self, channel: &Channel, user: UserId, roles: &[RoleId]) -> bool {
        self.permissions_in(channel, user, roles) & VIEW_CHANNEL != 0
    }

    /// Whether `user`, who has the roles `held`, may give and take `role`: it is not managed by an
    /// integration, everybody can be without it, and it stands below all that the user has. What
    /// discord.js calls `editable && !managed`; seed 003.
    pub fn can_give(
        &self,
        role: &GuildRole,
        all: &[GuildRole],
        user: UserId,
        held: &[RoleId],
    ) -> bool {
        if role.is_managed || self.is_everyone(role.id) {
            return false;
        }
        if user == self.owner {
            return true;
        }
        // Of two at one height the older one is higher.
        let height = |role: &GuildRole| (role.position, std::cmp::Reverse(role.id));
        let own = all.iter().filter(|role| held.contains(&role.id));
        let highest = own.map(height).max();
        self.permissions(user, held) & MANAGE_ROLES != 0
            && highest.is_some_and(|highest| highest > height(role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::guild_data::Overwrite;
    use crate::domain::guilds::{Guild, Role};
    use crate::ids::{ChannelId, GuildId};

    const GUILD: u64 = 7;
    const MOD: u64 = 8;
    const LOUD: u64 = 9;

    fn role(id: u64) -> RoleId {
        RoleId::try_from(id).unwrap()
    }

    fn user(id: u64) -> UserId {
        UserId::try_from(id).unwrap()
    }

    fn guild(everyone: u64) -> GuildDetails {
        let roles = [(GUILD, everyone), (MOD, SEND_MESSAGES), (LOUD, 0)];
        GuildDetails {
            guild: Guild {
                id: GuildId::try_from(GUILD).unwrap(),
                name: "here".into(),
            },
            icon: None,
            owner: user(1),
            roles: roles
                .map(|(id, permissions)| Role {
                    id: role(id),
                    permissions,
                })
                .to_vec(),
        }
    }

    fn channel(overwrites: &[(OverwriteTarget, u64, u64)]) -> Channel {
        let overwrites = overwrites.iter().map(|(target, allow, deny)| Overwrite {
            target: *target,
            allow: *allow,
            deny: *deny,
        });
        Channel {
            id: ChannelId::try_from(70).unwrap(),
            guild: GuildId::try_from(GUILD).unwrap(),
            kind: 0,
            name: "general".into(),
            parent: None,
            position: 0,
            topic: None,
            is_nsfw: false,
            overwrites: overwrites.collect(),
        }
    }

    #[test]
    fn who_sees_a_channel_is_decided_in_discords_order() {
        use OverwriteTarget::{Member, Role};
        let see = VIEW_CHANNEL;
        let everyone = Role(role(GUILD));
        let open = guild(see);
        let shut = guild(0);
        let sees = |guild: &GuildDetails, overwrites: &[(OverwriteTarget, u64, u64)], id, roles| {
            guild.can_see(&channel(overwrites), user(id), roles)
        };
        let both = &[role(MOD), role(LOUD)][..];
        let loud = &[role(LOUD)][..];
        assert!(sees(&open, &[], 2, &[]));
        assert!(!sees(&shut, &[], 2, both));
        assert!(sees(&shut, &[(everyone, see, 0)], 2, &[]));
        // For all but those who have a role that is let in; of two roles, allowing wins.
        let members = [(everyone, 0, see), (Role(role(LOUD)), see, 0)];
        assert!(!sees(&open, &members, 2, &[]));
        assert!(sees(&open, &members, 2, loud));
        let split = [(Role(role(LOUD)), see, 0), (Role(role(MOD)), 0, see)];
        assert!(sees(&open, &split, 2, both));
        // The member's own overwrite is the last, whatever the order of the list.
        let but = [(Member(user(2)), 0, see), (Role(role(LOUD)), see, 0)];
        assert!(!sees(&open, &but, 2, loud));
        assert!(sees(&open, &but, 3, loud));
        let let_in = [(Member(user(2)), see, 0), (everyone, 0, see)];
        assert!(sees(&open, &let_in, 2, &[]));
        // Owners and administrators are not kept out.
        let nobody = [(everyone, 0, u64::MAX), (Member(user(1)), 0, u64::MAX)];
        assert!(sees(&open, &nobody, 1, &[]));
        assert!(sees(&guild(ADMINISTRATOR), &nobody, 2, &[]));
    }

    #[test]
    fn roles_are_given_by_those_who_stand_above_them() {
        let named = |id, position, is_managed| GuildRole {
            id: role(id),
            name: String::new(),
            color: 0,
            position,
            permissions: 0,
            is_managed,
            is_hoisted: false,
            is_mentionable: false,
        };
        let all = [
            named(GUILD, 0, false),
            named(8, 2, false),
            named(9, 2, false),
            named(10, 1, true),
            named(11, 1, false),
        ];
        let manages = guild(MANAGE_ROLES);
        let given = |guild: &GuildDetails, id, held: &[RoleId]| {
            let given = all
                .iter()
                .filter(|role| guild.can_give(role, &all, user(id), held));
            given.map(|role| role.id.get()).collect::<Vec<_>>()
        };
        assert_eq!(given(&manages, 2, &[role(9)]), [11]);
        assert_eq!(given(&manages, 2, &[role(8)]), [9, 11]);
        assert_eq!(given(&manages, 2, &[]), Vec::<u64>::new());
        assert_eq!(given(&manages, 1, &[]), [8, 9, 11]);
        assert_eq!(given(&guild(0), 2, &[role(8)]), Vec::<u64>::new());
    }
}
