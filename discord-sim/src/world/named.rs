//! How people write what they mean in JSON: ids or names, and permissions.
//!
//! Used by world files and by the control interface.

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Unexpected, Visitor};

use super::permission_names;

/// The id or the name of something. An id may be written as a number, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named(pub(crate) String);

impl Named {
    /// The id, if it can be one.
    pub(crate) fn id(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Named, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Named;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an id or a name")
            }

            fn visit_u64<E: Error>(self, id: u64) -> Result<Named, E> {
                Ok(Named(id.to_string()))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Named, E> {
                Ok(Named(name.to_owned()))
            }
        }

        deserializer.deserialize_any(Name)
    }
}

/// Permission bits: a number, the same as text, or a list of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) u64);

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bits, D::Error> {
        struct Permissions;

        impl<'de> Visitor<'de> for Permissions {
            type Value = Bits;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("permission bits, or a list of permissions such as CONNECT")
            }

            fn visit_u64<E: Error>(self, bits: u64) -> Result<Bits, E> {
                Ok(Bits(bits))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Bits, E> {
                let bits = text.parse();
                bits.map(Bits)
                    .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Bits, A::Error> {
                let mut bits = 0;
                while let Some(name) = names.next_element::<String>()? {
                    let unknown = || A::Error::custom(format!("there is no permission {name}"));
                    bits |= permission_names::bit(&name).ok_or_else(unknown)?;
                }
                Ok(Bits(bits))
            }
        }

        deserializer.deserialize_any(Permissions)
    }
}
