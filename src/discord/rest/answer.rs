//! What comes back from Discord, read within bounds, and what it means. Called by `rest::call`; the
//! other files of `discord` read answers with [`read`].

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::buckets::Standing;
use crate::error::{Cause, Error};

/// No answer that we read is longer; 200 guilds are about 100 kB.
const ANSWER_MAX_BYTES: usize = 4 << 20;
/// The wait where a 429 does not say one that can be read.
const WAIT_UNSAID: Duration = Duration::from_secs(5);
/// No wait is shorter: Discord has said 0 and meant otherwise.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// What is longer is nonsense; Discord's longest limits are of two days.
const WAIT_MAX_SAID: Duration = Duration::from_hours(7 * 24);
/// How long an address that Cloudflare keeps away stays away, if it does not say longer.
const BLOCK_MIN: Duration = Duration::from_mins(1);
/// Discord's names of buckets are 32 characters long.
const BUCKET_NAME_MAX_BYTES: usize = 64;

/// An answer that was read to its end.
#[derive(Debug)]
pub(in crate::discord) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It took too long.
    TimedOut,
    /// There was no connection, or it ended before the answer began.
    Unreachable(Cause),
    /// It ended in the middle of the answer.
    CutOff(Cause),
    /// The answer has more than [`ANSWER_MAX_BYTES`].
    TooLong,
    /// Discord says that something is wrong with it.
    OutOfOrder(StatusCode),
}

/// Whom a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Requests of the same bucket.
    Bucket,
    /// Requests of the same bucket, and others have used it up: not our fault.
    Shared,
    /// All requests with the same token.
    All,
}

/// What an answer means for those that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing; whether it is good news is another matter.
    Heard,
    /// The credential is not good.
    Unauthorized,
    /// Wait.
    Limited(Scope, Duration),
    /// Discord has not seen the request: Cloudflare keeps our address away.
    Blocked(Duration),
    /// Discord is out of order.
    OutOfOrder,
}

#[derive(Deserialize)]
struct Limit {
    retry_after: Option<f64>,
    #[serde(default)]
    global: bool,
}

impl Answer {
    /// Sends a request and reads what comes.
    ///
    /// # Errors
    /// [`Failure`]; 5xx are left to [`verdict`](Self::verdict).
    pub(super) async fn to(http: &Client, request: Request) -> Result<Self, Failure> {
        let answer = http.execute(request).await.map_err(Failure::of)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = match read_bounded(answer).await {
            Ok(body) => body,
            // What is refused is refused, in however few words.
            Err(_) if status.is_client_error() || status.is_server_error() => Vec::new(),
            Err(failure) => return Err(failure),
        };
        Ok(Self {
            status,
            headers,
            body,
        })
    }

    /// Its status.
    pub(in crate::discord) fn status(&self) -> StatusCode {
        self.status
    }

    /// What it says of its bucket.
    pub(super) fn standing(&self) -> Option<Standing> {
        let number = |name| self.header(name)?.parse().ok();
        let bucket = self.header("x-ratelimit-bucket").filter(|name| {
            name.len() <= BUCKET_NAME_MAX_BYTES && name.bytes().all(|byte| byte.is_ascii_graphic())
        });
        Some(Standing {
            bucket: bucket.map(ToOwned::to_owned),
            limit: number("x-ratelimit-limit")?,
            remaining: number("x-ratelimit-remaining")?,
            reset_after: seconds(self.header("x-ratelimit-reset-after")?.parse().ok()?)?,
        })
    }

    /// What it means.
    pub(super) fn verdict(&self) -> Verdict {
        match self.status {
            StatusCode::UNAUTHORIZED => Verdict::Unauthorized,
            StatusCode::TOO_MANY_REQUESTS if self.is_of_cloudflare() => self.blocked(),
            StatusCode::TOO_MANY_REQUESTS => self.limited(),
            StatusCode::FORBIDDEN if !self.body.is_empty() && self.is_of_cloudflare() => {
                self.blocked()
            }
            status if status.is_server_error() => Verdict::OutOfOrder,
            _ => Verdict::Heard,
        }
    }

