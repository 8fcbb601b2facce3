//! The rest of what `/botapi` passes on, with the bot's token: what Discord answers is read into the
//! types of this file and written from them, so that nothing else of it goes through. Called by
//! `domain::guild_data`.

use reqwest::{StatusCode, Url};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Discord;
use super::guild_data::{GuildMember, Profile, number};
use super::rest::read;
use crate::config;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId};

/// An id, as digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(u64);

impl Id {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer).map(Self)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// What an endpoint without parameters answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PieceKind {
    /// How a guild shows itself.
    Preview(GuildId),
    /// Its emojis.
    Emojis(GuildId),
    /// The sounds of its soundboard.
    Sounds(GuildId),
    /// Where its voice servers may be.
    Regions(GuildId),
    /// The sounds of every soundboard.
    DefaultSounds,
}

/// Such an answer, written as Discord writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the kinds say it")]
pub enum Piece {
    Preview(Preview),
    Emojis(Vec<Emoji>),
    Sounds(Sounds),
    Regions(Vec<Region>),
    DefaultSounds(Vec<Sound>),
}

impl Piece {
    /// How many things it holds, at least 1.
    pub fn count(&self) -> usize {
        match self {
            Self::Preview(_) => 1,
            Self::Emojis(emojis) => emojis.len().max(1),
            Self::Sounds(sounds) => sounds.items.len().max(1),
            Self::Regions(regions) => regions.len().max(1),
            Self::DefaultSounds(sounds) => sounds.len().max(1),
        }
    }
}

/// How a guild shows itself. Texts are untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[expect(missing_docs, reason = "fields of Discord's, of its names")]
pub struct Preview {
    pub id: Id,
    pub name: String,
    pub icon: Option<String>,
    pub splash: Option<String>,
    pub discovery_splash: Option<String>,
    pub description: Option<String>,
    pub approximate_member_count: u64,
    pub approximate_presence_count: u64,
}

/// An emoji of a guild. Texts are untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[expect(missing_docs, reason = "fields of Discord's, of its names")]
pub struct Emoji {
    pub id: Option<Id>,
    pub name: Option<String>,
    #[serde(default)]
    pub roles: Vec<Id>,
    #[serde(default)]
    pub animated: bool,
    #[serde(default)]
    pub managed: bool,
    #[serde(default = "yes")]
    pub available: bool,
}

fn yes() -> bool {
    true
}

/// The sounds of a guild's soundboard.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Sounds {
    /// They.
    pub items: Vec<Sound>,
}

/// A sound of a soundboard. Texts are untrusted.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[expect(missing_docs, reason = "fields of Discord's, of its names")]
pub struct Sound {
    pub sound_id: Id,
    pub name: String,
    pub volume: f64,
    pub emoji_id: Option<Id>,
    pub emoji_name: Option<String>,
    #[serde(default = "yes")]
    pub available: bool,
}

/// Where a voice server may be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[expect(missing_docs, reason = "fields of Discord's, of its names")]
pub struct Region {
    pub id: String,
    pub name: String,
    pub optimal: bool,
    pub deprecated: bool,
    pub custom: bool,
}

/// A message of a channel. Texts are untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: Id,
    /// Where it stands.
    pub channel_id: Id,
    /// Who wrote it.
    pub author: Profile,
    /// What it says; empty for a bot without the Message Content intent.
    pub content: String,
    /// When it was written, as Discord writes it.
    pub timestamp: String,
    /// When it was changed.
    pub edited_timestamp: Option<String>,
    /// Whether it is pinned.
    pub pinned: bool,
}

/// Which of a channel's messages are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessagePage {
    /// At most so many, 1 to 100.
    pub limit: u32,
    /// Where they begin, if not with the newest.
    pub at: Option<(MessagesAt, u64)>,
}

/// How messages stand to a given one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagesAt {
    /// Older ones.
    Before,
    /// Newer ones.
    After,
    /// Those next to it.
    Around,
}

impl Discord {
    /// The bot's account.
    ///
    /// # Errors
    /// 502 and 504 for Discord's failures, 429 or 503 where it limits us.
    pub async fn get_profile(&self) -> Result<Profile, Error> {
        read(self.get_as_bot("/users/@me").await?)
    }

    /// What an endpoint without parameters answers.
    ///
    /// # Errors
    /// As [`get_profile`](Self::get_profile).
    pub async fn get_piece(&self, kind: PieceKind) -> Result<Piece, Error> {
        let get = async |path: String| self.get_as_bot(&path).await;
        Ok(match kind {
            PieceKind::Preview(guild) => {
                Piece::Preview(read(get(format!("/guilds/{guild}/preview")).await?)?)
            }
            PieceKind::Emojis(guild) => {
                Piece::Emojis(read(get(format!("/guilds/{guild}/emojis")).await?)?)
            }
            PieceKind::Sounds(guild) => Piece::Sounds(read(
                get(format!("/guilds/{guild}/soundboard-sounds")).await?,
            )?),
            PieceKind::Regions(guild) => {
                Piece::Regions(read(get(format!("/guilds/{guild}/regions")).await?)?)
            }
            PieceKind::DefaultSounds => {
                Piece::DefaultSounds(read(get("/soundboard-default-sounds".into()).await?)?)
            }
        })
    }

    /// The members whose name or nickname begins with a text of 1 to 100 characters; at most
    /// `limit`, 1 to 1000.
    ///
    /// # Errors
    /// As [`get_profile`](Self::get_profile).
    pub async fn search_members(
        &self,
        guild: GuildId,
        query: &str,
        limit: u32,
    ) -> Result<Vec<GuildMember>, Error> {
        let encoded = Url::parse_with_params(config::DISCORD, [("query", query)]);
        let encoded = encoded.map_err(Error::internal)?;
        let query = encoded.query().unwrap_or_default();
        let path = format!("/guilds/{guild}/members/search?{query}&limit={limit}");
        read(self.get_as_bot(&path).await?)
    }

    /// Messages of a channel, newest first.
    ///
    /// # Errors
    /// 400 for a channel without messages, 403 where the bot may not read there, 404 where the channel
    /// is gone; else as
    /// [`get_profile`](Self::get_profile).
    pub async fn list_messages(
        &self,
        channel: ChannelId,
        page: MessagePage,
    ) -> Result<Vec<Message>, Error> {
        let at = page.at.map_or_else(String::new, |(at, id)| {
            let name = match at {
                MessagesAt::Before => "before",
                MessagesAt::After => "after",
                MessagesAt::Around => "around",
            };
            format!("&{name}={id}")
        });
        let path = format!("/channels/{channel}/messages?limit={}{at}", page.limit);
        let answer = self.get_as_bot(&path).await?;
        match answer.status() {
            StatusCode::FORBIDDEN => Err(Error::BOT_MAY_NOT_READ),
            StatusCode::NOT_FOUND => Err(Error::NO_CHANNEL),
            // A category, for one.
            StatusCode::BAD_REQUEST => Err(Error::Invalid("this channel has no messages")),
            _ => read(answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_goes_through_that_is_not_named_here() {
        let sent = json!({"items": [{
            "sound_id": "0042", "name": "x", "volume": 1.0, "emoji_id": null, "emoji_name": "a",
            "available": true, "user": {"token": "canary"}, "webhook": "canary",
        }]});
        let sounds: Sounds = serde_json::from_value(sent).unwrap();
        let written = serde_json::to_string(&Piece::Sounds(sounds)).unwrap();
        assert_eq!(
            written,
            r#"{"items":[{"sound_id":"42","name":"x","volume":1.0,"emoji_id":null,"emoji_name":"a","available":true}]}"#
        );
    }
}
