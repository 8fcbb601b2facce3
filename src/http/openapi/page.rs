//! The page `/docs`: Swagger UI over the document, from files inside the binary.

use std::io::{self, Cursor, Read as _};

use flate2::read::GzDecoder;
use rocket::http::{ContentType, Status};
use rocket::response::{self, Responder};
use rocket::{Request, Response, get};

use crate::error::Error;

/// What the page may: its own files, the requests that are tried out, and the pictures that Swagger
/// UI's style has in itself.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const PAGE: &str = include_str!("ui/docs.html");
const START: &str = include_str!("ui/docs.js");
/// Made by `scripts/swagger-ui`, which says of which version.
const SCRIPT_GZ: &[u8] = include_bytes!("ui/swagger-ui-bundle.js.gz");
const STYLE_GZ: &[u8] = include_bytes!("ui/swagger-ui.css.gz");

/// A file of the page.
pub(in crate::http) struct DocsFile {
    kind: ContentType,
    content: Content,
}

enum Content {
    Plain(&'static str),
    Packed(&'static [u8]),
}

impl<'r> Responder<'r, 'static> for DocsFile {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut answer = Response::build();
        answer
            .header(self.kind)
            .raw_header("Content-Security-Policy", DOCS_POLICY)
            .raw_header("Cache-Control", "public, max-age=3600");
        let gz = match self.content {
            Content::Plain(text) => return answer.sized_body(text.len(), Cursor::new(text)).ok(),
            Content::Packed(gz) => gz,
        };
        answer.raw_header("Vary", "Accept-Encoding");
        if takes_gzip(request) {
            answer.raw_header("Content-Encoding", "gzip");
            return answer.sized_body(gz.len(), Cursor::new(gz)).ok();
        }
        let content = unpack(gz).map_err(|_| Status::InternalServerError)?;
        answer.sized_body(content.len(), Cursor::new(content)).ok()
    }
}

/// Whether the caller says that it unpacks gzip; no browser takes that back with `q=0`.
fn takes_gzip(request: &Request<'_>) -> bool {
    let accepted = request.headers().get("Accept-Encoding");
    let mut codings = accepted.flat_map(|value| value.split(','));
    codings.any(|coding| {
        coding
            .split(';')
            .next()
            .is_some_and(|it| it.trim() == "gzip")
    })
}

fn unpack(gz: &[u8]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    GzDecoder::new(gz).read_to_end(&mut content)?;
    Ok(content)
}

/// The API, to read and to try out.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "pages",
    security(()),
    responses((
        status = 200,
        description = "A page",
        body = String,
        content_type = "text/html; charset=utf-8"
    )),
)]
#[get("/docs")]
pub(in crate::http) fn show_docs() -> DocsFile {
    DocsFile {
        kind: ContentType::HTML,
        content: Content::Plain(PAGE),
    }
}

/// A file of that page.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    tag = "pages",
    security(()),
    params(("file" = String, Path, description = "The file's name.")),
    responses(
        (
            status = 200,
            description = "The file",
            content((String = "text/javascript"), (String = "text/css; charset=utf-8"))
        ),
        (status = 404, description = "No such file")
    ),
)]
#[get("/docs/<file>")]
pub(in crate::http) fn serve_docs_file(file: &str) -> Result<DocsFile, Error> {
    let (kind, content) = match file {
        "docs.js" => (ContentType::JavaScript, Content::Plain(START)),
        "swagger-ui-bundle.js" => (ContentType::JavaScript, Content::Packed(SCRIPT_GZ)),
        "swagger-ui.css" => (ContentType::CSS, Content::Packed(STYLE_GZ)),
        _ => return Err(Error::NotFound("not found")),
    };
    Ok(DocsFile { kind, content })
}
