//! Answers that a fault gives in place of the simulated Discord.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::protocol::cloudflare;
use crate::protocol::rate_limits::RateLimitScope;

/// An HTTP answer.
///
/// ```
/// use std::time::Duration;
/// use discord_sim::{HttpAnswer, RateLimitScope};
/// use serde_json::json;
///
/// // As Discord answers it.
/// let unavailable = HttpAnswer::status(503);
/// // As Cloudflare answers in front of it.
/// let bad_gateway = HttpAnswer::cloudflare(502);
/// // A limit that tells nonsense.
/// let limited = HttpAnswer::rate_limited(RateLimitScope::User, Duration::from_secs(1))
///     .header("retry-after", "soon")
///     .set("/retry_after", json!(-1e300));
/// # let _ = (unavailable, bad_gateway, limited);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Preset", into = "Written")]
pub struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl HttpAnswer {
    /// This status with the JSON that Discord answers it with, if it is an error.
    pub fn status(status: u16) -> HttpAnswer {
        let error = match status {
            401 => json!({ "message": "401: Unauthorized", "code": 0 }),
            403 => json!({ "message": "Missing Permissions", "code": 50013 }),
            404 => json!({ "message": "404: Not Found", "code": 0 }),
            429 => return HttpAnswer::rate_limited(RateLimitScope::User, Duration::from_secs(1)),
            500 => json!({ "message": "500: Internal Server Error", "code": 0 }),
            502 => json!({ "message": "502: Bad Gateway", "code": 0 }),
            503 => json!({ "message": "503: Service Unavailable", "code": 0 }),
            504 => json!({ "message": "504: Gateway Timeout", "code": 0 }),
            400.. => json!({ "message": status.to_string(), "code": 0 }),
            _ => return HttpAnswer::bare(status),
        };
        HttpAnswer::json(status, &error)
    }

    /// This status and nothing else: no headers and no body.
    pub fn bare(status: u16) -> HttpAnswer {
        HttpAnswer {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// This status with JSON.
    pub fn json(status: u16, body: &Value) -> HttpAnswer {
        HttpAnswer::text(status, "application/json", body.to_string())
    }

    /// This status with a page for people.
    pub fn html(status: u16, page: impl Into<String>) -> HttpAnswer {
        HttpAnswer::text(status, "text/html; charset=UTF-8", page.into())
    }

    fn text(status: u16, content_type: &str, body: String) -> HttpAnswer {
        HttpAnswer {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body,
        }
    }

    /// This status with Cloudflare's page for it. 403 and 429 are those of a ban (error
    /// 1015), which Discord imposes on addresses with too many invalid requests; add
    /// `retry-after` if it is to tell how long.
    pub fn cloudflare(status: u16) -> HttpAnswer {
        let page = match status {
            403 | 429 => cloudflare::page(1015, "You are being rate limited"),
            502 => cloudflare::page(502, "Bad gateway"),
            503 => cloudflare::page(503, "Service temporarily unavailable"),
            504 => cloudflare::page(504, "Gateway time-out"),
            520 => cloudflare::page(520, "Web server is returning an unknown error"),
            _ => cloudflare::page(status.into(), "Error"),
        };
        HttpAnswer::html(status, page).header("server", "cloudflare")
    }

    /// 429, as Discord answers requests that are too many; complete, and as if of a bucket
    /// of five.
    pub fn rate_limited(scope: RateLimitScope, retry_after: Duration) -> HttpAnswer {
        let seconds = retry_after.as_secs_f64();
        let (message, global) = match scope {
            RateLimitScope::User => ("You are being rate limited.", false),
            RateLimitScope::Global => ("You are being rate limited.", true),
            RateLimitScope::Shared => ("The resource is being rate limited.", false),
        };
        let body = json!({ "message": message, "retry_after": seconds, "global": global });
        let whole_seconds = retry_after.as_millis().div_ceil(1_000);
        let answer = HttpAnswer::json(429, &body)
            .header("retry-after", whole_seconds.to_string())
            .header("x-ratelimit-scope", scope.name());
        if global {
            return answer.header("x-ratelimit-global", "true");
        }
        answer
            .header("x-ratelimit-limit", "5")
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset-after", format!("{seconds:.3}"))
            .header("x-ratelimit-bucket", "abcd1234")
    }

    /// A redirect to somewhere else.
    pub fn redirect(status: u16, to: impl Into<String>) -> HttpAnswer {
        let body = String::new();
        let headers = vec![("location".to_owned(), to.into())];
        HttpAnswer {
            status,
            headers,
            body,
        }
    }

    /// Sets a header, in place of one of the same name.
    #[must_use]
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> HttpAnswer {
        let name = name.into();
        let mut answer = self.without_header(&name);
        answer.headers.push((name, value.into()));
        answer
    }

    /// Takes a header away.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> HttpAnswer {
        self.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// Sets a value in the JSON of the body, by its pointer such as `/retry_after`; does
    /// nothing to a body that is not JSON.
    #[must_use]
    pub fn set(mut self, pointer: &str, value: Value) -> HttpAnswer {
        if let Ok(mut body) = serde_json::from_str(&self.body) {
            set(&mut body, pointer, value);
            self.body = body.to_string();
        }
        self
    }

    /// As the answer of a server that has bodies of its own kind.
    pub(crate) fn into_response<B>(self, body: impl FnOnce(String) -> B) -> Response<B> {
        let mut response = Response::new(body(self.body));
        // What cannot be sent was refused when the fault was added.
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// Replaces the body, whatever the headers say of it.
    #[must_use]
    pub fn body(self, body: impl Into<String>) -> HttpAnswer {
        let body = body.into();
        HttpAnswer { body, ..self }
    }
}

/// Sets what a JSON pointer names; false if there is no such place.
pub(crate) fn set(root: &mut Value, pointer: &str, value: Value) -> bool {
    if pointer.is_empty() {
        *root = value;
        return true;
    }
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return false;
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    match root.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.insert(name, value);
            true
        }
        Some(Value::Array(items)) => {
            let place = name.parse().ok().and_then(|n: usize| items.get_mut(n));
            place.map(|place| *place = value).is_some()
        }
        _ => false,
    }
}

/// How JSON asks for an answer: the status and what differs from the usual one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preset {
    status: u16,
    #[serde(default)]
    by: Author,
    #[serde(default)]
    scope: Option<RateLimitScope>,
    #[serde(default)]
    retry_after_ms: Option<u64>,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    text: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Author {
    #[default]
    Discord,
    Cloudflare,
}

impl TryFrom<Preset> for HttpAnswer {
    type Error = String;

    fn try_from(preset: Preset) -> Result<HttpAnswer, String> {
        let status = preset.status;
        let limit = preset.scope.is_some() || preset.retry_after_ms.is_some();
        let mut answer = match preset.by {
            _ if limit && status != 429 => {
                return Err("scope and retry_after_ms are for status 429".to_owned());
            }
            Author::Cloudflare if limit => {
                return Err("Cloudflare knows no scope; set the header retry-after".to_owned());
            }
            Author::Cloudflare => HttpAnswer::cloudflare(status),
            Author::Discord if limit => {
                let scope = preset.scope.unwrap_or(RateLimitScope::User);
                let retry_after_ms = preset.retry_after_ms.unwrap_or(1_000);
                HttpAnswer::rate_limited(scope, Duration::from_millis(retry_after_ms))
            }
            Author::Discord => HttpAnswer::status(status),
        };
        match (preset.json, preset.text) {
            (Some(_), Some(_)) => return Err("an answer has json or text, not both".to_owned()),
            (Some(json), None) => {
                answer = answer.body(json.to_string());
                if !answer
                    .headers
                    .iter()
                    .any(|(name, _)| name == "content-type")
                {
                    answer = answer.header("content-type", "application/json");
                }
            }
            (None, Some(text)) => answer = answer.body(text),
            (None, None) => {}
        }
        for (name, value) in preset.headers {
            answer = match value {
                Value::Null => answer.without_header(&name),
                Value::String(value) => answer.header(name, value),
                other => answer.header(name, other.to_string()),
            };
        }
        Ok(answer)
    }
}

/// How an answer is shown: all of it.
#[derive(Serialize)]
struct Written {
    status: u16,
    headers: serde_json::Map<String, Value>,
    text: String,
}

impl From<HttpAnswer> for Written {
    fn from(answer: HttpAnswer) -> Written {
        let headers = answer.headers.into_iter();
        Written {
            status: answer.status,
            headers: headers.map(|(name, value)| (name, value.into())).collect(),
            text: answer.body,
        }
    }
}
