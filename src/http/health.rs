//! For supervisors and proxies: is it alive, is it ready, which version is it. Contract 10.

use std::env::consts::{ARCH, OS};

use rocket::get;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Json;
use super::guards::{AppState, Caller};
use crate::config::built;
use crate::domain::guilds::Outage;
use crate::error::Error;

#[derive(Serialize, ToSchema)]
pub(super) struct State {
    status: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Version {
    version: &'static str,
}

/// What this server is. Its keys are the original server's.
#[derive(Serialize, ToSchema)]
pub(super) struct Info {
    build_version: &'static str,
    go_version: &'static str,
    commit_hash: &'static str,
    go_os: &'static str,
    go_arch: &'static str,
}

/// The process answers.
#[utoipa::path(
    get,
    path = "/alive",
    tag = "server",
    security(()),
    responses((status = 200, description = "It does", body = State)),
)]
#[get("/alive")]
pub(super) fn alive() -> Json<State> {
    Json(State { status: "alive" })
}

/// The database answers, and the bot is connected where one is configured; else 503 and why.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "server",
    security(()),
    responses(
        (status = 200, description = "All is well", body = State),
        (status = 503, description = "Why not")
    ),
)]
#[get("/ready")]
pub(super) async fn ready(app: &AppState) -> Result<Json<State>, Error> {
    if app.db.check().await.is_err() {
        return Err(Error::Unavailable("the database does not answer"));
    }
    let gateway = app.guilds.gateway();
    if app.guilds.is_token_refused() {
        return Err(Error::Unavailable(Outage::TokenRefused.text()));
    }
    if app.has_bot() && !(gateway.is_connected() && gateway.guilds().is_some()) {
        return Err(Error::Unavailable(gateway.outage().text()));
    }
    Ok(Json(State { status: "ready" }))
}

/// Which version this is.
#[utoipa::path(
    get,
    path = "/version",
    tag = "server",
    security(()),
    responses((status = 200, description = "The version", body = Version)),
)]
#[get("/version")]
pub(super) fn version() -> Json<Version> {
    Json(Version {
        version: built::VERSION,
    })
}

/// Which version this is, as the original server says it.
#[utoipa::path(
    get,
    path = "/api/info",
    tag = "server",
    responses((status = 200, description = "The version", body = Info)),
)]
#[get("/api/info")]
pub(super) fn show_info(_caller: Caller) -> Json<Info> {
    Json(Info {
        build_version: built::VERSION,
        go_version: built::RUST,
        commit_hash: built::COMMIT,
        go_os: OS,
        go_arch: ARCH,
    })
}
