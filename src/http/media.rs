//! What a sound sounds like, and how it looks: previews and waveforms. Contract 5. They cost no rate
//! token, so that a page can show many.

use std::borrow::Cow;
use std::io::Cursor;
use std::ops::Range;

use bytes::Bytes;
use rocket::http::{ContentType, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};
use rocket::{Request, Response, get};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::answer::respond;
use super::error::{fail, render_message};
use super::guards::{self, AppState, Charged};
use super::library::find_sound;
use super::openapi::Binary;
use super::query::InGuild;
use crate::error::Error;
use crate::ids::UserId;

/// Whoever looks and listens; costs no rate token.
pub(super) struct Viewer(UserId);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Viewer {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match view(request).await {
            Ok(viewer) => Outcome::Success(viewer),
            Err(error) => fail(request, error),
        }
    }
}

async fn view(request: &Request<'_>) -> Result<Viewer, Error> {
    let (identity, ..) = guards::authenticate(guards::app(request)?, request).await?;
    request.local_cache(|| Charged {
        user: Some(identity.user),
        ..Charged::default()
    });
    Ok(Viewer(identity.user))
}

/// What a sound looks like.
#[derive(Serialize, ToSchema)]
pub(super) struct Waveform {
    length_ms: u64,
    /// The largest sample of each 64th of the sound; 255 is the largest of all.
    #[schema(min_items = 64, max_items = 64)]
    peaks: Vec<u8>,
}

/// What is asked for by the ending of a name.
pub(super) enum Media {
    Preview(Preview),
    Waveform(Waveform),
}

impl<'r> Responder<'r, 'static> for Media {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            Self::Preview(preview) => preview.respond_to(request),
            Self::Waveform(waveform) => respond(Status::Ok, &waveform),
        }
    }
}

/// A sound as it is heard in a guild (`<name>.ogg`), or its waveform (`<name>.peaks`). For members;
/// without a guild it is one of the operator's.
#[utoipa::path(
    get,
    path = "/media/sounds/{file}",
    tag = "sounds",
    params(
        (
            "file" = String,
            Path,
            description = "The sound's name and `.ogg`: how it is heard; or `.peaks`: its waveform."
        ),
        InGuild,
        (
            "Range" = Option<String>,
            Header,
            description = "The bytes that are wanted of a preview; RFC 9110, 14."
        ),
        (
            "If-None-Match" = Option<String>,
            Header,
            description = "Tags of previews that the caller has."
        ),
        (
            "If-Range" = Option<String>,
            Header,
            description = "The preview of which `Range` wants a part."
        )
    ),
    responses(
        (
            status = 200,
            description = "The preview, or the waveform",
            content((Waveform = "application/json"), (Binary = "audio/ogg")),
            headers(
                ("ETag" = String, description = "The preview's tag"),
                ("Accept-Ranges" = String, description = "`bytes`")
            )
        ),
        (
            status = 206,
            description = "A part of the preview",
            body = Binary,
            content_type = "audio/ogg",
            headers(
                ("Content-Range" = String, description = "Which part of how many bytes"),
                ("ETag" = String, description = "The preview's tag")
            )
        ),
        (
            status = 304,
            description = "The caller has it",
            headers(("ETag" = String, description = "The preview's tag"))
        ),
        (status = 404, description = "No sound has this name"),
        (status = 409, description = "The sound cannot be played"),
        (
            status = 416,
            description = "There is no such part",
            headers(("Content-Range" = String, description = "How many bytes there are"))
        ),
        (status = 507, description = "The server's disk is full")
    ),
)]
#[get("/media/sounds/<file>")]
pub(super) async fn get_media(
    app: &AppState,
    viewer: Viewer,
    guild: InGuild,
    file: &str,
) -> Result<Media, Error> {
    let guild = guild.0;
    let (name, is_preview) = match file.rsplit_once('.') {
        Some((name, "ogg")) => (name, true),
        Some((name, "peaks")) => (name, false),
        _ => return Err(Error::NotFound("not found")),
    };
    if let Some(guild) = guild {
        app.guilds.check_member(guild, viewer.0).await?;
    }
    let sound = find_sound(app, guild, name)?;
    if is_preview {
        let prepared = app.player.prepare(guild, &sound).await?;
        return Ok(Media::Preview(Preview::new(prepared.ogg)));
    }
    if sound.facts().is_none() {
        app.player.prepare(None, &sound).await?;
    }
    let facts = sound.facts().ok_or(Error::Unavailable(
        "this sound has not been looked into yet, try again",
    ))?;
    Ok(Media::Waveform(Waveform {
        length_ms: facts.length_ms,
        peaks: facts.waveform.to_vec(),
    }))
}

