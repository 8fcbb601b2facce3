//! The closed list of `/botapi`: what a path and a query mean, or that they mean nothing. Text of the
//! caller's ends here; numbers and names of our own go on.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use crate::discord::endpoints::{MessagePage, MessagesAt, PieceKind};
use crate::domain::guild_data::MemberPage;
use crate::error::Error;
use crate::http::error::fail;
use crate::http::guards::{self, Charged};
use crate::http::guild_data::member_page;
use crate::http::query::{self, number};
use crate::ids::{ChannelId, GuildId, UserId};

/// Where all of it is.
const PREFIX: &str = "/botapi/";
/// Segments of a refused path that are logged, and the length of one.
const LOGGED_SEGMENTS: usize = 6;
const LOGGED_SEGMENT_BYTES: usize = 20;
/// Messages where no limit is given, and at most. Discord's.
const MESSAGES_DEFAULT: u32 = 50;
const MESSAGES_MAX: u32 = 100;
/// Longest text that members are searched by, and most that are found. Discord's.
const SEARCH_MAX_CHARS: usize = 100;
const FOUND_MAX: u32 = 1_000;

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Endpoint {
    Profile,
    Guilds,
    Guild(GuildId),
    Channels(GuildId),
    Roles(GuildId),
    Piece(PieceKind),
    Member(GuildId, UserId),
    Members(GuildId, MemberPage),
    Search(GuildId, String, u32),
    Channel(ChannelId),
    Messages(ChannelId, MessagePage),
    VoiceState(GuildId, UserId),
}

/// A path of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// One whose answer a query does not change.
    Plain(Plain),
    Members(GuildId),
    Search(GuildId),
    Messages(ChannelId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plain {
    Profile,
    Guilds,
    Guild(GuildId),
    Channels(GuildId),
    Roles(GuildId),
    Piece(PieceKind),
    Member(GuildId, UserId),
    Channel(ChannelId),
    VoiceState(GuildId, UserId),
}

impl Place {
    /// What a path means, as it was sent: nothing in it is decoded, resolved or passed over.
    fn of(path: &str) -> Option<Self> {
        let below = path.strip_prefix(PREFIX)?;
        // One more than the longest: what has more is not in the list.
        let parts: Vec<&str> = below.splitn(6, '/').collect();
        let guild = |text: &str| text.parse::<GuildId>().ok();
        let user = |text: &str| text.parse::<UserId>().ok();
        let channel = |text: &str| text.parse::<ChannelId>().ok();
        let plain = match *parts.as_slice() {
            ["users", "@me"] => Plain::Profile,
            ["users", "@me", "guilds"] => Plain::Guilds,
            ["soundboard-default-sounds"] => Plain::Piece(PieceKind::DefaultSounds),
            ["guilds", id] => Plain::Guild(guild(id)?),
            ["guilds", id, "preview"] => Plain::Piece(PieceKind::Preview(guild(id)?)),
            ["guilds", id, "channels"] => Plain::Channels(guild(id)?),
            ["guilds", id, "roles"] => Plain::Roles(guild(id)?),
            ["guilds", id, "emojis"] => Plain::Piece(PieceKind::Emojis(guild(id)?)),
            ["guilds", id, "soundboard-sounds"] => Plain::Piece(PieceKind::Sounds(guild(id)?)),
            ["guilds", id, "regions"] => Plain::Piece(PieceKind::Regions(guild(id)?)),
            ["guilds", id, "members"] => return Some(Self::Members(guild(id)?)),
            ["guilds", id, "members", "search"] => return Some(Self::Search(guild(id)?)),
            ["guilds", id, "members", who] => Plain::Member(guild(id)?, user(who)?),
            ["guilds", id, "voice-states", who] => Plain::VoiceState(guild(id)?, user(who)?),
            ["channels", id] => Plain::Channel(channel(id)?),
            ["channels", id, "messages"] => return Some(Self::Messages(channel(id)?)),
            _ => return None,
        };
        Some(Self::Plain(plain))
    }

    /// The parameters that it takes.
    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Plain(_) => &[],
            Self::Members(_) => &["limit", "after"],
            Self::Search(_) => &["query", "limit"],
            Self::Messages(_) => &["limit", "before", "after", "around"],
        }
    }

    fn read(self, request: &Request<'_>) -> Result<Endpoint, Error> {
        let known = self.parameters();
        if query::names(request).any(|name| !known.contains(&name.as_ref())) {
            return Err(Error::Invalid("this endpoint has no such parameter"));
        }
        Ok(match self {
            Self::Plain(plain) => plain.into(),
            Self::Members(guild) => Endpoint::Members(guild, member_page(request)?),
            Self::Search(guild) => {
                let (text, limit) = search(request)?;
                Endpoint::Search(guild, text, limit)
            }
            Self::Messages(channel) => Endpoint::Messages(channel, message_page(request)?),
        })
    }
}

