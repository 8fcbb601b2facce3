//! Authorization codes and tokens, and the rules by which they are given out.
//!
//! Called by the OAuth routes; REST asks here whom an access token speaks for.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::world::random_text;

const CODE_LIFE_MS: u64 = 10 * 60 * 1_000;
/// How long an access token is good, in seconds: seven days.
pub(crate) const TOKEN_LIFE_S: u64 = 604_800;
const CODES_KEPT: usize = 1_000;
const TOKENS_KEPT: usize = 10_000;
/// The lengths RFC 7636 allows for a verifier.
const VERIFIER: std::ops::RangeInclusive<usize> = 43..=128;

/// Codes and tokens, oldest first; the oldest are forgotten when there are too many.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    codes: VecDeque<Code>,
    tokens: VecDeque<Token>,
}

/// What a user has agreed to.
#[derive(Clone, Debug)]
pub(crate) struct Consent {
    pub(crate) application: u64,
    pub(crate) user: u64,
    pub(crate) scopes: Vec<String>,
    /// The guild that a bot was added to.
    pub(crate) guild: Option<u64>,
}

#[derive(Debug)]
struct Code {
    text: String,
    consent: Consent,
    redirect_uri: String,
    challenge: Option<String>,
    expires_ms: u64,
}

/// A pair of tokens.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) consent: Consent,
    pub(crate) expires_ms: u64,
}

/// Why a code or refresh token is not honoured; both are `invalid_grant` to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Code,
    RedirectUri,
    Verifier,
    RefreshToken,
}

impl Refusal {
    /// Discord's words for it.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Refusal::Code => "Invalid \"code\" in request.",
            Refusal::RedirectUri => "Invalid \"redirect_uri\" in request.",
            Refusal::Verifier => "Invalid \"code_verifier\" in request.",
            Refusal::RefreshToken => "Invalid \"refresh_token\" in request.",
        }
    }
}

impl Grants {
    /// A code that the application can trade for tokens, once.
    pub(crate) fn issue_code(
        &mut self,
        consent: Consent,
        redirect_uri: &str,
        challenge: Option<String>,
        now_ms: u64,
    ) -> String {
        if self.codes.len() == CODES_KEPT {
            self.codes.pop_front();
        }
        let code = random_text(30);
        self.codes.push_back(Code {
            text: code.clone(),
            consent,
            redirect_uri: redirect_uri.to_owned(),
            challenge,
            expires_ms: now_ms + CODE_LIFE_MS,
        });
        code
    }

    /// Trades a code for tokens. The code is spent whatever the outcome, except that a
    /// code of another application is none of this one's business.
    pub(crate) fn redeem_code(
        &mut self,
        application: u64,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        now_ms: u64,
    ) -> Result<Token, Refusal> {
        let mut codes = self.codes.iter();
        let place = codes
            .position(|entry| entry.text == code && entry.consent.application == application)
            .ok_or(Refusal::Code)?;
        let code = self.codes.remove(place).ok_or(Refusal::Code)?;
        if now_ms >= code.expires_ms {
            return Err(Refusal::Code);
        }
        if code.redirect_uri != redirect_uri {
            return Err(Refusal::RedirectUri);
        }
        match (&code.challenge, verifier) {
            (None, _) => {}
            (Some(challenge), Some(verifier)) if proves(verifier, challenge) => {}
            _ => return Err(Refusal::Verifier),
        }
        Ok(self.issue_token(code.consent, now_ms))
    }

    /// Trades a refresh token for new tokens; the old pair is void.
    pub(crate) fn refresh(
        &mut self,
        application: u64,
        refresh: &str,
        now_ms: u64,
    ) -> Result<Token, Refusal> {
        let mut tokens = self.tokens.iter();
        let place = tokens
            .position(|entry| entry.refresh == refresh && entry.consent.application == application)
            .ok_or(Refusal::RefreshToken)?;
        let token = self.tokens.remove(place).ok_or(Refusal::RefreshToken)?;
        // Only the first answer tells of the guild.
        let consent = Consent {
            guild: None,
            ..token.consent
        };
        Ok(self.issue_token(consent, now_ms))
    }

    /// Voids the authorization that this access or refresh token belongs to: all tokens that the
    /// application has for its user.
    /// <https://discord.com/developers/docs/topics/oauth2#authorization-code-grant-token-revocation-example>
    pub(crate) fn revoke(&mut self, application: u64, token: &str) {
        let is_meant = |entry: &&Token| {
            entry.consent.application == application
                && (entry.access == token || entry.refresh == token)
        };
        let Some(user) = self.tokens.iter().find(is_meant).map(|it| it.consent.user) else {
            return;
        };
        self.tokens
            .retain(|entry| entry.consent.application != application || entry.consent.user != user);
    }

