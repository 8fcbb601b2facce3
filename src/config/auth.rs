//! Logging in on other sites' pages: where Discord may send people back to, and the keys. Seed 002.

use reqwest::Url;

use super::list;
use super::source::Source;
use crate::secret::Key;

/// Logging in on other sites' pages.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The only addresses that a code may have been sent to.
    pub callback_uris: Vec<String>,
    /// Encrypts what a page is given; made where it is `None`.
    pub jwe_key: Option<Key>,
    /// Encrypts what is kept of Discord's tokens; made where it is `None`.
    pub grant_key: Option<Key>,
    /// Keys that only open what they have encrypted before.
    pub old_grant_keys: Vec<Key>,
}

impl Auth {
    pub(super) fn read(source: &mut Source) -> Self {
        const FORM: &str = "is not 32 bytes in base64 (openssl rand -base64 32)";
        let key = |text: &str| match text {
            "" => Ok(None),
            text => Key::from_base64(text).map(Some).ok_or(FORM),
        };
        Self {
            callback_uris: source.parse("auth.callback_uris", Vec::new(), |text| {
                list(text, parse_uri).ok_or("is not a list of addresses of pages")
            }),
            jwe_key: source.parse_secret("auth.jwe_key", None, key),
            grant_key: source.parse_secret("auth.grant_key", None, key),
            old_grant_keys: source.parse_secret("auth.old_grant_keys", Vec::new(), |text| {
                list(text, Key::from_base64).ok_or(FORM)
            }),
        }
    }
}

/// An address that Discord sends browsers to; it is compared to the letter, so it stays as written.
fn parse_uri(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let leads_to_a_page = matches!(url.scheme(), "http" | "https") && url.fragment().is_none();
    leads_to_a_page.then(|| text.to_owned())
}