    /// Whether Discord counts it against our address.
    pub(super) fn is_invalid(&self) -> bool {
        match self.verdict() {
            Verdict::Limited(scope, _) => scope != Scope::Shared,
            Verdict::Unauthorized | Verdict::Blocked(_) => true,
            _ => self.status == StatusCode::FORBIDDEN,
        }
    }

    /// Discord's own refusals are JSON, and its limits have its headers.
    fn is_of_cloudflare(&self) -> bool {
        let is_limit = self
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("x-ratelimit-"));
        !is_limit && serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_err()
    }

    fn blocked(&self) -> Verdict {
        let wait = self.retry_after().unwrap_or_default();
        Verdict::Blocked(wait.max(BLOCK_MIN))
    }

    fn limited(&self) -> Verdict {
        let limit: Option<Limit> = serde_json::from_slice(&self.body).ok();
        let is_global = self
            .header("x-ratelimit-global")
            .is_some_and(|value| value == "true")
            || limit.as_ref().is_some_and(|limit| limit.global);
        let scope = match self.header("x-ratelimit-scope") {
            Some("shared") => Scope::Shared,
            Some("global") => Scope::All,
            _ if is_global => Scope::All,
            _ => Scope::Bucket,
        };
        // The body knows fractions, the header whole seconds only.
        let said = limit.and_then(|limit| seconds(limit.retry_after?));
        let wait = said.or_else(|| self.retry_after()).unwrap_or(WAIT_UNSAID);
        Verdict::Limited(scope, wait.max(WAIT_MIN))
    }

    fn retry_after(&self) -> Option<Duration> {
        seconds(self.header(RETRY_AFTER.as_str())?.parse().ok()?)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Failure {
    fn of(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Unreachable(error.without_url().into())
        }
    }

    /// Whether another try may go better.
    pub(super) fn is_passing(&self) -> bool {
        !matches!(self, Self::TooLong)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TimedOut => Self::UpstreamTimeout("discord did not answer in time, try again"),
            Failure::Unreachable(cause) => Self::Upstream("discord cannot be reached", Some(cause)),
            Failure::CutOff(cause) => nonsense(cause),
            Failure::TooLong => nonsense("the answer is too long".into()),
            Failure::OutOfOrder(status) => Self::Upstream(
                "discord is out of order, try again",
                Some(format!("discord answered {status}").into()),
            ),
        }
    }
}

/// The body of a successful answer.
///
/// # Errors
/// 502 for an unsuccessful one, and for a body that is not what is expected.
pub(in crate::discord) fn read<T: DeserializeOwned>(answer: Answer) -> Result<T, Error> {
    if !answer.status.is_success() {
        return Err(refusal(&answer));
    }
    serde_json::from_slice(&answer.body).map_err(|error| nonsense(error.into()))
}

/// What a refusal of Discord's means. Its 401 is about our credential, never about our caller's.
pub(in crate::discord) fn refusal(answer: &Answer) -> Error {
    refused(answer.status)
}

/// The same of a status.
pub(in crate::discord) fn refused(status: StatusCode) -> Error {
    let cause = format!("discord answered {status}").into();
    Error::Upstream(Error::REFUSED, Some(cause))
}

/// Why no answer has begun.
pub(in crate::discord) fn unreached(error: reqwest::Error) -> Error {
    Failure::of(error).into()
}

/// An answer that makes no sense.
pub(in crate::discord) fn nonsense(cause: Cause) -> Error {
    Error::Upstream("discord's answer could not be read", Some(cause))
}

