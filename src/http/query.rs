//! Query strings, read strictly: a parameter that is known and wrong is a 400, never a default.

use std::borrow::Cow;

use rocket::Request;
use rocket::http::RawStr;
use rocket::request::{FromRequest, Outcome};

use super::error::fail;
use crate::app::App;
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// `from` and `limit` of a list. Contract 1: 1 to 9 ASCII digits each, at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paging {
    /// Entries to pass over.
    pub(super) from: u32,
    /// Most entries to answer; at least 1.
    pub(super) limit: Option<u32>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Paging {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match paging(request) {
            Ok(paging) => Outcome::Success(paging),
            Err(error) => fail(request, error),
        }
    }
}

fn paging(request: &Request<'_>) -> Result<Paging, Error> {
    const FROM: Error = Error::Invalid("from must be a number from 0 to 999999999");
    const LIMIT: Error = Error::Invalid("limit must be a number from 1 to 999999999");
    let from = match find(request, "from").map_err(|Twice| FROM)? {
        Some(text) => number(&text).ok_or(FROM)?,
        None => 0,
    };
    let limit = match find(request, "limit").map_err(|Twice| LIMIT)? {
        Some(text) => Some(number(&text).filter(|limit| *limit > 0).ok_or(LIMIT)?),
        None => None,
    };
    Ok(Paging { from, limit })
}

/// `guild`, where it is given: the id of a guild, at most once.
pub(super) struct InGuild(pub(super) Option<GuildId>);

impl InGuild {
    /// The guild of a route that needs one.
    ///
    /// # Errors
    /// 400 where none is given.
    pub(super) fn required(&self) -> Result<GuildId, Error> {
        self.0.ok_or(GUILD)
    }

    /// The guild, if the caller is one of its members.
    ///
    /// # Errors
    /// As [`check_member`](crate::domain::guilds::Guilds::check_member).
    pub(super) async fn enter(&self, app: &App, user: UserId) -> Result<Option<GuildId>, Error> {
        if let Some(guild) = self.0 {
            app.guilds.check_member(guild, user).await?;
        }
        Ok(self.0)
    }
}

const GUILD: Error = Error::Invalid("guild must be the id of a guild");

#[rocket::async_trait]
impl<'r> FromRequest<'r> for InGuild {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let guild = match find(request, "guild") {
            Ok(text) => text.map(|text| text.parse()).transpose().ok(),
            Err(Twice) => None,
        };
        match guild {
            Some(guild) => Outcome::Success(Self(guild)),
            None => fail(request, GUILD),
        }
    }
}

/// A parameter stands there more than once.
pub(super) struct Twice;

/// The decoded names of all parameters.
pub(super) fn names<'r>(request: &'r Request<'_>) -> impl Iterator<Item = Cow<'r, str>> {
    let query = request.uri().query().map(|query| query.as_str());
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    pairs
        .filter(|pair| !pair.is_empty())
        .map(|pair| decode(pair.split_once('=').map_or(pair, |(name, _)| name)))
}

/// The decoded value of a parameter that may stand there once.
pub(super) fn find<'r>(
    request: &'r Request<'_>,
    name: &str,
) -> Result<Option<Cow<'r, str>>, Twice> {
    let Some(query) = request.uri().query() else {
        return Ok(None);
    };
    let mut values = query
        .as_str()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(key, _)| decode(key) == name)
        .map(|(_, value)| decode(value));
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Twice),
        (value, None) => Ok(value),
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    RawStr::new(text).url_decode_lossy()
}

/// A number of 1 to 9 ASCII digits. Contract 1.
pub(super) fn number(text: &str) -> Option<u32> {
    let shaped = matches!(text.len(), 1..=9) && text.bytes().all(|byte| byte.is_ascii_digit());
    shaped.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_is_one_to_nine_digits() {
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("999999999"), Some(999_999_999));
        for bad in [
            "",
            "+5",
            "-1",
            "1e3",
            "1234567890",
            " 1",
            "1 ",
            "１２",
            "0x1",
            "abc",
        ] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }
}