impl From<Plain> for Endpoint {
    fn from(plain: Plain) -> Self {
        match plain {
            Plain::Profile => Self::Profile,
            Plain::Guilds => Self::Guilds,
            Plain::Guild(guild) => Self::Guild(guild),
            Plain::Channels(guild) => Self::Channels(guild),
            Plain::Roles(guild) => Self::Roles(guild),
            Plain::Piece(kind) => Self::Piece(kind),
            Plain::Member(guild, user) => Self::Member(guild, user),
            Plain::Channel(channel) => Self::Channel(channel),
            Plain::VoiceState(guild, user) => Self::VoiceState(guild, user),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Endpoint {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match find(request) {
            Ok(endpoint) => Outcome::Success(endpoint),
            Err(error) => fail(request, error),
        }
    }
}

fn find(request: &Request<'_>) -> Result<Endpoint, Error> {
    let app = guards::app(request)?;
    let path = request.uri().path().as_str();
    match Place::of(path) {
        Some(Place::Messages(_)) if !app.config.discord.botapi_messages => Err(refuse(request)),
        Some(place) => place.read(request),
        None => Err(refuse(request)),
    }
}

/// What is not in the list, and leaves a line in the log.
fn refuse(request: &Request<'_>) -> Error {
    let path = request.uri().path().as_str();
    let below = path.strip_prefix(PREFIX).unwrap_or_default();
    let words: Vec<&str> = below.split('/').take(LOGGED_SEGMENTS).map(word).collect();
    let charged: &Charged = request.local_cache(Charged::default);
    tracing::warn!(
        user_id = charged.user.map(|user| user.to_string()),
        path = words.join("/"),
        "an endpoint that is not allowed was asked for"
    );
    Error::Forbidden("endpoint not allowed")
}

/// A segment as it is logged: anything but a plain word could be a secret.
fn word(segment: &str) -> &str {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || b"@_-".contains(&byte);
    if segment.bytes().all(|byte| byte.is_ascii_digit()) {
        "<number>"
    } else if segment.len() <= LOGGED_SEGMENT_BYTES && segment.bytes().all(is_letter) {
        segment
    } else {
        "<other>"
    }
}

fn search(request: &Request<'_>) -> Result<(String, u32), Error> {
    const QUERY: Error = Error::Invalid("query must have 1 to 100 characters");
    const LIMIT: Error = Error::Invalid("limit must be a number from 1 to 1000");
    let text = query::find(request, "query").map_err(|query::Twice| QUERY)?;
    let text = text.ok_or(QUERY)?.into_owned();
    if text.is_empty() || text.chars().count() > SEARCH_MAX_CHARS {
        return Err(QUERY);
    }
    let limit = query::find(request, "limit").map_err(|query::Twice| LIMIT)?;
    let limit = limit.map_or(Some(1), |text| number(&text));
    let limit = limit.filter(|limit| (1..=FOUND_MAX).contains(limit));
    Ok((text, limit.ok_or(LIMIT)?))
}

fn message_page(request: &Request<'_>) -> Result<MessagePage, Error> {
    const LIMIT: Error = Error::Invalid("limit must be a number from 1 to 100");
    const AT: Error =
        Error::Invalid("one of before, after and around may be the id of a message, given once");
    let limit = query::find(request, "limit").map_err(|query::Twice| LIMIT)?;
    let limit = limit.map_or(Some(MESSAGES_DEFAULT), |text| number(&text));
    let limit = limit.filter(|limit| (1..=MESSAGES_MAX).contains(limit));
    let mut at = None;
    for (name, place) in [
        ("before", MessagesAt::Before),
        ("after", MessagesAt::After),
        ("around", MessagesAt::Around),
    ] {
        if let Some(text) = query::find(request, name).map_err(|query::Twice| AT)? {
            // The ids of messages are made like those of channels.
            let id: ChannelId = text.parse().map_err(|_| AT)?;
            if at.replace((place, id.get())).is_some() {
                return Err(AT);
            }
        }
    }
    Ok(MessagePage {
        limit: limit.ok_or(LIMIT)?,
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_the_list_or_nothing() {
        let guild: GuildId = "7".parse().unwrap();
        let user: UserId = "5".parse().unwrap();
        for (path, place) in [
            ("users/@me", Place::Plain(Plain::Profile)),
            ("guilds/7", Place::Plain(Plain::Guild(guild))),
            ("guilds/7/members", Place::Members(guild)),
            ("guilds/7/members/search", Place::Search(guild)),
            (
                "guilds/7/members/5",
                Place::Plain(Plain::Member(guild, user)),
            ),
        ] {
            assert_eq!(Place::of(&format!("/botapi/{path}")), Some(place), "{path}");
        }
        for path in [
            "",
            "guilds",
            "guilds/",
            "guilds/7/",
            "guilds//7",
            "/guilds/7",
            "guilds/7/../8",
            "guilds/7%2f8",
            "guilds/07",
            "guilds/7;a",
            "guilds/7/members/5/x",
            "users/%40me",
            "users/@me/channels",
            "users/5",
            "Guilds/7",
            "v10/guilds/7",
        ] {
            assert_eq!(Place::of(&format!("/botapi/{path}")), None, "{path}");
        }
        assert_eq!(Place::of("/botapiguilds/7"), None);
    }

    #[test]
    fn what_is_logged_of_a_path_holds_no_secret() {
        assert_eq!(word("webhooks"), "webhooks");
        assert_eq!(word("123"), "<number>");
        for other in ["aB3", "%0d%0a", "a".repeat(21).as_str(), "ü"] {
            assert_eq!(word(other), "<other>");
        }
    }
}
