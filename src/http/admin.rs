//! For administrators of the installation. Contract 2, 7.

use rocket::Request;
use rocket::get;
use rocket::request::{FromRequest, Outcome};
use serde::{Serialize, Serializer};
use tracing::Level;

use super::answer::Page;
use super::error::fail;
use super::guards::{AppState, Caller};
use super::live::describe_log;
use super::query::{self, Paging};
use crate::app::App;
use crate::db::logs::LogEntry;
use crate::error::Error;

/// Messages of a page where no limit is given.
const LIMIT_DEFAULT: u32 = 1000;

/// `level` of a list: what is not as bad is left out. Everything where it is not there.
pub(super) struct AtLeast(Level);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for AtLeast {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let level = match query::find(request, "level") {
            Ok(None) => Some(Level::TRACE),
            Ok(Some(name)) => read_level(&name),
            Err(query::Twice) => None,
        };
        match level {
            Some(level) => Outcome::Success(Self(level)),
            None => fail(
                request,
                Error::Invalid("level must be error, warn, info, debug or trace"),
            ),
        }
    }
}

fn read_level(name: &str) -> Option<Level> {
    // Its own reading takes numbers and other letter case as well.
    let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase());
    name.parse().ok().filter(|_| is_name)
}

/// A message as [`describe_log`] writes it.
pub(super) struct Entry(LogEntry);

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        describe_log(&self.0).serialize(serializer)
    }
}

/// What the server has logged, newest first. Contract 7.
#[get("/api/admin/logs")]
pub(super) async fn list_logs(
    app: &AppState,
    caller: Caller,
    paging: Paging,
    at_least: AtLeast,
) -> Result<Page<Entry>, Error> {
    check_admin(app, &caller)?;
    let limit = paging.limit.unwrap_or(LIMIT_DEFAULT);
    let limit = limit.min(app.config.limits.page_max);
    let page = app.app_log.page(at_least.0, paging.from, limit).await?;
    Ok(Page {
        results: page.entries.into_iter().map(Entry).collect(),
        total: page.total.to_string(),
    })
}

/// Passes administrators of this installation.
fn check_admin(app: &App, caller: &Caller) -> Result<(), Error> {
    if app.config.admins.contains(&caller.user()) {
        return Ok(());
    }
    Err(Error::Forbidden("forbidden"))
}
