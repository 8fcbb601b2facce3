//! Every request to Discord's HTTP API that is not serenity's own goes through here, so that
//! Discord's limits are kept whatever is asked of us. `docs/discord-rest.md` tells the rules. The
//! other files of `discord` call it.
//!
//! What Discord counts by token is in [`Account`]; what it counts by address, and whether it answers
//! at all, is in [`Rest`], of which a process has one.

mod account;
mod answer;
mod breaker;
mod buckets;
mod budget;
mod call;
mod pace;
mod route;

pub use account::{Account, Refusals};
pub(super) use answer::{Answer, nonsense, read, refusal, refused, unreached};
pub use call::Rest;

use reqwest::Method;
use serde::Serialize;

use super::Discord;
use crate::error::Error;

/// How long somebody would mind to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody has done something in Discord or on a page and waits for it to happen: a play, a
    /// command, a change. A share of the requests is kept for these.
    Interactive,
    /// What is only shown.
    Background,
}

/// How a request is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    urgency: Urgency,
    /// Whether it is made again when Discord fails.
    is_repeated: bool,
}

impl Manner {
    /// What is only shown: in the background, and again when Discord fails.
    pub(super) const READ: Self = Self {
        urgency: Urgency::Background,
        is_repeated: true,
    };
    /// What changes something: urgent, and made once.
    pub(super) const WRITE: Self = Self {
        urgency: Urgency::Interactive,
        is_repeated: false,
    };

    /// The same for somebody who waits, or for nobody.
    pub(super) const fn with(self, urgency: Urgency) -> Self {
        Self { urgency, ..self }
    }

    /// The same without another try: its caller tries again by itself.
    pub(super) const fn once(self) -> Self {
        Self {
            is_repeated: false,
            ..self
        }
    }
}

impl Discord {
    /// Reads something with the bot's token that is only shown.
    ///
    /// # Errors
    /// As [`get_as_bot_with`](Self::get_as_bot_with).
    pub(super) async fn get_as_bot(&self, path: &str) -> Result<Answer, Error> {
        self.get_as_bot_with(path, Manner::READ).await
    }

    /// Reads something with the bot's token.
    ///
    /// # Errors
    /// 429 and 503 when Discord limits us or is left alone, 502 and 504 for its failures; 502 after
    /// it has refused the token, without asking. Other refusals are answers.
    pub(super) async fn get_as_bot_with(
        &self,
        path: &str,
        manner: Manner,
    ) -> Result<Answer, Error> {
        let request = self.rest.request(Method::GET, path);
        self.rest
            .call_as(&self.account, path, request, manner)
            .await
    }

    /// Changes something with the bot's token.
    ///
    /// # Errors
    /// As [`get_as_bot_with`](Self::get_as_bot_with).
    pub(super) async fn post_as_bot(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer, Error> {
        let request = self.rest.request(Method::POST, path).json(body);
        let manner = Manner::WRITE;
        self.rest
            .call_as(&self.account, path, request, manner)
            .await
    }
}
