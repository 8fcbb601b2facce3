//! Worlds written as JSON, for the program's `--world`.

mod entries;

use entries::{ChannelEntry, Document, GuildEntry, MemberEntry, OverwriteEntry, Privileged};

use super::named::{Bits, Named};
use super::{Application, Channel, Guild, Member, Overwrite, OverwriteTarget, Role, User, World};

/// Ids that a document leaves out are counted up from here, by this step: they are the same
/// each time.
const FIRST_ID: u64 = 1_200_000_000_000_000_000;
const ID_STEP: u64 = 1 << 22;

/// What is wrong with a world that was written as JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct WorldError {
    /// Such as `guilds[0].members[2]`.
    pub place: String,
    /// Such as `there is no user bob`.
    pub reason: String,
}

impl World {
    /// Reads a world that is written as JSON; the README's "A world of your own" shows one.
    ///
    /// Users, roles and channels can be named where they are meant. Ids, tokens and secrets
    /// can be left out: ids are then the same each time, tokens and secrets are not.
    ///
    /// # Errors
    ///
    /// [`WorldError`] if this is no JSON, has a field of an unknown name or of the wrong type,
    /// or names what is not in it. What else has to be so is checked by
    /// [`Sim::start`](crate::Sim::start).
    pub fn from_json(text: &str) -> Result<World, WorldError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let document = serde_path_to_error::deserialize::<_, Document>(&mut json);
        let document = document.map_err(|error| WorldError {
            place: error.path().to_string(),
            reason: error.inner().to_string(),
        })?;
        let at_end = |error: serde_json::Error| WorldError {
            place: ".".to_owned(),
            reason: error.to_string(),
        };
        json.end().map_err(at_end)?;
        Builder {
            world: World::empty(),
            next_id: FIRST_ID,
        }
        .build(document)
    }
}

/// A world that is being made out of a document.
struct Builder {
    world: World,
    next_id: u64,
}

impl Builder {
    fn build(mut self, document: Document) -> Result<World, WorldError> {
        for (n, entry) in document.users.into_iter().enumerate() {
            let id = self.id(entry.id, || format!("users[{n}].id"))?;
            let user = User::new(id, &entry.username);
            self.world.users.push(User {
                global_name: entry.global_name,
                discriminator: entry.discriminator.unwrap_or(user.discriminator),
                avatar: entry.avatar,
                bystander: entry.bystander,
                ..User::new(id, &entry.username)
            });
        }
        for (n, entry) in document.applications.into_iter().enumerate() {
            let id = self.id(entry.id, || format!("applications[{n}].id"))?;
            let mut application = Application::new(id, &entry.name);
            if let Some(token) = entry.bot_token {
                application.bot_token = token;
            }
            if let Some(secret) = entry.client_secret {
                application.client_secret = secret;
            }
            if let Some(intents) = entry.privileged_intents {
                let bits = intents.into_iter().map(Privileged::bit);
                application.privileged_intents = bits.fold(0, |all, bit| all | bit);
            }
            application.redirect_uris = entry.redirect_uris;
            self.world = self.world.application(application);
        }
        for (n, entry) in document.guilds.into_iter().enumerate() {
            let guild = self.guild(entry, &format!("guilds[{n}]"))?;
            self.world.guilds.push(guild);
        }
        Ok(self.world)
    }

    fn guild(&mut self, entry: GuildEntry, place: &str) -> Result<Guild, WorldError> {
        let id = self.id(entry.id, || format!("{place}.id"))?;
        let owner = self.user(&entry.owner, || format!("{place}.owner"))?;
        let mut guild = Guild::new(id, &entry.name, owner).member(owner);
        if let (Some(Bits(bits)), Some(everyone)) = (entry.everyone, guild.roles.first_mut()) {
            everyone.permissions = bits;
        }
        for (n, role) in entry.roles.into_iter().enumerate() {
            let place = format!("{place}.roles[{n}]");
            let id = self.id(role.id, || format!("{place}.id"))?;
            let bot = role.bot.as_ref();
            let bot = bot.map(|bot| self.user(bot, || format!("{place}.bot")));
            guild.roles.push(Role {
                color: role.color,
                bot: bot.transpose()?,
                ..Role::new(id, &role.name, role.permissions.0)
            });
        }
        for (n, channel) in entry.channels.into_iter().enumerate() {
            let channel = self.channel(&guild, channel, &format!("{place}.channels[{n}]"))?;
            guild.channels.push(channel);
        }
        for (n, MemberEntry(member)) in entry.members.into_iter().enumerate() {
            let place = format!("{place}.members[{n}]");
            let user = self.user(&member.user, || place.clone())?;
            let roles = member.roles.iter();
            let roles = roles.map(|named| role(&guild, named, || format!("{place}.roles")));
            let nick = member.nick;
            let entry = Member {
                nick,
                ..Member::new(user, &roles.collect::<Result<Vec<_>, _>>()?)
            };
            guild.members.insert(user, entry);
            if let Some(named) = &member.in_voice {
                let channel = channel(&guild, named, || format!("{place}.in_voice"))?;
                guild = guild.in_voice(user, channel);
            }
        }
        Ok(guild)
    }

