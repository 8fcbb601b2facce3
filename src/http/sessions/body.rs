//! The body of a bot's login: read into memory that is wiped, and no copy of the token is left.

use rocket::data::{Data, FromData, Outcome, ToByteUnit};
use rocket::http::Status;
use rocket::request::Request;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Longest body. Contract 8.
const MAX_BYTES: usize = 1_024;

/// A bot's token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct BotLogin {
    #[serde(deserialize_with = "read_token")]
    #[schema(value_type = String, pattern = "^[!-~]{1,200}$")]
    pub(in crate::http) token: Secret,
}

/// Moves the text into the secret. Of one that is written with escapes, which no token needs, the
/// parser keeps a copy.
fn read_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let token = Secret::new(String::deserialize(deserializer)?);
    if token.expose().trim().is_empty() {
        return Err(D::Error::custom("blank"));
    }
    Ok(token)
}

#[rocket::async_trait]
impl<'r> FromData<'r> for BotLogin {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        if !request
            .content_type()
            .is_some_and(|content| content.is_json())
        {
            return Outcome::Error((Status::UnsupportedMediaType, ()));
        }
        // One byte more than there may be: then there are too many.
        let mut bytes = Zeroizing::new([0_u8; MAX_BYTES + 1]);
        let length = match fill(data.open(2.kibibytes()), bytes.as_mut_slice()).await {
            Ok(length) if length > MAX_BYTES => {
                return Outcome::Error((Status::PayloadTooLarge, ()));
            }
            Ok(length) => length,
            Err(_) => return Outcome::Error((Status::BadRequest, ())),
        };
        match bytes.get(..length).and_then(parse) {
            Some(login) => Outcome::Success(login),
            None => Outcome::Error((Status::BadRequest, ())),
        }
    }
}

/// Reads an object: of a list the parser would take the first entry for the token. What it says of a
/// fault can quote the token, and is kept from the log.
fn parse(body: &[u8]) -> Option<BotLogin> {
    let is_object = body.trim_ascii_start().starts_with(b"{");
    serde_json::from_slice(body).ok().filter(|_| is_object)
}

/// Reads until the end, or until there is no more room; says how much.
async fn fill(mut from: impl AsyncRead + Unpin, into: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = into.get_mut(filled..).filter(|room| !room.is_empty()) {
        match from.read(room).await? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_a_token_and_nothing_else() {
        let read = |text: &str| parse(text.as_bytes());
        let login = read(r#"{"token":"a.b\u002dc"}"#).unwrap();
        assert_eq!(login.token.expose(), "a.b-c");
        for bad in [
            "",
            "null",
            "[]",
            r#"["a"]"#,
            "{}",
            r#"{"token":null}"#,
            r#"{"token":7}"#,
            r#"{"token":""}"#,
            r#"{"token":" \t"}"#,
            r#"{"token":"a","x":1}"#,
            r#"{"token":"a","token":"a"}"#,
            r#"{"token":"a"} x"#,
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }

    #[tokio::test]
    async fn no_more_is_read_than_there_is_room_for() {
        let mut room = [0; 3];
        for (sent, filled) in [("", 0), ("ab", 2), ("abc", 3), ("abcd", 3)] {
            assert_eq!(fill(sent.as_bytes(), &mut room).await.unwrap(), filled);
        }
    }
}
