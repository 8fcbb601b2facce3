//! What many entries of the document name: ids, instants, words, the parameters that guards read.

use std::borrow::Cow;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Required, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::http::query::{InGuild, Paging};
use crate::ids::{ChannelId, GuildId, RoleId, UserId};

/// What a number of a path or a query is at most: nine digits. Contract 1.
const NUMBER_MAX: u32 = 999_999_999;

/// A number in a path, as the id of a token or of a deletion. Contract 1.
const NUMBER: &str = "^[0-9]{1,9}$";

/// 1 to 19 digits, no leading zero; the highest is 9223372036854775807. Contract 1.
const SNOWFLAKE: &str = "^[1-9][0-9]{0,18}$";

macro_rules! snowflake {
    ($id:ident, $what:literal, $example:literal) => {
        impl PartialSchema for $id {
            fn schema() -> RefOr<Schema> {
                text($what)
                    .pattern(Some(SNOWFLAKE))
                    .examples([$example])
                    .into()
            }
        }

        impl ToSchema for $id {
            fn name() -> Cow<'static, str> {
                stringify!($id).into()
            }
        }
    };
}

snowflake!(UserId, "A user's id at Discord.", "221905671296253953");
snowflake!(GuildId, "A guild's id at Discord.", "526196711962705925");
snowflake!(
    ChannelId,
    "A channel's id at Discord.",
    "526196711962705929"
);
snowflake!(RoleId, "A role's id at Discord.", "526196711962705931");

/// An instant: RFC 3339, UTC, whole seconds.
pub(in crate::http) enum Instant {}

impl PartialSchema for Instant {
    fn schema() -> RefOr<Schema> {
        text("An instant: RFC 3339, in UTC, whole seconds.")
            .pattern(Some(
                r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
            ))
            .examples(["2019-04-06T18:48:02Z"])
            .into()
    }
}

impl ToSchema for Instant {
    fn name() -> Cow<'static, str> {
        "Instant".into()
    }
}

/// The number of something of ours, as a text.
pub(in crate::http) enum Number {}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        text("The number of something of this server's, as a text.")
            .pattern(Some(NUMBER))
            .examples(["17"])
            .into()
    }
}

impl ToSchema for Number {
    fn name() -> Cow<'static, str> {
        "Number".into()
    }
}

/// Bytes that are no text.
pub(in crate::http) enum Binary {}

impl PartialSchema for Binary {
    fn schema() -> RefOr<Schema> {
        let bytes = ObjectBuilder::new().schema_type(Type::String);
        bytes.content_media_type("application/octet-stream").into()
    }
}

impl ToSchema for Binary {
    fn name() -> Cow<'static, str> {
        "Binary".into()
    }
}

/// What Discord would answer: an object, or a list of them.
pub(in crate::http) enum Discords {}

impl PartialSchema for Discords {
    fn schema() -> RefOr<Schema> {
        let kinds = SchemaType::from_iter([Type::Object, Type::Array]);
        ObjectBuilder::new().schema_type(kinds).into()
    }
}

impl ToSchema for Discords {
    fn name() -> Cow<'static, str> {
        "Discords".into()
    }
}

/// A text that is one of a few words.
pub(in crate::http) fn one_of<const N: usize>(words: [&'static str; N]) -> Object {
    let text = ObjectBuilder::new().schema_type(Type::String);
    text.enum_values(Some(words)).build()
}

/// One of a few words, or null.
pub(in crate::http) fn one_of_or_null<const N: usize>(words: [&'static str; N]) -> Object {
    let words = words.map(Some).into_iter().chain([None]);
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(words.map(serde_json::Value::from)))
        .build()
}

fn text(what: &str) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    text.description(Some(what))
}

/// `{guild}` of a path.
pub(in crate::http) enum GuildPath {}

impl IntoParams for GuildPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![parameter(
            "guild",
            ParameterIn::Path,
            "The guild's id.",
            GuildId::schema(),
        )]
    }
}

/// `{id}` of a path: the number of something of ours.
pub(in crate::http) enum NumberPath {}

impl IntoParams for NumberPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let what = "Its number, as lists show it.";
        vec![parameter("id", ParameterIn::Path, what, Number::schema())]
    }
}

impl IntoParams for InGuild {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let what = "The guild that is asked about, of which the caller is a member.";
        vec![parameter(
            "guild",
            ParameterIn::Query,
            what,
            GuildId::schema(),
        )]
    }
}

impl IntoParams for Paging {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let number = |least: u32| {
            let number = ObjectBuilder::new().schema_type(Type::Integer);
            number.minimum(Some(least)).maximum(Some(NUMBER_MAX))
        };
        vec![
            parameter(
                "from",
                ParameterIn::Query,
                "Entries to pass over; 0 unless said otherwise.",
                number(0).into(),
            ),
            parameter(
                "limit",
                ParameterIn::Query,
                "Most entries of the answer; `limits.page_max` of the server at most.",
                number(1).into(),
            ),
        ]
    }
}

/// A parameter; those of a path are required, those of a query are not.
fn parameter(name: &str, place: ParameterIn, what: &str, schema: RefOr<Schema>) -> Parameter {
    let required = match place {
        ParameterIn::Path => Required::True,
        _ => Required::False,
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(what))
        .schema(Some(schema))
        .build()
}
