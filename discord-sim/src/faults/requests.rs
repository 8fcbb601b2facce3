//! Which requests are meant: by method, path and bot.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::world::snowflake;

/// Some of the requests to OAuth and REST: all of them, unless narrowed.
///
/// ```
/// use discord_sim::Requests;
///
/// let messages = Requests::to("/channels/*/messages").method("POST");
/// let of_one_guild = Requests::to("/guilds/1104556120873582592/**");
/// # let _ = (messages, of_one_guild, Requests::all());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Requests {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_id",
        deserialize_with = "read_id"
    )]
    bot: Option<u64>,
}

impl Requests {
    /// All requests to OAuth and REST.
    pub fn all() -> Requests {
        Requests::default()
    }

    /// Those to paths of this pattern, in which `*` stands for one part of a path and `**`
    /// for any number of parts.
    ///
    /// Paths begin after `/api` or `/api/v10`. The query is not looked at.
    pub fn to(path: impl Into<String>) -> Requests {
        Requests {
            path: Some(path.into()),
            ..Requests::default()
        }
    }

    /// Of these, those with this method.
    #[must_use]
    pub fn method(self, method: impl Into<String>) -> Requests {
        let method = Some(method.into());
        Requests { method, ..self }
    }

    /// Of these, those with the token of this application's bot.
    #[must_use]
    pub fn of_bot(self, application: u64) -> Requests {
        let bot = Some(application);
        Requests { bot, ..self }
    }

    /// Whether a request is one of these; `path` begins after `/api`, see [`resource`].
    pub(crate) fn include(&self, method: &str, path: &str, bot: Option<u64>) -> bool {
        let by_method = |wanted: &String| wanted.eq_ignore_ascii_case(method);
        let by_path = |pattern: &String| fits(&mut parts(pattern), &mut parts(path));
        self.method.as_ref().is_none_or(by_method)
            && self.path.as_ref().is_none_or(by_path)
            && (self.bot.is_none() || self.bot == bot)
    }
}

/// A path without `/api` and the version.
pub(crate) fn resource(path: &str) -> &str {
    let Some(below) = path
        .strip_prefix("/api")
        .filter(|rest| rest.starts_with('/'))
    else {
        return path;
    };
    let version = below.get(1..).and_then(|rest| rest.split('/').next());
    let version = version.unwrap_or_default();
    let is_version = version
        .strip_prefix('v')
        .is_some_and(|number| number.parse::<u8>().is_ok());
    if is_version {
        below.get(1 + version.len()..).unwrap_or_default()
    } else {
        below
    }
}

/// The parts of a path between its slashes.
pub(crate) fn parts(path: &str) -> impl Iterator<Item = &str> + Clone {
    path.split('/').filter(|part| !part.is_empty())
}

fn fits<'a>(
    pattern: &mut (impl Iterator<Item = &'a str> + Clone),
    path: &mut (impl Iterator<Item = &'a str> + Clone),
) -> bool {
    loop {
        match pattern.next() {
            None => return path.next().is_none(),
            Some("**") => break,
            Some("*") if path.next().is_some() => {}
            Some(part) if path.next() == Some(part) => {}
            Some(_) => return false,
        }
    }
    // Whether what follows the two stars fits some end of the path.
    loop {
        if fits(&mut pattern.clone(), &mut path.clone()) {
            return true;
        }
        if path.next().is_none() {
            return false;
        }
    }
}

/// Writes an id as Discord does, which no reader takes for an inexact number.
#[expect(clippy::ref_option, reason = "the signature is serde's")]
pub(crate) fn write_id<S: Serializer>(id: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    id.map(|id| id.to_string()).serialize(serializer)
}

/// Reads an id that is a string or a number.
pub(super) fn read_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    let id = snowflake::read(&value);
    id.map(Some)
        .ok_or_else(|| serde::de::Error::custom(format!("{value} is no id")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_parts_of_paths() {
        let fits = |pattern: &str, path: &str| Requests::to(pattern).include("GET", path, None);
        for (pattern, path) in [
            ("/users/@me", "/users/@me"),
            ("users/@me/", "/users/@me"),
            ("/channels/*/messages", "/channels/1/messages"),
            ("/channels/**", "/channels/1/messages/2"),
            ("/channels/**", "/channels"),
            ("/**/messages", "/channels/1/messages"),
            ("/**/1/**/x", "/a/1/1/b/x"),
            ("**", "/"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/users/@me", "/users/@me/guilds"),
            ("/channels/*/messages", "/channels/1/2/messages"),
            ("/channels/*", "/channels"),
            ("/**/messages", "/channels/1/messages/2"),
            ("", "/users"),
        ] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn all_that_is_asked_must_fit() {
        let posts = Requests::to("/x").method("post").of_bot(7);
        assert!(posts.include("POST", "/x", Some(7)));
        assert!(!posts.include("GET", "/x", Some(7)));
        assert!(!posts.include("POST", "/x", Some(8)));
        assert!(!posts.include("POST", "/x", None));
        assert!(Requests::all().include("GET", "/y", None));
    }

    #[test]
    fn the_version_is_no_part_of_a_resource() {
        for (path, expected) in [
            ("/api/v10/users/@me", "/users/@me"),
            ("/api/users/@me", "/users/@me"),
            ("/api/voice/regions", "/voice/regions"),
            ("/oauth2/authorize", "/oauth2/authorize"),
            ("/apish", "/apish"),
            ("/api", "/api"),
            ("/api/", "/"),
        ] {
            assert_eq!(resource(path), expected);
        }
    }

    #[test]
    fn json_names_the_same() {
        let json = r#"{"method":"GET","path":"/users/*","bot":"7"}"#;
        let requests = Requests::to("/users/*").method("GET").of_bot(7);
        assert_eq!(
            serde_json::from_str::<Requests>(json).unwrap(),
            requests.clone()
        );
        assert_eq!(serde_json::to_string(&requests).unwrap(), json);
        assert!(serde_json::from_str::<Requests>(r#"{"pathh":"/x"}"#).is_err());
        assert!(serde_json::from_str::<Requests>(r#"{"bot":"x"}"#).is_err());
    }
}