async fn read_bounded(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        let chunk = answer.chunk().await.map_err(|error| {
            if error.is_timeout() {
                Failure::TimedOut
            } else {
                Failure::CutOff(error.without_url().into())
            }
        })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > ANSWER_MAX_BYTES {
            return Err(Failure::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
}

/// A time as Discord writes it; `None` for what is none.
fn seconds(number: f64) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(number).ok()?;
    (time <= WAIT_MAX_SAID).then_some(time)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_wait_is_read_wherever_it_can_be() {
        const BODY: &str = r#"{"message": "slow down", "retry_after": 1.5, "global": false}"#;
        for (header, body, wait) in [
            ("2", BODY, ms(1500)),
            ("-1", BODY, ms(1500)),
            ("30", "{}", ms(30_000)),
            ("1.25", "[]", ms(1250)),
            ("30", r#"{"retry_after": -1e300}"#, ms(30_000)),
            ("abc", r#"{"retry_after": "soon"}"#, WAIT_UNSAID),
            ("1e308", r#"{"retry_after": 1e308}"#, WAIT_UNSAID),
            ("-1", "{}", WAIT_UNSAID),
            ("NaN", "{", WAIT_UNSAID),
            ("0", r#"{"retry_after": 0}"#, WAIT_MIN),
        ] {
            let headers = [("retry-after", header), ("x-ratelimit-scope", "user")];
            let verdict = answer(429, &headers, body).verdict();
            assert_eq!(
                verdict,
                Verdict::Limited(Scope::Bucket, wait),
                "{header} {body}"
            );
        }
    }

    #[test]
    fn a_limit_says_whom_it_is_for() {
        let limited = |headers: &[(&'static str, &str)], body: &str| {
            let answer = answer(429, headers, body);
            match answer.verdict() {
                Verdict::Limited(scope, _) => (scope, answer.is_invalid()),
                other => panic!("{other:?}"),
            }
        };
        let shared = [("x-ratelimit-scope", "shared")];
        assert_eq!(limited(&shared, "{}"), (Scope::Shared, false));
        let global = [("x-ratelimit-global", "true")];
        assert_eq!(limited(&global, "{}"), (Scope::All, true));
        let body = r#"{"retry_after": 1, "global": true}"#;
        assert_eq!(limited(&[], body), (Scope::All, true));
        assert_eq!(limited(&[], "{}"), (Scope::Bucket, true));
        // Cut off in the middle, but Discord's.
        let cut = [("x-ratelimit-scope", "user")];
        assert_eq!(limited(&cut, r#"{"mess"#), (Scope::Bucket, true));
    }

    #[test]
    fn pages_are_of_cloudflare() {
        let page = "<html>error code: 1015</html>";
        for (status, headers, wait) in [
            (429, &[("retry-after", "3600")][..], ms(3_600_000)),
            (403, &[("retry-after", "5")], BLOCK_MIN),
            (429, &[("retry-after", "abc")], BLOCK_MIN),
        ] {
            assert_eq!(
                answer(status, headers, page).verdict(),
                Verdict::Blocked(wait)
            );
        }
        let refused = answer(403, &[], r#"{"code": 50001}"#);
        assert_eq!(refused.verdict(), Verdict::Heard);
        assert!(refused.is_invalid());
        assert!(!answer(404, &[], page).is_invalid());
        assert_eq!(answer(503, &[], page).verdict(), Verdict::OutOfOrder);
    }

    #[test]
    fn only_a_whole_standing_is_believed() {
        let told = |reset: &str, bucket: &str| {
            let headers = [
                ("x-ratelimit-limit", "5"),
                ("x-ratelimit-remaining", "4"),
                ("x-ratelimit-reset-after", reset),
                ("x-ratelimit-bucket", bucket),
            ];
            answer(200, &headers, "").standing()
        };
        let standing = told("1.250", "abcd").unwrap();
        assert_eq!(standing.bucket.as_deref(), Some("abcd"));
        assert_eq!((standing.limit, standing.remaining), (5, 4));
        assert_eq!(standing.reset_after, ms(1250));
        assert_eq!(told("1.250", &"x".repeat(65)).unwrap().bucket, None);
        for nonsense in ["", "-1", "1e308", "inf", "soon"] {
            assert_eq!(told(nonsense, "abcd"), None);
        }
    }
}
