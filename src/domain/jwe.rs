//! The encrypted token of seed 002: a JWE in its compact form (RFC 7516) that names a session of
//! ours, and nothing of Discord's. Made by `domain::login`, opened by the guard of `http`.
//!
//! It is good for an hour and while its session lives. The session's secret in it, of which only
//! the hash is stored, keeps even somebody who knows the key from making one up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::seal::{Cipher, NONCE_BYTES, TAG_BYTES};
use super::tokens::{Credential, random_text};
use crate::clock::Clock;
use crate::db::tokens::Kind;
use crate::error::Error;
use crate::ids::UserId;
use crate::secret::{Key, Secret};

/// How long one is good, in seconds. Contract 7.
const LIFETIME_S: i64 = 3600;
/// How far another clock may differ that has a share in making or ending one, in seconds.
const LEEWAY_S: i64 = 5;
/// Ours are 449 bytes with the longest public address that is usual.
const TOKEN_MAX_BYTES: usize = 2048;
/// What stands before ours; theirs may name a type.
const HEADER: &str = r#"{"alg":"dir","enc":"A256GCM"}"#;
/// The longest header that is read, in base64.
const HEADER_MAX_BYTES: usize = 128;

/// The header as it must be: no other algorithm, no compression, no extension.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    enc: &'a str,
    typ: Option<&'a str>,
}

/// RFC 7519, 4.1; `sid` is the secret of the session.
#[derive(Serialize, Deserialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    sid: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
}

/// A session that a token names. Whether it lives is not said.
pub struct Named {
    /// Whose.
    pub user: UserId,
    /// The secret that the session's row has the hash of.
    pub secret: Secret,
}

impl Named {
    /// The same as what [`Tokens`](super::tokens::Tokens) verifies.
    pub fn credential(&self) -> Option<Credential> {
        Credential::new(self.user, self.secret.expose(), Kind::Bearer)
    }
}

/// A token that was just made.
pub struct Made {
    /// The token.
    pub token: String,
    /// When it ends, in Unix milliseconds.
    pub expires_ms: i64,
}

/// Makes and opens the tokens of one installation.
pub struct Jwe {
    cipher: Cipher,
    issuer: String,
    clock: Clock,
}

impl Jwe {
    /// Tokens under `key`, of the installation with this public address.
    pub fn new(key: &Key, issuer: String, clock: Clock) -> Self {
        Self {
            cipher: Cipher::new(key),
            issuer,
            clock,
        }
    }

    /// A token for the session with this secret.
    ///
    /// # Errors
    /// 500 when it cannot be encrypted.
    pub fn make(&self, user: UserId, secret: &str) -> Result<Made, Error> {
        let iat = self.clock.now_ms().div_euclid(1000);
        let exp = iat + LIFETIME_S;
        let claims = Claims {
            iss: &self.issuer,
            sub: &user.to_string(),
            sid: secret,
            iat,
            exp,
            jti: &random_text(22),
        };
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&claims).map_err(Error::internal)?);
        let header = URL_SAFE_NO_PAD.encode(HEADER);
        let (nonce, sealed) = self.cipher.seal(header.as_bytes(), &plain)?;
        let (text, tag) = sealed.split_at(sealed.len().saturating_sub(TAG_BYTES));
        let [nonce, text, tag] = [&nonce[..], text, tag].map(|part| URL_SAFE_NO_PAD.encode(part));
        Ok(Made {
            // Between the dots: no key is wrapped, it is the one that both know.
            token: format!("{header}..{nonce}.{text}.{tag}"),
            expires_ms: exp * 1000,
        })
    }

    /// The session that a token names; `None` for anything but a token of this installation in
    /// its hour.
    pub fn open(&self, token: &str) -> Option<Named> {
        if token.len() > TOKEN_MAX_BYTES {
            return None;
        }
        let mut parts = token.split('.');
        let mut part = || parts.next();
        let (header, key, nonce, text, tag) = (part()?, part()?, part()?, part()?, part()?);
        if part().is_some() || !key.is_empty() || header.len() > HEADER_MAX_BYTES {
            return None;
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let decoded = decode(header)?;
        let kind: Header<'_> = serde_json::from_slice(&decoded).ok()?;
        let is_ours = kind.alg == "dir" && kind.enc == "A256GCM";
        if !is_ours || kind.typ.is_some_and(|typ| typ != "JWT") {
            return None;
        }
        let nonce: [u8; NONCE_BYTES] = decode(nonce)?.try_into().ok()?;
        let tag: [u8; TAG_BYTES] = decode(tag)?.try_into().ok()?;
        let sealed = [&decode(text)?[..], &tag].concat();
        let plain = self.cipher.open(&nonce, header.as_bytes(), &sealed)?;
        self.read(&serde_json::from_slice(&plain).ok()?)
    }

    fn read(&self, claims: &Claims<'_>) -> Option<Named> {
        let now = self.clock.now_ms().div_euclid(1000);
        let lifetime = claims.exp.checked_sub(claims.iat)?;
        let is_in_time = (1..=LIFETIME_S).contains(&lifetime)
            && claims.iat <= now + LEEWAY_S
            && claims.exp > now - LEEWAY_S;
        if !is_in_time || claims.iss != self.issuer || claims.jti.is_empty() {
            return None;
        }
        Some(Named {
            user: claims.sub.parse().ok()?,
            secret: Secret::new(claims.sid.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::super::tokens::TOKEN_LENGTH;
    use super::*;

    #[test]
    fn not_a_bit_can_be_another() {
        let key = Key::from_base64(&STANDARD.encode([1; Key::BYTES])).unwrap();
        let jwe = Jwe::new(&key, "http://here".into(), Clock::manual(0));
        let user = "7".parse().unwrap();
        let secret = random_text(TOKEN_LENGTH);
        let token = jwe.make(user, &secret).unwrap().token;
        let named = jwe.open(&token).unwrap();
        assert_eq!((named.user, named.secret.expose()), (user, &*secret));
        assert!(named.credential().is_some());
        for place in 0..token.len() {
            assert!(jwe.open(&token[..place]).is_none(), "cut at {place}");
            for other in b"Az09-_.=+/ ~".map(char::from) {
                let mut changed = token.clone();
                changed.replace_range(place..=place, other.encode_utf8(&mut [0; 4]));
                let is_same = changed == token;
                assert_eq!(jwe.open(&changed).is_some(), is_same, "{other} at {place}");
            }
        }
    }
}
