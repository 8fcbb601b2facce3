//! Whom a text mentions, and whom of them its author may notify.

use super::draft::AllowedMentions;
use crate::state::State;
use crate::world::{Mentions, permissions};

/// What stands in a text between `<` and `>`, or as a word of its own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) users: Vec<u64>,
    pub(super) roles: Vec<u64>,
    pub(super) everyone: bool,
}

impl Named {
    /// Reads the mentions of a text.
    pub(super) fn read(text: &str) -> Named {
        let mut named = Named {
            everyone: text.contains("@everyone") || text.contains("@here"),
            ..Named::default()
        };
        for part in text.split('<').skip(1) {
            let Some((inside, _)) = part.split_once('>') else {
                continue;
            };
            let (list, id) = if let Some(id) = inside.strip_prefix("@&") {
                (&mut named.roles, id)
            } else if let Some(id) = inside.strip_prefix("@!").or(inside.strip_prefix('@')) {
                (&mut named.users, id)
            } else {
                continue;
            };
            if let Ok(id) = id.parse()
                && !list.contains(&id)
            {
                list.push(id);
            }
        }
        named
    }
}

impl State {
    /// The mentions of a text that count: of those who exist, as far as the author allows
    /// them (`None`: all) and may (`bits`).
    pub(super) fn mentions(
        &self,
        guild: Option<u64>,
        text: &str,
        allowed: Option<&AllowedMentions>,
        bits: u64,
    ) -> Mentions {
        let named = Named::read(text);
        let may_all = bits & permissions::MENTION_EVERYONE != 0;
        let user = |id: &u64| {
            self.users.contains_key(id) && allowed.is_none_or(|allowed| allowed.users.has(*id))
        };
        let guild = guild.and_then(|guild| self.find_guild(guild));
        let role = |id: &u64| {
            let known = guild.and_then(|guild| guild.roles.iter().find(|role| role.id == *id));
            known.is_some_and(|role| may_all || role.mentionable)
                && allowed.is_none_or(|allowed| allowed.roles.has(*id))
        };
        let everyone = named.everyone
            && guild.is_some()
            && may_all
            && allowed.is_none_or(|allowed| allowed.everyone);
        Mentions {
            users: named.users.into_iter().filter(user).collect(),
            roles: named.roles.into_iter().filter(role).collect(),
            everyone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_read_off_the_text() {
        let text = "<@1> <@!2> <@&3> <@1> <#4> <@x> <@ 5> @everyone < <@6";
        let expected = Named {
            users: vec![1, 2],
            roles: vec![3],
            everyone: true,
        };
        assert_eq!(Named::read(text), expected);
        assert_eq!(Named::read("plain > < text"), Named::default());
    }
}