    fn channel(
        &mut self,
        guild: &Guild,
        entry: ChannelEntry,
        place: &str,
    ) -> Result<Channel, WorldError> {
        let id = self.id(entry.id, || format!("{place}.id"))?;
        let parent = entry.parent.as_ref();
        let parent = parent.map(|named| channel(guild, named, || format!("{place}.parent")));
        let overwrites = entry.overwrites.iter().enumerate();
        let overwrites = overwrites
            .map(|(n, entry)| self.overwrite(guild, entry, &format!("{place}.overwrites[{n}]")));
        Ok(Channel {
            parent: parent.transpose()?,
            user_limit: entry.user_limit,
            overwrites: overwrites.collect::<Result<_, _>>()?,
            ..Channel::new(id, &entry.name, entry.kind)
        })
    }

    fn overwrite(
        &self,
        guild: &Guild,
        entry: &OverwriteEntry,
        place: &str,
    ) -> Result<Overwrite, WorldError> {
        let target = match (&entry.role, &entry.user) {
            (Some(named), None) => {
                OverwriteTarget::Role(role(guild, named, || format!("{place}.role"))?)
            }
            (None, Some(named)) => {
                OverwriteTarget::Member(self.user(named, || format!("{place}.user"))?)
            }
            _ => return Err(fault(place.to_owned(), "name either a role or a user")),
        };
        Ok(Overwrite {
            target,
            allow: entry.allow.0,
            deny: entry.deny.0,
        })
    }

    /// The id that is given, or the next one.
    fn id(
        &mut self,
        given: Option<Named>,
        place: impl FnOnce() -> String,
    ) -> Result<u64, WorldError> {
        let Some(given) = given else {
            self.next_id += ID_STEP;
            return Ok(self.next_id);
        };
        let no_id = || fault(place(), format!("{} is no id", given.0));
        given.id().ok_or_else(no_id)
    }

    fn user(&self, named: &Named, place: impl FnOnce() -> String) -> Result<u64, WorldError> {
        let users = || self.world.users.iter();
        let by_id = users().find(|user| Some(user.id) == named.id());
        let found = by_id.or_else(|| users().find(|user| user.username == named.0));
        found
            .map(|user| user.id)
            .ok_or_else(|| fault(place(), format!("there is no user {}", named.0)))
    }
}

fn role(guild: &Guild, named: &Named, place: impl FnOnce() -> String) -> Result<u64, WorldError> {
    let by_id = guild.roles.iter().find(|role| Some(role.id) == named.id());
    let by_name = || guild.roles.iter().find(|role| role.name == named.0);
    by_id
        .or_else(by_name)
        .map(|role| role.id)
        .ok_or_else(|| fault(place(), format!("there is no role {}", named.0)))
}

fn channel(
    guild: &Guild,
    named: &Named,
    place: impl FnOnce() -> String,
) -> Result<u64, WorldError> {
    let by_id = named.id().and_then(|id| guild.find_channel(id));
    let by_name = || guild.channels.iter().find(|it| it.name == named.0);
    by_id
        .or_else(by_name)
        .map(|channel| channel.id)
        .ok_or_else(|| fault(place(), format!("there is no channel {}", named.0)))
}

