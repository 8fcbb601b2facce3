//! OAuth 2: the authorization code with PKCE (RFC 6749, RFC 7636) and what is read with it.
//! Called by `domain::login`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Discord, read, send};
use crate::error::Error;
use crate::ids::{GuildId, UserId};
use crate::secret::Secret;

/// Who the user is, and the guilds the user is in. Contract 2.
const SCOPES: &str = "identify guilds";

/// A grant of a user to read with.
#[derive(Debug)]
pub struct Grant(Secret);

/// A Discord account as it describes itself: untrusted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub username: String,
    /// The name shown, where one is set.
    pub global_name: Option<String>,
    /// The four digits of an old account, else `0`.
    pub discriminator: String,
    /// Hash of the avatar image.
    pub avatar: Option<String>,
}

#[derive(Deserialize)]
struct GrantAnswer {
    access_token: String,
}

#[derive(Deserialize)]
struct UserAnswer {
    id: String,
    username: String,
    global_name: Option<String>,
    #[serde(default)]
    discriminator: String,
    avatar: Option<String>,
}

#[derive(Deserialize)]
struct GuildAnswer {
    id: String,
}

impl Discord {
    /// Discord's authorize page for one flow. `state` and `verifier` are kept by the browser's
    /// cookie; only the verifier's SHA-256 is shown to Discord.
    pub fn authorize_url(&self, redirect_uri: &str, state: &str, verifier: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let page = format!("{}/oauth2/authorize", self.page_url);
        let query = [
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", redirect_uri),
            ("response_type", "code"),
            ("scope", SCOPES),
            ("state", state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        Url::parse_with_params(&page, query).map_or(page, String::from)
    }

    /// Trades a callback's code for a grant. Every code is good once.
    ///
    /// # Errors
    /// 401 when Discord does not accept the code; 502 and 504 for its failures.
    pub async fn exchange(
        &self,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<Grant, Error> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        let request = self
            .http
            .post(self.url("/oauth2/token"))
            .basic_auth(&self.client_id, Some(self.client_secret.expose()))
            .form(&form);
        let answer = send(request).await?;
        // 400 is `invalid_grant`; 401 would be our own credential's fault.
        if answer.status() == StatusCode::BAD_REQUEST {
            return Err(Error::Unauthorized);
        }
        let grant: GrantAnswer = read(answer).await?;
        Ok(Grant(Secret::new(grant.access_token)))
    }

    /// Who gave the grant.
    ///
    /// # Errors
    /// 502 and 504 for Discord's failures.
    pub async fn get_account(&self, grant: &Grant) -> Result<Account, Error> {
        let request = self
            .http
            .get(self.url("/users/@me"))
            .bearer_auth(grant.0.expose());
        let user: UserAnswer = read(send(request).await?).await?;
        Ok(Account {
            id: id(&user.id)?,
            username: user.username,
            global_name: user.global_name,
            discriminator: user.discriminator,
            avatar: user.avatar,
        })
    }

    /// The guilds that the giver of the grant is in: Discord allows 200 at most, one page.
    ///
    /// # Errors
    /// 502 and 504 for Discord's failures.
    pub async fn list_user_guilds(&self, grant: &Grant) -> Result<Vec<GuildId>, Error> {
        let request = self
            .http
            .get(self.url("/users/@me/guilds"))
            .bearer_auth(grant.0.expose());
        let guilds: Vec<GuildAnswer> = read(send(request).await?).await?;
        Ok(guilds
            .iter()
            .filter_map(|guild| guild.id.parse().ok())
            .collect())
    }

    /// Gives the grant back: Discord forgets it.
    ///
    /// # Errors
    /// 502 and 504 for Discord's failures; the grant then ends by itself in a week.
    pub async fn revoke(&self, grant: Grant) -> Result<(), Error> {
        let form = [
            ("token", grant.0.expose()),
            ("token_type_hint", "access_token"),
        ];
        let request = self
            .http
            .post(self.url("/oauth2/token/revoke"))
            .basic_auth(&self.client_id, Some(self.client_secret.expose()))
            .form(&form);
        let answer = send(request).await?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(super::refusal(&answer))
        }
    }
}

fn id(text: &str) -> Result<UserId, Error> {
    text.parse()
        .map_err(|_| super::nonsense("a user id that is none".into()))
}
