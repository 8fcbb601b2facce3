//! The fields of a body of JSON, one by one: what changes a thing names what it changes, each field
//! at most once, and what cannot be read is named in the answer.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::domain::changes::Nullable;

/// The fields of a body, as often as they are in it.
pub(super) struct Fields(pub(super) Vec<(String, Value)>);

/// Says what a field must be, by its name.
macro_rules! must_be {
    ($name:literal, $what:literal) => {
        Error::Invalid(concat!($name, " must be ", $what, ", given once"))
    };
}
pub(super) use must_be;

/// Keeps a value where there is one, and was none.
pub(super) fn put<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    if place.is_some() {
        return None;
    }
    *place = Some(value?);
    Some(())
}

/// A value, or null; `None` for what cannot be read.
pub(super) fn or_null<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Nullable<T>> {
    if value.is_null() {
        return Some(Nullable::Null);
    }
    read(value).map(Nullable::Value)
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}
