//! A guild's own sounds as one archive, for those who manage it: all originals, with who brought
//! them, are more than the previews that every member may hear.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use rocket::http::ContentType;
use rocket::response::{self, Responder};
use rocket::tokio::io::{AsyncRead, ReadBuf};
use rocket::{Request, Response, get};

use crate::domain::archives::Export;
use crate::error::Error;
use crate::http::guards::{AppState, Caller};
use crate::http::openapi::{Binary, GuildPath};
use crate::ids::{GuildId, NotASnowflake};

/// How much of an answer is written at once.
const CHUNK_BYTES: usize = 64 << 10;

/// An archive, sent while it is written.
pub(in crate::http) struct Download(Export);

/// All of a guild's own sounds as one zip with a manifest, for those who manage the guild.
#[utoipa::path(
    get,
    path = "/api/guilds/{guild}/sounds/export",
    tag = "sounds",
    params(GuildPath),
    responses(
        (
            status = 200,
            description = "The archive",
            body = Binary,
            content_type = "application/zip",
            headers(("Content-Disposition" = String, description = "What it is called"))
        ),
        (status = 409, description = "Another archive of the guild is on its way")
    ),
)]
#[get("/api/guilds/<guild>/sounds/export")]
pub(in crate::http) async fn export_sounds(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Download, Error> {
    let details = app.guilds.check_manager(guild?, caller.user()).await?;
    app.archives.export(details.guild).map(Download)
}

impl<'r> Responder<'r, 'static> for Download {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let shown = format!("attachment; filename=\"{}\"", self.0.file_name);
        let body = Body {
            export: self.0,
            piece: Bytes::new(),
        };
        Response::build()
            .header(ContentType::ZIP)
            .raw_header("Content-Disposition", shown)
            .max_chunk_size(CHUNK_BYTES)
            .streamed_body(body)
            .ok()
    }
}

/// Reads an archive piece by piece.
struct Body {
    export: Export,
    piece: Bytes,
}

impl AsyncRead for Body {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.piece.is_empty() {
            match ready!(self.export.pieces.poll_recv(context)) {
                Some(piece) => self.piece = piece,
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.piece.len().min(buffer.remaining());
        buffer.put_slice(&self.piece.split_to(length));
        Poll::Ready(Ok(()))
    }
}
