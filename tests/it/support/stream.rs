//! A reader of server-sent events.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

/// A message of a stream; a comment is one without a name.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Message {
    pub name: String,
    pub id: String,
    pub data: Value,
    pub comment: String,
    pub retry_ms: Option<u64>,
}

/// An open stream.
pub struct Stream {
    answer: Response,
    unread: String,
}

impl Stream {
    /// Opens one.
    pub async fn open(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let unread = String::new();
        Self { answer, unread }
    }

    /// With its greeting read.
    pub async fn greeted(request: RequestBuilder) -> Self {
        let mut stream = Self::open(request).await;
        assert_eq!(stream.next().await.unwrap().name, "hello");
        stream
    }

    /// The next message; `None` at the end.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(end) = self.unread.find("\n\n") {
                let rest = self.unread.split_off(end + 2);
                let message = std::mem::replace(&mut self.unread, rest);
                return Some(parse(message.trim_end()));
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk());
            let chunk = chunk.await.expect("something is sent").unwrap()?;
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event of this name; what comes before it is passed over.
    pub async fn until(&mut self, name: &str) -> Message {
        loop {
            let message = self.next().await.expect("the stream goes on");
            if message.name == name {
                return message;
            }
        }
    }

    /// Checks that the stream ends, for this reason, and that nothing came before.
    pub async fn closes(mut self, reason: &str) {
        let last = self.next().await.unwrap();
        assert_eq!(
            (last.name.as_str(), &last.data),
            ("closed", &json!({"reason": reason}))
        );
        assert_eq!(self.next().await, None);
    }
}

fn parse(text: &str) -> Message {
    let mut message = Message::default();
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap();
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => value.clone_into(&mut message.comment),
            "event" => value.clone_into(&mut message.name),
            "id" => value.clone_into(&mut message.id),
            "data" => message.data = serde_json::from_str(value).unwrap(),
            "retry" => message.retry_ms = Some(value.parse().unwrap()),
            _ => panic!("{line}"),
        }
    }
    message
}
