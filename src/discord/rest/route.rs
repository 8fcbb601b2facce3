//! Which limit a request may fall under: its route, and the guild or channel it is about. Called by
//! `rest::call`.

use reqwest::Method;

/// Longer parts of a path are no words of Discord's.
const WORD_MAX_BYTES: usize = 40;

/// A request, as far as Discord's limits tell requests apart: method and template of the path, and
/// the major parameter, for which each bucket is counted separately.
/// <https://discord.com/developers/docs/topics/rate-limits>
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// `GET /guilds/{}/members/{}`.
    pub(super) template: String,
    /// The guild's or the channel's id; empty where there is neither.
    pub(super) major: String,
}

impl Route {
    /// The route of a path such as `/guilds/1/members?limit=5`.
    pub(super) fn of(method: &Method, path: &str) -> Self {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let parts = || path.split('/').filter(|part| !part.is_empty());
        let mut template = format!("{method} ");
        for part in parts() {
            template.push('/');
            template.push_str(if is_word(part) { part } else { "{}" });
        }
        let major = match parts().next() {
            Some("guilds" | "channels" | "webhooks") => parts().nth(1),
            _ => None,
        };
        Self {
            template,
            major: major.unwrap_or_default().to_owned(),
        }
    }
}

/// Whether a part of a path is always the same; everything else is an id or something like it.
fn is_word(part: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'@');
    part.len() <= WORD_MAX_BYTES && part.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_left_out_but_for_the_major_one() {
        for (path, template, major) in [
            ("/guilds/7/members/8?x=9", "GET /guilds/{}/members/{}", "7"),
            (
                "/channels/7/send-soundboard-sound",
                "GET /channels/{}/send-soundboard-sound",
                "7",
            ),
            ("/users/@me", "GET /users/@me", ""),
            ("/users/7", "GET /users/{}", ""),
            ("/gateway/bot", "GET /gateway/bot", ""),
            ("", "GET ", ""),
        ] {
            let route = Route::of(&Method::GET, path);
            assert_eq!((&*route.template, &*route.major), (template, major));
        }
        assert_ne!(
            Route::of(&Method::GET, "/guilds/7"),
            Route::of(&Method::POST, "/guilds/7")
        );
    }
}
