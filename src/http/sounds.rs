//! `GET /api/localsounds`. Seed 004, Get Local Sounds.

use rocket::Request;
use rocket::get;
use rocket::request::{FromRequest, Outcome};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{List, Page};
use super::error::fail;
use super::guards::{AppState, Caller};
use super::openapi::Instant;
use super::query::{Paging, find};
use crate::clock::rfc3339;
use crate::domain::library::Order;
use crate::error::Error;

#[derive(Serialize, ToSchema)]
pub(super) struct SoundEntry {
    #[schema(example = "danke.wav")]
    name: String,
    #[schema(value_type = Instant)]
    last_modified: String,
}

/// The operator's folder, in the order asked for; all of it where no limit is given.
#[utoipa::path(
    get,
    path = "/api/localsounds",
    tag = "sounds",
    params(
        (
            "sort" = Option<String>,
            Query,
            description = "`NAME`, the default, or `DATE`, the newest first; in any letter case.",
            pattern = "^([Nn][Aa][Mm][Ee]|[Dd][Aa][Tt][Ee])$"
        ),
        Paging
    ),
    responses((status = 200, description = "The sounds", body = List<SoundEntry>)),
)]
#[get("/api/localsounds")]
pub(super) fn list_sounds(
    app: &AppState,
    _caller: Caller,
    order: Order,
    paging: Paging,
) -> Page<SoundEntry> {
    let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
    let limit = paging.limit.map_or(usize::MAX, count);
    let (sounds, total) = app.library.page(order, count(paging.from), limit);
    let results = sounds
        .iter()
        .map(|sound| SoundEntry {
            name: sound.name.clone(),
            last_modified: rfc3339(sound.modified_ms),
        })
        .collect();
    Page {
        results,
        total: total.to_string(),
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Order {
    type Error = ();

    /// `sort`: `NAME`, the default, or `DATE`, in any letter case.
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let order = match find(request, "sort") {
            Ok(None) => Some(Self::Name),
            Ok(Some(sort)) if sort.eq_ignore_ascii_case("name") => Some(Self::Name),
            Ok(Some(sort)) if sort.eq_ignore_ascii_case("date") => Some(Self::Date),
            _ => None,
        };
        match order {
            Some(order) => Outcome::Success(order),
            None => fail(request, Error::Invalid("sort must be NAME or DATE")),
        }
    }
}
