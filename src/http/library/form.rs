//! Forms with files (`multipart/form-data`, RFC 7578), read as they come: what is in memory of one
//! is a few pieces, however long it is.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, mem};

use bytes::Bytes;
use multer::{Field, Multipart};
use rocket::Request;
use rocket::data::DataStream;
use rocket::futures::Stream;
use rocket::request::{FromRequest, Outcome};
use rocket::tokio::io::{AsyncRead as _, AsyncReadExt as _, ReadBuf};

use crate::clock::Clock;
use crate::error::Error;
use crate::http::error::fail;

/// How much is read at once.
const PIECE_BYTES: usize = 16 << 10;
/// What may come before a part's content: the line between parts, and its headers.
const HEADERS_MAX_BYTES: usize = 32 << 10;
/// Longest part that is a text.
const TEXT_MAX_BYTES: usize = 4 << 10;
/// How long a sender may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What all of a form is beside its file, at most.
pub(super) const OVERHEAD_BYTES: u64 = 64 << 10;

/// A request whose body is a form with files.
pub(in crate::http) struct Form {
    boundary: String,
    /// Its whole length in bytes, where it is said.
    pub(super) length: Option<u64>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Form {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match form(request) {
            Ok(form) => Outcome::Success(form),
            Err(error) => fail(request, error),
        }
    }
}

fn form(request: &Request<'_>) -> Result<Form, Error> {
    let header = |name| request.headers().get_one(name);
    if header("Content-Encoding").is_some_and(|it| !it.eq_ignore_ascii_case("identity")) {
        return Err(Error::Unsupported("the body must not be compressed".into()));
    }
    let boundary = multer::parse_boundary(header("Content-Type").unwrap_or_default());
    let kind = |_| Error::Unsupported("the body must be multipart/form-data".into());
    Ok(Form {
        boundary: boundary.map_err(kind)?,
        length: header("Content-Length").and_then(|length| length.parse().ok()),
    })
}

/// The parts of a form, one after the other.
pub(super) struct Parts<'r> {
    form: Multipart<'r>,
    unseen: Arc<AtomicUsize>,
    clock: &'r Clock,
}

impl<'r> Parts<'r> {
    pub(super) fn new(form: Form, body: &'r mut DataStream<'_>, clock: &'r Clock) -> Self {
        let unseen = Arc::<AtomicUsize>::default();
        let pieces = Pieces {
            body,
            unseen: Arc::clone(&unseen),
            is_resting: false,
        };
        Self {
            form: Multipart::new(pieces, form.boundary),
            unseen,
            clock,
        }
    }

    /// The next part; the one before has been read or is passed over.
    ///
    /// # Errors
    /// 400 for what is no form, ends too early or stops coming.
    pub(super) async fn next(&mut self) -> Result<Option<Field<'r>>, Error> {
        let next = heard(self.clock, self.form.next_field()).await;
        self.unseen.store(0, Ordering::Relaxed);
        next
    }

    /// More of a part's content.
    ///
    /// # Errors
    /// As for [`next`](Self::next).
    pub(super) async fn chunk(&self, part: &mut Field<'r>) -> Result<Option<Bytes>, Error> {
        let chunk = heard(self.clock, part.chunk()).await;
        self.unseen.store(0, Ordering::Relaxed);
        chunk
    }

    /// All of a part that is a text.
    ///
    /// # Errors
    /// As for [`next`](Self::next); 413 for more than 4 KiB, 400 for what is no text.
    pub(super) async fn text(&self, part: &mut Field<'r>) -> Result<String, Error> {
        let mut text = Vec::new();
        while let Some(chunk) = self.chunk(part).await? {
            text.extend_from_slice(&chunk);
            if text.len() > TEXT_MAX_BYTES {
                return Err(Error::TooLarge("a text may have 4 KiB at most".into()));
            }
        }
        String::from_utf8(text).map_err(|_| Error::Invalid("a text must be UTF-8"))
    }
}

/// What comes of waiting for a sender, who may not be silent for too long.
async fn heard<T>(
    clock: &Clock,
    coming: impl Future<Output = Result<T, multer::Error>>,
) -> Result<T, Error> {
    let until = clock.monotonic() + SILENCE_MAX;
    rocket::tokio::select! {
        come = coming => come.map_err(|error| unread(&error)),
        () = clock.sleep_until(until) => Err(Error::Invalid("nothing has come for 30 seconds")),
    }
}

fn unread(error: &multer::Error) -> Error {
    match error {
        multer::Error::IncompleteStream | multer::Error::IncompleteFieldData { .. } => {
            Error::Invalid("the body ends too early")
        }
        _ => Error::Invalid("the body is not well-formed multipart/form-data"),
    }
}

/// Takes what still comes, as much as the body may have, so that the sender gets to reading why it
/// was refused.
pub(super) async fn drain(body: &mut DataStream<'_>, clock: &Clock) {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let until = clock.monotonic() + SILENCE_MAX;
        rocket::tokio::select! {
            read = body.read(&mut piece) => if !matches!(read, Ok(1..)) { return },
            () = clock.sleep_until(until) => return,
        }
    }
}

/// A body in pieces. The parser takes all that it is given before it hands anything on, so it is
/// given one at a time; and it keeps a part's headers until they end, so they must.
struct Pieces<'a, 'r> {
    body: &'a mut DataStream<'r>,
    /// Bytes since the parser has handed anything on.
    unseen: Arc<AtomicUsize>,
    /// Whether it has been given one just now.
    is_resting: bool,
}

impl Stream for Pieces<'_, '_> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if mem::take(&mut self.is_resting) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut piece = vec![0; PIECE_BYTES];
        let mut buffer = ReadBuf::new(&mut piece);
        let read = Pin::new(&mut *self.body).poll_read(context, &mut buffer);
        let length = buffer.filled().len();
        match read {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(Ok(())) if length == 0 => return Poll::Ready(None),
            Poll::Ready(Ok(())) => {}
        }
        let unseen = self.unseen.fetch_add(length, Ordering::Relaxed) + length;
        if unseen > HEADERS_MAX_BYTES + PIECE_BYTES {
            let error = io::Error::other("a part's headers do not end");
            return Poll::Ready(Some(Err(error)));
        }
        self.is_resting = true;
        piece.truncate(length);
        Poll::Ready(Some(Ok(Bytes::from(piece))))
    }
}