/// Ogg Opus, whole or in part. RFC 9110, sections 13 and 14.
pub(super) struct Preview {
    ogg: Bytes,
    /// With its quotes.
    tag: String,
}

impl Preview {
    fn new(ogg: Bytes) -> Self {
        let hash = Sha256::digest(&ogg);
        let start = hash.first_chunk().copied().map_or(0, u128::from_be_bytes);
        Self {
            ogg,
            tag: format!("\"{start:032x}\""),
        }
    }
}

impl<'r> Responder<'r, 'static> for Preview {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let header = |name| sole_header(request, name);
        let is_known = header("If-None-Match").is_some_and(|tags| names(&tags, &self.tag));
        if is_known {
            return Response::build()
                .status(Status::NotModified)
                .raw_header("ETag", self.tag)
                .ok();
        }
        // A part of another content than the one that the reader has would be of no use.
        let is_same = header("If-Range").is_none_or(|tag| tag == self.tag);
        let wanted = header("Range").filter(|_| is_same);
        let total = self.ogg.len();
        let mut answer = Response::build();
        answer
            .header(ContentType::new("audio", "ogg"))
            .raw_header("Accept-Ranges", "bytes")
            .raw_header("ETag", self.tag);
        let body = match wanted.as_deref().and_then(|wanted| range(wanted, total)) {
            None => self.ogg,
            Some(Ok(part)) => {
                let Range { start, end } = part;
                let shown = format!("bytes {start}-{}/{total}", end.saturating_sub(1));
                answer
                    .status(Status::PartialContent)
                    .raw_header("Content-Range", shown);
                self.ogg.slice(start..end)
            }
            Some(Err(Outside)) => {
                let text = "the sound has no such part";
                let status = Status::RangeNotSatisfiable;
                let mut answer = render_message(status, text, request)?;
                answer.set_raw_header("Content-Range", format!("bytes */{total}"));
                return Ok(answer);
            }
        };
        answer.sized_body(body.len(), Cursor::new(body)).ok()
    }
}

/// A header's value; several are one list. RFC 9110, 5.3.
fn sole_header<'r>(request: &'r Request<'_>, name: &str) -> Option<Cow<'r, str>> {
    let mut values = request.headers().get(name);
    let first = values.next()?;
    let more: Vec<&str> = values.collect();
    if more.is_empty() {
        return Some(first.into());
    }
    Some(format!("{first}, {}", more.join(", ")).into())
}

/// Whether a list of tags has one, weak or not, or is `*`.
fn names(tags: &str, tag: &str) -> bool {
    let bare = |it: &str| it.trim().trim_start_matches("W/") == tag;
    tags.trim() == "*" || tags.split(',').any(bare)
}

/// There is nothing at the place that is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Outside;

/// The part that is asked for, out of so many bytes. What is no single range of bytes is no
/// question: the answer is the whole then. RFC 9110, 14.2.
fn range(wanted: &str, total: usize) -> Option<Result<Range<usize>, Outside>> {
    let (unit, range) = wanted.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More than fits into a number is past every end.
        is_number.then(|| text.parse().unwrap_or(usize::MAX))
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => return None,
        (Some(first), Some(last)) => first..total.min(last.saturating_add(1)),
        (Some(first), None) if last.is_empty() => first..total,
        (None, Some(last)) if first.is_empty() => total.saturating_sub(last)..total,
        _ => return None,
    };
    Some(if range.is_empty() {
        Err(Outside)
    } else {
        Ok(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_defined() {
        for (wanted, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-", 0..10),
            ("bytes=3-5", 3..6),
            ("bytes=9-", 9..10),
            ("bytes=5-99999999999999999999", 5..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("Bytes = 1-2", 1..3),
        ] {
            assert_eq!(range(wanted, 10), Some(Ok(part)), "{wanted}");
        }
        for outside in [
            "bytes=10-",
            "bytes=10-12",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(range(outside, 10), Some(Err(Outside)), "{outside}");
        }
        for other in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=2-1",
            "bytes=1-2,4-5",
            "bytes=+1-2",
            "bytes=1-2-3",
            "items=0-1",
            "bytes 0-1",
        ] {
            assert_eq!(range(other, 10), None, "{other}");
        }
        assert_eq!(range("bytes=0-", 0), Some(Err(Outside)));
    }

    #[test]
    fn a_tag_is_found_in_a_list() {
        for known in ["*", "\"a\"", "W/\"a\"", "\"b\", W/\"a\" ,\"c\""] {
            assert!(names(known, "\"a\""), "{known}");
        }
        for other in ["", "a", "\"b\"", "\"a"] {
            assert!(!names(other, "\"a\""), "{other}");
        }
    }
}
