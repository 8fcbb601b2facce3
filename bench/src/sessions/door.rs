//! What those who bring bots send to the server: they log in, read, join, play and log out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use bench::Failed;

use crate::world::Bot;

/// A session of a bot.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) bot: Bot,
    /// The session's id, which is also the value of its `Authorization` header.
    pub(crate) id: String,
}

/// The server, as those see it who have sessions.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    client: Client,
    server: SocketAddr,
}

impl Door {
    pub(crate) fn new(server: SocketAddr) -> Result<Self, Failed> {
        // Connections that wait for another request would count as files of the server.
        let client = Client::builder().pool_max_idle_per_host(0).build()?;
        Ok(Self { client, server })
    }

    /// Logs a bot in; the session, and how long it took.
    pub(crate) async fn log_in(
        &self,
        bot: Bot,
        token: String,
    ) -> Result<(Session, Duration), Failed> {
        let request = self.client.post(self.url("/api/auth/login"));
        let request = request.json(&json!({ "token": token }));
        let asked = Instant::now();
        let told = send(request, bot).await?;
        let took = asked.elapsed();
        let id = told["sessionId"].as_str().ok_or("no session id")?;
        let id = id.to_owned();
        Ok((Session { bot, id }, took))
    }

    /// Ends a session.
    pub(crate) async fn log_out(&self, session: &Session) -> Result<(), Failed> {
        self.post(session, "/api/auth/logout", None).await
    }

    /// Reads members, channels and messages.
    pub(crate) async fn read_all(&self, session: &Session) -> Result<(), Failed> {
        for path in [
            members(&session.bot),
            channels(&session.bot),
            messages(&session.bot),
        ] {
            let request = self.client.get(self.url(&path));
            let request = request.header("Authorization", &session.id);
            let list = send(request, session.bot).await?;
            if list.as_array().is_none_or(Vec::is_empty) {
                return Err(format!("{path}: an empty list").into());
            }
        }
        Ok(())
    }

    /// Has the bot join its voice channel.
    pub(crate) async fn join(&self, session: &Session) -> Result<(), Failed> {
        let body = json!({ "channel_id": session.bot.voice.to_string() });
        self.post(session, &player(session, "join"), Some(body))
            .await
    }

    /// Has the bot play a sound in its voice channel.
    pub(crate) async fn play(&self, session: &Session, sound: &str) -> Result<(), Failed> {
        let channel = session.bot.voice.to_string();
        let body = json!({ "sound": sound, "channel_id": channel });
        self.post(session, &player(session, "play"), Some(body))
            .await
    }

    /// Has the bot stop what it plays.
    pub(crate) async fn stop(&self, session: &Session) -> Result<(), Failed> {
        self.post(session, &player(session, "stop"), None).await
    }

    /// Whether the session's id is not known any more.
    pub(crate) async fn is_over(&self, session: &Session) -> Result<bool, Failed> {
        let request = self.client.get(self.url(&channels(&session.bot)));
        let request = request.header("Authorization", &session.id);
        let answer = forwarded(request, session.bot).send().await?;
        Ok(answer.status() == StatusCode::UNAUTHORIZED)
    }

    async fn post(&self, session: &Session, path: &str, body: Option<Value>) -> Result<(), Failed> {
        let request = self.client.post(self.url(path));
        let request = request.header("Authorization", &session.id);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        send(request, session.bot).await?;
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server)
    }
}

/// The members of a bot's guild.
pub(crate) fn members(bot: &Bot) -> String {
    format!("/api/members?guildId={}", bot.guild)
}

/// The channels of a bot's guild.
pub(crate) fn channels(bot: &Bot) -> String {
    format!("/api/channels?guildId={}", bot.guild)
}

fn messages(bot: &Bot) -> String {
    format!("/api/messages?channelId={}", bot.text)
}

fn player(session: &Session, what: &str) -> String {
    format!("/api/guilds/{}/{what}", session.bot.guild)
}

/// From the address of those who use this bot.
fn forwarded(request: RequestBuilder, bot: Bot) -> RequestBuilder {
    request.header("X-Forwarded-For", bot.address.to_string())
}

/// What must be answered with 200.
async fn send(request: RequestBuilder, bot: Bot) -> Result<Value, Failed> {
    let answer = forwarded(request, bot).send().await?;
    let (status, path) = (answer.status(), answer.url().path().to_owned());
    let body = answer.text().await?;
    if status != StatusCode::OK {
        return Err(format!("{path}: {status}: {body}").into());
    }
    serde_json::from_str(&body).map_err(|error| format!("{path}: {error}: {body}").into())
}

/// Does something with every session, with so many at the same time.
pub(crate) async fn for_each<F>(
    sessions: &[Session],
    at_once: usize,
    act: impl Fn(Session) -> F,
) -> Result<(), Failed>
where
    F: Future<Output = Result<(), Failed>> + Send + 'static,
{
    let mut acts = JoinSet::new();
    for session in sessions {
        if acts.len() >= at_once
            && let Some(done) = acts.join_next().await
        {
            done??;
        }
        acts.spawn(act(session.clone()));
    }
    while let Some(done) = acts.join_next().await {
        done??;
    }
    Ok(())
}
