//! We call Discord over HTTP, within its limits and ours. `domain` and `bot` call it; what Discord
//! sends to us comes in through `bot`.

pub mod endpoints;
pub mod files;
pub mod gateway;
pub mod guild_data;
pub mod oauth;
pub mod rest;
pub mod soundboard;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, redirect};
use rest::{Account, Refusals, Rest};

use crate::config;
use crate::error::Error;
use crate::secret::Secret;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!(
    "DiscordBot (https://github.com/yuri-bot/yuri, ",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// Discord's HTTP API, as a bot sees it.
pub struct Discord {
    rest: Arc<Rest>,
    account: Account,
    /// Where files are, if this is not the real Discord.
    page_url: String,
    /// Whether this is the real Discord.
    is_real: bool,
}

impl Discord {
    /// The configured application's bot, calling through `rest`; `None` while a credential is
    /// missing.
    pub fn new(config: &config::Discord, rest: Arc<Rest>) -> Option<Self> {
        if !config.missing().is_empty() {
            return None;
        }
        let account = Account::new(config.bot_token.clone()?);
        Some(Self::with(config, rest, account))
    }

    /// A bot that somebody has brought along, of whose token nobody knows yet whether it is good.
    /// What it asks for in vain is counted in `refusals`, and costs the configured bot nothing. Seed
    /// 001.
    pub fn of_guest(
        config: &config::Discord,
        rest: Arc<Rest>,
        token: Secret,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self::with(config, rest, Account::of_guest(token, refusals))
    }

    fn with(config: &config::Discord, rest: Arc<Rest>, account: Account) -> Self {
        Self {
            rest,
            account,
            page_url: config.api_url.clone(),
            is_real: config.is_real(),
        }
    }

    /// The bot's token, for the gateway.
    pub fn token(&self) -> &Secret {
        self.account.token()
    }

    /// Whether Discord has refused the bot's token.
    pub fn is_token_refused(&self) -> bool {
        self.account.is_refused()
    }

    /// Waits until Discord has refused the bot's token. Cancel safe.
    pub async fn token_refused(&self) {
        self.account.refused().await;
    }

    /// Discord has refused the bot's token, here or at the gateway: it is not shown again.
    pub fn refuse_token(&self) {
        self.account.refuse();
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
