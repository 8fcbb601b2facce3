//! What a world written as JSON says, before anything in it is looked up.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::world::ChannelKind;
use crate::world::named::{Bits, Named};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(default)]
    pub(super) users: Vec<UserEntry>,
    #[serde(default)]
    pub(super) applications: Vec<ApplicationEntry>,
    #[serde(default)]
    pub(super) guilds: Vec<GuildEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserEntry {
    pub(super) id: Option<Named>,
    pub(super) username: String,
    pub(super) global_name: Option<String>,
    pub(super) discriminator: Option<String>,
    pub(super) avatar: Option<String>,
    #[serde(default)]
    pub(super) bystander: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplicationEntry {
    pub(super) id: Option<Named>,
    pub(super) name: String,
    pub(super) bot_token: Option<String>,
    pub(super) client_secret: Option<String>,
    #[serde(default)]
    pub(super) redirect_uris: Vec<String>,
    pub(super) privileged_intents: Option<Vec<Privileged>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Privileged {
    GuildMembers,
    GuildPresences,
    MessageContent,
}

impl Privileged {
    pub(super) fn bit(self) -> u64 {
        match self {
            Privileged::GuildMembers => 1 << 1,
            Privileged::GuildPresences => 1 << 8,
            Privileged::MessageContent => 1 << 15,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuildEntry {
    pub(super) id: Option<Named>,
    pub(super) name: String,
    pub(super) owner: Named,
    pub(super) everyone: Option<Bits>,
    #[serde(default)]
    pub(super) roles: Vec<RoleEntry>,
    #[serde(default)]
    pub(super) channels: Vec<ChannelEntry>,
    #[serde(default)]
    pub(super) members: Vec<MemberEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleEntry {
    pub(super) id: Option<Named>,
    pub(super) name: String,
    #[serde(default)]
    pub(super) permissions: Bits,
    #[serde(default)]
    pub(super) color: u32,
    pub(super) bot: Option<Named>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelEntry {
    pub(super) id: Option<Named>,
    pub(super) name: String,
    pub(super) kind: ChannelKind,
    pub(super) parent: Option<Named>,
    #[serde(default)]
    pub(super) user_limit: u32,
    #[serde(default)]
    pub(super) overwrites: Vec<OverwriteEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverwriteEntry {
    pub(super) role: Option<Named>,
    pub(super) user: Option<Named>,
    #[serde(default)]
    pub(super) allow: Bits,
    #[serde(default)]
    pub(super) deny: Bits,
}

/// A member with all that can be said of it, or just its name.
pub(super) struct MemberEntry(pub(super) FullMember);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FullMember {
    pub(super) user: Named,
    #[serde(default)]
    pub(super) roles: Vec<Named>,
    pub(super) nick: Option<String>,
    pub(super) in_voice: Option<Named>,
}

impl<'de> Deserialize<'de> for MemberEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MemberEntry, D::Error> {
        struct Entry;

        impl<'de> Visitor<'de> for Entry {
            type Value = MemberEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a user, or an object that names one")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<MemberEntry, E> {
                Ok(MemberEntry(FullMember {
                    user: Named::deserialize(StrDeserializer::new(name))?,
                    roles: Vec::new(),
                    nick: None,
                    in_voice: None,
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MemberEntry, A::Error> {
                FullMember::deserialize(MapAccessDeserializer::new(map)).map(MemberEntry)
            }
        }

        deserializer.deserialize_any(Entry)
    }
}
