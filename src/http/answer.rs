//! Bodies as the API document has them: pretty JSON of two spaces, no newline at the end. Every
//! route answers with one of these. And what answers share: the request's id, the pages' policy.

use std::io::Cursor;

use rocket::http::{ContentType, Status};
use rocket::response::{self, Responder};
use rocket::{Request, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Nothing from elsewhere, nothing inline, in no frame.
pub(super) const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; \
     style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'";

/// A JSON body. Contract 1.
pub(super) struct Json<T>(pub(super) T);

impl<'r, T: Serialize> Responder<'r, 'static> for Json<T> {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        respond(Status::Ok, &self.0)
    }
}

/// The same for what was not there before.
pub(super) struct Created<T>(pub(super) T);

impl<'r, T: Serialize> Responder<'r, 'static> for Created<T> {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        respond(Status::Created, &self.0)
    }
}

/// An answer with a status and a JSON body.
pub(super) fn respond(status: Status, body: &impl Serialize) -> response::Result<'static> {
    // Our wire types have string keys and no failing serializer.
    let body = serde_json::to_vec_pretty(body).map_err(|_| Status::InternalServerError)?;
    Response::build()
        .status(status)
        .header(ContentType::JSON)
        // In one piece: Rocket's chunks of 4 KiB are a system call each.
        .max_chunk_size(body.len().max(1))
        .sized_body(body.len(), Cursor::new(body))
        .ok()
}

/// Part of a list: how many entries this answer has, and the entries. Seed 004.
#[derive(Serialize, ToSchema)]
pub(super) struct List<T> {
    #[schema(example = 3)]
    n: usize,
    results: Vec<T>,
}

/// A list with the length of the whole in `X-Total-Count`. Contract 4.
pub(super) struct Page<T> {
    pub(super) results: Vec<T>,
    pub(super) total: String,
}

impl<'r, T: Serialize> Responder<'r, 'static> for Page<T> {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let body = List {
            n: self.results.len(),
            results: self.results,
        };
        let mut answer = respond(Status::Ok, &body)?;
        answer.set_raw_header("X-Total-Count", self.total);
        Ok(answer)
    }
}

/// `{}`: done, and nothing to say.
#[derive(Serialize, ToSchema)]
pub(super) struct Done {}

/// The request's id. It is made once and stands in the answer, the log and a 500's body.
pub(super) fn request_id<'r>(request: &'r Request<'_>) -> &'r str {
    struct RequestId(String);
    &request.local_cache(|| RequestId(random_id())).0
}

/// Sixteen characters that need not be secret: from the thread's generator, which is quick.
fn random_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}
