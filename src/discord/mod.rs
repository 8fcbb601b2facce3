//! We call Discord over HTTP: one client with bounds on time and size. `domain` and
//! `bot` call it; what Discord sends to us comes in through `bot`.

pub mod endpoints;
pub mod files;
pub mod gateway;
pub mod guild_data;
pub mod oauth;
pub mod rest;
pub mod soundboard;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;

use crate::config;
use crate::error::Error;
use crate::secret::Secret;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(10);
/// No answer that we read is longer; 200 guilds are about 100 kB.
const ANSWER_MAX_BYTES: usize = 4 << 20;
/// A wait that Discord asks for is kept to when it is not longer than this.
const WAIT_MAX: Duration = Duration::from_secs(5);
const USER_AGENT: &str = concat!(
    "DiscordBot (https://github.com/yuri-bot/yuri, ",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// Discord's HTTP API, as an application with a bot sees it.
pub struct Discord {
    http: Client,
    /// What our own requests begin with.
    rest_url: String,
    /// What the addresses of pages begin with that browsers are sent to.
    page_url: String,
    /// Whether this is the real Discord.
    is_real: bool,
    bot_token: Secret,
    client_id: String,
    client_secret: Secret,
    /// Discord has refused the bot's token: it is not shown again, which would end in a ban.
    token_refused: AtomicBool,
}

impl Discord {
    /// A client for the configured application; `None` while a credential is missing.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: &config::Discord) -> Result<Option<Self>, Error> {
        let (Some(bot_token), Some(client_id), Some(client_secret)) =
            (&config.bot_token, &config.client_id, &config.client_secret)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            http: client(config)?,
            rest_url: config.rest_url().to_owned(),
            page_url: config.api_url.clone(),
            is_real: config.is_real(),
            bot_token: bot_token.clone(),
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
            token_refused: AtomicBool::new(false),
        }))
    }

    /// Whether Discord has refused the bot's token.
    pub fn is_token_refused(&self) -> bool {
        self.token_refused.load(Ordering::Relaxed)
    }

    /// Discord has refused the bot's token, here or at the gateway: it is not shown again.
    pub fn refuse_token(&self) {
        self.token_refused.store(true, Ordering::Relaxed);
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v10{path}", self.rest_url)
    }
}

/// A client for Discord's HTTP API: bounded in time, follows no redirects, trusts the configured
/// authorities, and leads to what stands in for Discord where that is configured.
///
/// # Errors
/// When the authorities cannot be read, or TLS cannot be set up.
pub fn client(config: &config::Discord) -> Result<Client, Error> {
    let mut http = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .user_agent(USER_AGENT);
    if let Some(path) = &config.authorities {
        let pem = std::fs::read(path).map_err(Error::internal)?;
        for authority in Certificate::from_pem_bundle(&pem).map_err(Error::internal)? {
            http = http.add_root_certificate(authority);
        }
    }
    if !config.is_real() {
        // It stands beside us: a proxy to the world does not lead there.
        http = http.no_proxy();
    }
    if let Some(address) = config.connect_to {
        http = http.resolve("discord.com", address);
    }
    http.build()
        .map_err(|error| Error::internal(error.without_url()))
}

/// A user as people and the play log name it: `name#1234` while Discord gives a discriminator
/// (`"0"` and `""` are none), else the name. Contract 4.
pub fn user_tag(name: &str, discriminator: &str) -> String {
    if discriminator.bytes().all(|digit| digit == b'0') {
        name.to_owned()
    } else {
        format!("{name}#{discriminator}")
    }
}

/// Sends a request.
///
/// # Errors
/// 504 when Discord did not answer in time, 502 when it could not be reached.
async fn send(request: RequestBuilder) -> Result<Response, Error> {
    request.send().await.map_err(|error| {
        if error.is_timeout() {
            Error::UpstreamTimeout("discord did not answer in time, try again")
        } else {
            Error::Upstream(
                "discord cannot be reached",
                Some(error.without_url().into()),
            )
        }
    })
}

/// The body of a successful answer.
///
/// # Errors
/// What an unsuccessful status means to our caller; 502 for a body that is not what is expected.
async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, Error> {
    if !answer.status().is_success() {
        return Err(refusal(&answer));
    }
    let body = read_bounded(answer).await?;
    serde_json::from_slice(&body).map_err(|error| nonsense(error.into()))
}

async fn read_bounded(mut answer: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| nonsense(error.without_url().into()))?
    {
        if body.len() + chunk.len() > ANSWER_MAX_BYTES {
            return Err(nonsense("the answer is too long".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How long Discord wants us to wait, if that is what it says.
fn wait_asked(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let wait = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    (answer.status() == StatusCode::TOO_MANY_REQUESTS).then_some(wait)
}

fn nonsense(cause: crate::error::Cause) -> Error {
    Error::Upstream("discord's answer could not be read", Some(cause))
}

/// What a refusal of Discord's means. Its 401 is about our credential, never about our caller's.
fn refusal(answer: &Response) -> Error {
    let status = answer.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Error::Unavailable("discord limits this server now, try again");
    }
    let cause = format!("discord answered {status}").into();
    Error::Upstream("discord refused the request", Some(cause))
}

#[cfg(test)]
mod tests {
    use super::user_tag;

    #[test]
    fn a_tag_has_a_discriminator_only_where_there_is_one() {
        assert_eq!(user_tag("zekro", "9131"), "zekro#9131");
        for none in ["0", "0000", ""] {
            assert_eq!(user_tag("zekro", none), "zekro");
        }
    }
}