    /// What an access token stands for, if it is good.
    pub(crate) fn find_access(&self, access: &str, now_ms: u64) -> Option<&Token> {
        self.tokens
            .iter()
            .find(|token| token.access == access && now_ms < token.expires_ms)
    }

    /// Voids everything a user has agreed to, as in Discord's list of authorised apps.
    pub(crate) fn withdraw(&mut self, user: u64) {
        self.codes.retain(|code| code.consent.user != user);
        self.tokens.retain(|token| token.consent.user != user);
    }

    fn issue_token(&mut self, consent: Consent, now_ms: u64) -> Token {
        if self.tokens.len() == TOKENS_KEPT {
            self.tokens.pop_front();
        }
        let token = Token {
            access: random_text(30),
            refresh: random_text(30),
            consent,
            expires_ms: now_ms + TOKEN_LIFE_S * 1_000,
        };
        self.tokens.push_back(token.clone());
        token
    }
}

/// PKCE with S256: the challenge is the verifier's hash.
fn proves(verifier: &str, challenge: &str) -> bool {
    VERIFIER.contains(&verifier.len())
        && BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn grants_with_code(challenge: Option<&str>) -> (Grants, String) {
        let mut grants = Grants::default();
        let consent = Consent {
            application: 1,
            user: 2,
            scopes: vec!["identify".to_owned()],
            guild: None,
        };
        let code = grants.issue_code(consent, "http://here/", challenge.map(str::to_owned), 0);
        (grants, code)
    }

    #[test]
    fn a_code_is_good_once() {
        let (mut grants, code) = grants_with_code(None);
        assert!(
            grants
                .redeem_code(1, &code, "http://here/", None, 0)
                .is_ok()
        );
        let again = grants.redeem_code(1, &code, "http://here/", None, 0);
        assert_eq!(again.unwrap_err(), Refusal::Code);
    }

    #[test]
    fn a_code_is_good_for_ten_minutes() {
        for (now_ms, good) in [(599_999, true), (600_000, false)] {
            let (mut grants, code) = grants_with_code(None);
            assert_eq!(
                grants
                    .redeem_code(1, &code, "http://here/", None, now_ms)
                    .is_ok(),
                good
            );
        }
    }

    #[test]
    fn a_code_is_bound_to_its_application_and_redirect() {
        let (mut grants, code) = grants_with_code(None);
        let foreign = grants.redeem_code(9, &code, "http://here/", None, 0);
        assert_eq!(foreign.unwrap_err(), Refusal::Code);
        let moved = grants.redeem_code(1, &code, "http://here", None, 0);
        assert_eq!(moved.unwrap_err(), Refusal::RedirectUri);
    }

    #[test]
    fn a_challenge_needs_its_verifier() {
        let too_short = "x".repeat(42);
        let verifiers = [
            (Some(VERIFIER), true),
            (None, false),
            (Some(CHALLENGE), false),
            (Some(&*too_short), false),
        ];
        for (verifier, good) in verifiers {
            let (mut grants, code) = grants_with_code(Some(CHALLENGE));
            let redeemed = grants.redeem_code(1, &code, "http://here/", verifier, 0);
            assert_eq!(redeemed.is_ok(), good, "{verifier:?}");
        }
    }

    #[test]
    fn refreshing_voids_the_old_pair() {
        let (mut grants, code) = grants_with_code(None);
        let old = grants
            .redeem_code(1, &code, "http://here/", None, 0)
            .unwrap();
        let new = grants.refresh(1, &old.refresh, 5).unwrap();
        assert!(grants.find_access(&old.access, 5).is_none());
        assert!(grants.find_access(&new.access, 5).is_some());
        assert_eq!(
            grants.refresh(1, &old.refresh, 5).unwrap_err(),
            Refusal::RefreshToken
        );
    }

    #[test]
    fn access_ends_by_time_and_by_revoking() {
        let (mut grants, code) = grants_with_code(None);
        let token = grants
            .redeem_code(1, &code, "http://here/", None, 0)
            .unwrap();
        assert!(
            grants
                .find_access(&token.access, TOKEN_LIFE_S * 1_000)
                .is_none()
        );
        grants.revoke(9, &token.access);
        assert!(
            grants.find_access(&token.access, 1).is_some(),
            "not another application's"
        );
        let consent = token.consent.clone();
        let others = Consent {
            user: 3,
            ..consent.clone()
        };
        let [same, other] = [consent, others].map(|consent| grants.issue_token(consent, 0));
        grants.revoke(1, &token.refresh);
        assert!(grants.find_access(&token.access, 1).is_none());
        assert!(
            grants.find_access(&same.access, 1).is_none(),
            "all of the user's go"
        );
        assert!(grants.find_access(&other.access, 1).is_some());
    }
}
