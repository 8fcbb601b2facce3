//! `GET /events`: server-sent events, for the web page and whoever likes plain HTTP. A reader that
//! comes back with `Last-Event-ID` hears what came meanwhile. Contract 9.

use std::time::Duration;

use rocket::futures::stream::{BoxStream, StreamExt as _, once, unfold};
use rocket::http::ContentType;
use rocket::request::{FromRequest, Outcome};
use rocket::response::stream::ByteStream;
use rocket::response::{self, Responder};
use rocket::{Request, Shutdown, get};
use serde::Serialize;

use super::guard::Subscriber;
use super::wire::{describe, json};
use crate::app::App;
use crate::clock::Clock;
use crate::domain::events::{End, Feed, Mark, News, Published, Scope};
use crate::error::Error;
use crate::http::error::fail;
use crate::http::guards::AppState;
use crate::http::query::{self, InGuild};
use crate::ids::GuildId;

/// How long a reader waits before it comes back.
const RETRY: Duration = Duration::from_secs(3);
/// After so long without an event a comment shows both sides that the other is there.
const PING_EVERY: Duration = Duration::from_secs(15);

/// What a reader wants to hear.
pub(in crate::http) struct Wanted {
    scope: Scope,
    after: Option<Mark>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Wanted {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        const GUILD: Error = Error::Invalid("guild must be the id of a guild");
        let guild = match query::find(request, "guild") {
            Ok(None) => Ok(Scope::Everything),
            Ok(Some(text)) => match text.parse::<GuildId>() {
                Ok(guild) => Ok(Scope::Guild(guild)),
                Err(_) => Err(GUILD),
            },
            Err(query::Twice) => Err(GUILD),
        };
        let last = request.headers().get_one("Last-Event-ID");
        let after = match last.filter(|text| !text.is_empty()).map(str::parse) {
            None => Ok(None),
            Some(Ok(mark)) => Ok(Some(mark)),
            Some(Err(_)) => Err(Error::Invalid("Last-Event-ID must be the id of an event")),
        };
        match guild.and_then(|scope| after.map(|after| Self { scope, after })) {
            Ok(wanted) => Outcome::Success(wanted),
            Err(error) => fail(request, error),
        }
    }
}

/// A stream of messages, each whole: Rocket's own type hands every line of them over by itself.
/// Proxies do not hold it back.
pub(in crate::http) struct Stream(BoxStream<'static, String>);

impl<'r> Responder<'r, 'r> for Stream {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let mut answer = ByteStream(self.0).respond_to(request)?;
        answer.set_header(ContentType::EventStream);
        answer.set_raw_header("Cache-Control", "no-cache");
        answer.set_raw_header("Expires", "0");
        answer.set_raw_header("X-Accel-Buffering", "no");
        Ok(answer)
    }
}

/// What happens in one guild, or in all of the caller's, as it happens.
#[utoipa::path(
    get,
    path = "/events",
    tag = "live",
    params(
        InGuild,
        (
            "Last-Event-ID" = Option<String>,
            Header,
            description = "The id of the last event that was heard: what came meanwhile is told."
        )
    ),
    responses(
        (
            status = 200,
            description = "Events, until either side ends",
            body = String,
            content_type = "text/event-stream"
        )
    ),
)]
#[get("/events")]
pub(in crate::http) async fn stream_events(
    app: &AppState,
    subscriber: Subscriber,
    wanted: Wanted,
    shutdown: Shutdown,
) -> Result<Stream, Error> {
    let feed = open(app, &subscriber, &wanted).await?;
    let greeting = format!(
        "retry:{}\nid:{}\n{}",
        RETRY.as_millis(),
        feed.begins_after,
        news("hello", "{}")
    );
    let reader = Reader {
        feed,
        clock: app.clock.clone(),
        shutdown,
    };
    let messages = unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        let (message, is_last) = reader.next().await;
        Some((message, (!is_last).then_some(reader)))
    });
    Ok(Stream(once(async { greeting }).chain(messages).boxed()))
}

async fn open(app: &App, subscriber: &Subscriber, wanted: &Wanted) -> Result<Feed, Error> {
    if let Scope::Guild(guild) = wanted.scope {
        app.guilds.check_member(guild, subscriber.user).await?;
    }
    let Subscriber { user, credential } = subscriber;
    app.feeds
        .open(*user, *credential, wanted.scope, wanted.after)
}

struct Reader {
    feed: Feed,
    clock: Clock,
    shutdown: Shutdown,
}

impl Reader {
    /// The next message, and whether it is the last.
    async fn next(&mut self) -> (String, bool) {
        let ping_at = self.clock.monotonic() + PING_EVERY;
        tokio::select! {
            biased;
            () = &mut self.shutdown => (closed("shutdown"), true),
            next = self.feed.next() => match next {
                Ok(News::Event(event)) => (message(&event), false),
                Ok(News::Missed) => (news("missed", "{}"), false),
                Err(End::Slow) => (closed("slow"), true),
                Err(End::Revoked) => (closed("revoked"), true),
            },
            () = self.clock.sleep_until(ping_at) => (":ping\n\n".to_owned(), false),
        }
    }
}

fn message(event: &Published) -> String {
    let (name, data) = describe(&event.event);
    format!("id:{}\n{}", event.mark, news(name, &json(&data)))
}

fn closed(reason: &'static str) -> String {
    #[derive(Serialize)]
    struct Closed {
        reason: &'static str,
    }
    news("closed", &json(&Closed { reason }))
}

/// A message without an id. Both are one line: names are ours, and JSON escapes line ends.
fn news(name: &str, data: &str) -> String {
    format!("event:{name}\ndata:{data}\n\n")
}
