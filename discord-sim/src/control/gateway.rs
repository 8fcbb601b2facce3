//! Control requests about gateway connections: interrupting and refusing them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answered, Asked, Body};
use super::names::Named;
use super::wait::bot;
use crate::state::{ConnectionRefusal, Interruption, LoginRefusal, Shared};

/// More refusals than anybody needs, and few enough to remember.
const MOST_REFUSALS: usize = 1_000;

/// What befalls the connections of a bot's shard, or of all its shards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Interrupt {
    bot: Option<Named>,
    shard: Option<u64>,
    by: By,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum By {
    Reconnect,
    InvalidSession { resumable: bool },
    HeartbeatRequest,
    Close { code: Option<u16> },
    Drop,
    HalfOpen,
    Stall { ms: u64 },
}

impl From<By> for Interruption {
    fn from(by: By) -> Interruption {
        match by {
            By::Reconnect => Interruption::Reconnect,
            By::InvalidSession { resumable } => Interruption::InvalidSession { resumable },
            By::HeartbeatRequest => Interruption::RequestHeartbeat,
            By::Close { code } => Interruption::Close(code),
            By::Drop => Interruption::Drop,
            By::HalfOpen => Interruption::HalfOpen,
            By::Stall { ms } => Interruption::Stall(Duration::from_millis(ms)),
        }
    }
}

/// `POST /sim/gateway/interruptions`
pub(super) async fn interrupt(
    State(shared): State<Arc<Shared>>,
    Body(asked): Body<Interrupt>,
) -> Answered<Json<Value>> {
    shared.change(|state| {
        let bot = bot(state, asked.bot.as_ref())?;
        let connections = state.interrupt(bot, asked.shard, asked.by.into());
        Ok(Json(json!({ "connections": connections })))
    })
}

/// How the next connections are refused, whoever makes them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefuseConnections {
    #[serde(default = "once")]
    count: usize,
    by: ConnectionBy,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ConnectionBy {
    Status { code: u16 },
    Drop,
    Silence,
    Reconnect,
    Close { code: u16 },
}

impl From<ConnectionBy> for ConnectionRefusal {
    fn from(by: ConnectionBy) -> ConnectionRefusal {
        match by {
            ConnectionBy::Status { code } => ConnectionRefusal::Status(code),
            ConnectionBy::Drop => ConnectionRefusal::Drop,
            ConnectionBy::Silence => ConnectionRefusal::Silence,
            ConnectionBy::Reconnect => ConnectionRefusal::Reconnect,
            ConnectionBy::Close { code } => ConnectionRefusal::Close(code),
        }
    }
}

/// `POST /sim/gateway/refusals/connections`
pub(super) async fn refuse_connections(
    State(shared): State<Arc<Shared>>,
    Body(asked): Body<RefuseConnections>,
) -> StatusCode {
    let count = asked.count.min(MOST_REFUSALS);
    shared.change(|state| state.refusals.add_connections(count, asked.by.into()));
    StatusCode::NO_CONTENT
}

/// How the next logins of a bot are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefuseLogins {
    bot: Option<Named>,
    #[serde(default = "once")]
    count: usize,
    by: LoginBy,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum LoginBy {
    InvalidSession { resumable: bool },
    Close { code: u16 },
    Silence,
}

impl From<LoginBy> for LoginRefusal {
    fn from(by: LoginBy) -> LoginRefusal {
        match by {
            LoginBy::InvalidSession { resumable } => LoginRefusal::InvalidSession { resumable },
            LoginBy::Close { code } => LoginRefusal::Close(code),
            LoginBy::Silence => LoginRefusal::Silence,
        }
    }
}

/// `POST /sim/gateway/refusals/logins`
pub(super) async fn refuse_logins(
    State(shared): State<Arc<Shared>>,
    Body(asked): Body<RefuseLogins>,
) -> Answered<StatusCode> {
    let count = asked.count.min(MOST_REFUSALS);
    shared.change(|state| {
        let bot = bot(state, asked.bot.as_ref())?;
        state.refusals.add_logins(bot, count, asked.by.into());
        Ok(StatusCode::NO_CONTENT)
    })
}

fn once() -> usize {
    1
}

/// Whose logins are let in again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    bot: Option<Named>,
}

/// `DELETE /sim/gateway/refusals`: no connection is refused any more, and no login of the bot.
pub(super) async fn clear(
    State(shared): State<Arc<Shared>>,
    Asked(whose): Asked<Whose>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let bot = bot(state, whose.bot.as_ref())?;
        state.refusals.clear(bot);
        Ok(StatusCode::NO_CONTENT)
    })
}
