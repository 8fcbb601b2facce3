//! OAuth 2: the authorization code with PKCE (RFC 6749, RFC 7636) and what is read with it.
//! Called by `domain::login` and `domain::grants`.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::rest::{Rest, nonsense, read, refusal};
use crate::config;
use crate::error::Error;
use crate::ids::{GuildId, UserId};
use crate::secret::Secret;

/// Who the user is, and the guilds the user is in. Contract 2.
const SCOPES: &str = "identify guilds";

/// What a user has granted: a token to read with, and one to renew it.
#[derive(Debug)]
pub struct Grant {
    /// Reads.
    pub access: Secret,
    /// Is good for one successor; empty where Discord gave none.
    pub refresh: Secret,
    /// How long `access` is good from now on.
    pub lifetime: Duration,
    /// What may be read, separated by spaces.
    scopes: String,
}

impl Grant {
    /// Whether who the user is and their guilds may be read.
    pub fn is_enough(&self) -> bool {
        let is_granted = |wanted: &str| self.scopes.split(' ').any(|scope| scope == wanted);
        SCOPES.split(' ').all(is_granted)
    }
}

/// A guild as Discord lists it for one of its members: untrusted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserGuild {
    /// Its id.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// The hash of its picture.
    pub icon: Option<String>,
    /// Whether the user owns it.
    pub is_owner: bool,
    /// What the user may do there, before any channel has a say: Discord's bits.
    pub permissions: u64,
}

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
    #[serde(default)]
    refresh_token: String,
    #[serde(default)]
    expires_in: u64,
    #[serde(default)]
    scope: String,
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
    name: String,
    icon: Option<String>,
    #[serde(default)]
    owner: bool,
    /// More than 53 bits: a number as text.
    #[serde(default)]
    permissions: String,
}

impl GuildAnswer {
    /// `None` for an id that is none.
    fn read(self) -> Option<UserGuild> {
        Some(UserGuild {
            id: self.id.parse().ok()?,
            name: self.name,
            icon: self.icon,
            is_owner: self.owner,
            permissions: self.permissions.parse().unwrap_or(0),
        })
    }
}

/// An application, as it asks people for what they may grant.
pub struct OAuth {
    rest: Arc<Rest>,
    /// What the addresses of pages begin with that browsers are sent to.
    page_url: String,
    client_id: String,
    client_secret: Secret,
}

impl OAuth {
    /// The configured application, calling through `rest`; `None` while a credential is missing.
    pub fn new(config: &config::Discord, rest: Arc<Rest>) -> Option<Self> {
        if !config.missing().is_empty() {
            return None;
        }
        Some(Self {
            rest,
            page_url: config.api_url.clone(),
            client_id: config.client_id.clone()?,
            client_secret: config.client_secret.clone()?,
        })
    }

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
        // 400 is `invalid_grant`; 401 would be our own credential's fault.
        self.ask_grant(&form).await?.ok_or(Error::Unauthorized)
    }

    /// Trades a grant for its successor; `None` where Discord honours it no more. The old one is
    /// void from then on.
    ///
    /// # Errors
    /// 502 and 504 for Discord's failures.
    pub async fn refresh(&self, refresh: &Secret) -> Result<Option<Grant>, Error> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose()),
        ];
        self.ask_grant(&form).await
    }

    async fn ask_grant(&self, form: &[(&str, &str)]) -> Result<Option<Grant>, Error> {
        let request = self
            .rest
            .request(Method::POST, "/oauth2/token")
            .basic_auth(&self.client_id, Some(self.client_secret.expose()))
            .form(form);
        let answer = self.rest.call(request).await?;
        if answer.status() == StatusCode::BAD_REQUEST {
            return Ok(None);
        }
        let grant: GrantAnswer = read(answer)?;
        Ok(Some(Grant {
            access: Secret::new(grant.access_token),
            refresh: Secret::new(grant.refresh_token),
            lifetime: Duration::from_secs(grant.expires_in),
            scopes: grant.scope,
        }))
    }

    /// Who gave the grant.
    ///
    /// # Errors
    /// 502 and 504 for Discord's failures.
    pub async fn get_account(&self, access: &Secret) -> Result<Account, Error> {
        let request = self
            .rest
            .request(Method::GET, "/users/@me")
            .bearer_auth(access.expose());
        let user: UserAnswer = read(self.rest.call(request).await?)?;
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
    pub async fn list_user_guilds(&self, access: &Secret) -> Result<Vec<UserGuild>, Error> {
        let guilds = self.find_user_guilds(access).await?;
        guilds.ok_or(Error::Upstream(Error::REFUSED, None))
    }

    /// The same; `None` where Discord honours the grant no more.
    ///
    /// # Errors
    /// 502 and 504 for Discord's other failures.
    pub async fn find_user_guilds(&self, access: &Secret) -> Result<Option<Vec<UserGuild>>, Error> {
        let request = self
            .rest
            .request(Method::GET, "/users/@me/guilds")
            .bearer_auth(access.expose());
        let answer = self.rest.call(request).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            return Ok(None);
        }
        let guilds: Vec<GuildAnswer> = read(answer)?;
        Ok(Some(
            guilds.into_iter().filter_map(GuildAnswer::read).collect(),
        ))
    }

    /// Gives a grant back: Discord forgets it, and whatever else the user has granted this
    /// application.
    ///
    /// # Errors
    /// 502 and 504 for Discord's failures; the grant then ends by itself in a week.
    pub async fn revoke(&self, access: &Secret) -> Result<(), Error> {
        let form = [
            ("token", access.expose()),
            ("token_type_hint", "access_token"),
        ];
        let request = self
            .rest
            .request(Method::POST, "/oauth2/token/revoke")
            .basic_auth(&self.client_id, Some(self.client_secret.expose()))
            .form(&form);
        let answer = self.rest.call(request).await?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(refusal(&answer))
        }
    }
}

fn id(text: &str) -> Result<UserId, Error> {
    text.parse()
        .map_err(|_| nonsense("a user id that is none".into()))
}