fn fault(place: String, reason: impl Into<String>) -> WorldError {
    WorldError {
        place,
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::permissions;

    const WORLD: &str = r#"{
        "users": [
            { "id": "11", "username": "ada", "global_name": "Ada" },
            { "username": "ben" }
        ],
        "applications": [
            { "id": 21, "name": "Yuri", "bot_token": "t", "privileged_intents": ["MESSAGE_CONTENT"] }
        ],
        "guilds": [{
            "name": "Lab",
            "owner": "ada",
            "roles": [{ "name": "dj", "permissions": ["CONNECT", "SPEAK"], "color": 255 }],
            "channels": [
                { "name": "Rooms", "kind": "category" },
                { "name": "Lounge", "kind": "voice", "parent": "Rooms", "user_limit": 3,
                  "overwrites": [{ "role": "@everyone", "deny": ["CONNECT"] },
                                 { "user": "ben", "allow": "1048576" }] }
            ],
            "members": ["Yuri", { "user": "ben", "roles": ["dj"], "nick": "B", "in_voice": "Lounge" }]
        }]
    }"#;

    #[test]
    fn a_world_is_read() {
        let world = World::from_json(WORLD).unwrap();
        assert_eq!(world.check(), Ok(()));
        let [ada, ben, yuri] = &world.users[..] else {
            panic!("three users: {world:?}");
        };
        assert_eq!((ada.id, ada.display_name(), ada.bot), (11, "Ada", false));
        assert_eq!((yuri.id, yuri.bot), (21, true));
        assert_eq!(&*world.applications[0].bot_token, "t");
        assert_eq!(world.applications[0].privileged_intents, 1 << 15);
        let guild = &world.guilds[0];
        assert_eq!((guild.owner, guild.members.len()), (11, 3));
        assert_eq!(
            guild.roles[1].permissions,
            permissions::CONNECT | permissions::SPEAK
        );
        let lounge = &guild.channels[1];
        assert_eq!(
            (lounge.parent, lounge.user_limit),
            (Some(guild.channels[0].id), 3)
        );
        assert_eq!(lounge.overwrites[0].target, OverwriteTarget::Role(guild.id));
        assert_eq!(lounge.overwrites[1].target, OverwriteTarget::Member(ben.id));
        assert_eq!(lounge.overwrites[1].allow, permissions::CONNECT);
        let member = &guild.members[&ben.id];
        assert_eq!(member.roles, [guild.roles[1].id]);
        assert_eq!(guild.voice[&ben.id].channel, lounge.id);
        // Ids that were left out are the same the next time.
        let again = World::from_json(WORLD).unwrap();
        assert_eq!(again.guilds[0].id, guild.id);
    }

    #[test]
    fn faults_are_named_by_their_place() {
        let change = |from: &str, to: &str| {
            let text = WORLD.replacen(from, to, 1);
            assert_ne!(text, WORLD, "{from}");
            World::from_json(&text).unwrap_err().to_string()
        };
        let faults = [
            (
                "\"global_name\"",
                "\"globalname\"",
                "users[0].globalname: unknown field",
            ),
            (
                "\"username\": \"ben\"",
                "\"username\": 7",
                "users[1].username: invalid type",
            ),
            ("\"11\"", "\"eleven\"", "users[0].id: eleven is no id"),
            (
                "MESSAGE_CONTENT",
                "EVERYTHING",
                "applications[0].privileged_intents[0]: unknown variant",
            ),
            (
                "\"owner\": \"ada\"",
                "\"owner\": \"eve\"",
                "guilds[0].owner: there is no user eve",
            ),
            (
                "\"SPEAK\"",
                "\"FLY\"",
                "guilds[0].roles[0].permissions: there is no permission FLY",
            ),
            (
                "\"voice\"",
                "\"noise\"",
                "guilds[0].channels[1].kind: unknown variant `noise`",
            ),
            (
                "\"parent\": \"Rooms\"",
                "\"parent\": \"Room\"",
                "guilds[0].channels[1].parent: there is no channel Room",
            ),
            (
                "{ \"role\": \"@everyone\",",
                "{",
                "guilds[0].channels[1].overwrites[0]: name either a role or a user",
            ),
            (
                "[\"dj\"]",
                "[\"vj\"]",
                "guilds[0].members[1].roles: there is no role vj",
            ),
            ("[\"Yuri\",", "[7,", "guilds[0].members[0]: invalid type"),
            (
                "\"in_voice\": \"Lounge\"",
                "\"in_voice\": \"Stage\"",
                "guilds[0].members[1].in_voice: there is no channel Stage",
            ),
        ];
        for (from, to, expected) in faults {
            let fault = change(from, to);
            assert!(fault.starts_with(expected), "{fault}");
        }
        let fault = World::from_json(&format!("{WORLD} more")).unwrap_err();
        assert!(fault.reason.starts_with("trailing characters"), "{fault}");
    }
}
