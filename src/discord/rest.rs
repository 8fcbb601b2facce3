//! Requests with the bot's token. Called by the other files of this room.

use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Serialize;

use super::{Discord, send};
use crate::error::Error;
use crate::ids::RoleId;

/// A member of a guild, as far as rights depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Until when the member is timed out, in Unix milliseconds.
    pub timed_out_until_ms: Option<i64>,
    /// The roles it was given; `@everyone` is not among them.
    pub roles: Vec<RoleId>,
}

impl Discord {
    pub(super) async fn get_as_bot(&self, path: &str) -> Result<Response, Error> {
        self.send_as_bot(self.http.get(self.url(path))).await
    }

    pub(super) async fn post_as_bot(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Response, Error> {
        let request = self.http.post(self.url(path)).json(body);
        self.send_as_bot(request).await
    }

    async fn send_as_bot(&self, request: RequestBuilder) -> Result<Response, Error> {
        const REFUSED: Error = Error::Upstream("discord refuses the bot's token", None);
        if self.is_token_refused() {
            return Err(REFUSED);
        }
        let token = format!("Bot {}", self.bot_token.expose());
        let answer = send(request.header(AUTHORIZATION, token)).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.refuse_token();
            tracing::error!("discord refuses the bot's token; it is not asked anything more");
            return Err(REFUSED);
        }
        Ok(answer)
    }
}
