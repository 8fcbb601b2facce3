//! For supervisors and proxies: is it alive, is it ready, which version is it. Contract 10.

use rocket::get;
use serde::Serialize;

use super::answer::Json;
use super::guards::AppState;
use crate::error::Error;

#[derive(Serialize)]
pub(super) struct State {
    status: &'static str,
}

#[derive(Serialize)]
pub(super) struct Version {
    version: &'static str,
}

/// The process answers.
#[get("/alive")]
pub(super) fn alive() -> Json<State> {
    Json(State { status: "alive" })
}

/// The database answers, and the bot is connected where one is configured; else 503 and why.
#[get("/ready")]
pub(super) async fn ready(app: &AppState) -> Result<Json<State>, Error> {
    if app.db.check().await.is_err() {
        return Err(Error::Unavailable("the database does not answer"));
    }
    let gateway = app.guilds.gateway();
    if app.has_bot() && !(gateway.is_connected() && gateway.guilds().is_some()) {
        return Err(Error::Unavailable(gateway.outage().text()));
    }
    Ok(Json(State { status: "ready" }))
}

/// Which version this is.
#[get("/version")]
pub(super) fn version() -> Json<Version> {
    Json(Version {
        version: env!("CARGO_PKG_VERSION"),
    })
}
