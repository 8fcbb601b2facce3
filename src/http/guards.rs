//! Who is calling, from where, and whether they may: what routes take as arguments. A route that
//! takes [`Caller`] cannot run for a stranger, nor for a caller without a rate token.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rocket::data::{Data, FromData, Outcome as DataOutcome, ToByteUnit};
use rocket::http::{Cookie, Method, Status};
use rocket::request::{FromParam, FromRequest, Outcome};
use rocket::{Request, State};
use serde::de::DeserializeOwned;

use super::error::fail;
use crate::app::App;
use crate::db::tokens::Kind;
use crate::domain::limits::{Budget, Refused};
use crate::domain::tokens::{Credential, Identity};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, NotASnowflake, UserId};

/// Longest credential that is decoded: 19 digits, a colon and 64 characters are 112 in base64.
const BASIC_MAX_BYTES: usize = 200;

/// Whom the request was charged to, for the headers of its answer.
#[derive(Default)]
pub(super) struct Charged {
    pub(super) user: Option<UserId>,
    pub(super) budget: Option<Budget>,
    /// Of a session, whose user is its bot: a short hash of its id.
    pub(super) session: Option<String>,
}

/// An authenticated caller who has paid for this request.
pub(super) struct Caller(pub(super) Identity);

impl Caller {
    /// The caller's user id.
    pub(super) fn user(&self) -> UserId {
        self.0.user
    }
}

/// A visitor of a page: the login of their cookies, if it is good. Costs no rate token.
pub(super) struct Visitor {
    pub(super) session: Option<Identity>,
}

/// Somebody who logs out: from the session of a Bearer header, for a rate token like any request
/// with one; or from that of the cookies, if it still lives, on one of our own pages.
pub(super) struct Leaver {
    pub(super) session: Option<Identity>,
    pub(super) by_cookie: bool,
}

/// Somebody who comes back from Discord without a cookie of ours: counted by address, as a
/// stranger and as the start of a login.
pub(super) struct Newcomer;

/// Where the request comes from: the peer, or what a trusted proxy says about it.
pub(super) struct Address(pub(super) IpAddr);

pub(super) fn app<'r>(request: &'r Request<'_>) -> Result<&'r Arc<App>, Error> {
    let app = request.rocket().state::<Arc<App>>();
    app.ok_or_else(|| Error::internal("the application is not managed"))
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Caller {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match charge(request).await {
            Ok(identity) => Outcome::Success(Self(identity)),
            Err(error) => fail(request, error),
        }
    }
}

/// The user who is calling and has paid for this request.
pub(super) async fn charge(request: &Request<'_>) -> Result<Identity, Error> {
    let app = app(request)?;
    let (identity, _, by_cookie) = authenticate(app, request).await?;
    pay(app, request, identity.user, None)?;
    if by_cookie {
        check_origin(app, request)?;
    }
    Ok(identity)
}

/// Takes one token of a known caller's, and leaves for the answer what is left of them. Of a session
/// the caller is its bot, and its short hash is for the log.
pub(super) fn pay(
    app: &App,
    request: &Request<'_>,
    user: UserId,
    session: Option<String>,
) -> Result<(), Error> {
    let charged = app.limits.charge(user);
    let budget = charged.unwrap_or_else(|refused| refused);
    request.local_cache(|| Charged {
        user: Some(user),
        budget: Some(budget),
        session,
    });
    match charged {
        Ok(_) => Ok(()),
        Err(refused) => Err(Error::Limited(Duration::from_millis(refused.reset_ms))),
    }
}

/// Finds out who is calling. A present `Authorization` header alone decides. Contract 2.
pub(super) async fn authenticate(
    app: &App,
    request: &Request<'_>,
) -> Result<(Identity, Credential, bool), Error> {
    let by_cookie = !request.headers().contains("Authorization");
    let presented = presents_credential(request);
    if by_cookie && presented {
        check_asker(app, request)?;
    }
    let credential = if by_cookie {
        cookie_credential(request)
    } else {
        header_credential(app, request)
    };
    let address = address(app, request);
    let identity = verify(app, address, credential.as_ref(), presented).await?;
    let credential = credential.ok_or(Error::Unauthorized)?;
    Ok((identity, credential, by_cookie))
}

/// Whether there is something that could be a credential, good or not.
pub(super) fn presents_credential(request: &Request<'_>) -> bool {
    request.headers().contains("Authorization")
        || cookies(request).any(|cookie| cookie.name() == "token")
}

/// Verifies a credential: from memory for nothing, else from the database for one of the requests
/// that the address has as a stranger's. A failure counts when something was `presented`; after
/// too many, nothing that the address presents is looked up for a while.
pub(super) async fn verify(
    app: &App,
    address: IpAddr,
    credential: Option<&Credential>,
    presented: bool,
) -> Result<Identity, Error> {
    if let Some(identity) = credential.and_then(|known| app.tokens.recall(known)) {
        return Ok(identity);
    }
    let limited = |refused: Refused| Error::Limited(refused.0);
    app.limits.charge_stranger(address).map_err(limited)?;
    if presented {
        app.limits.check_failures(address).map_err(limited)?;
    }
    let verified = match credential {
        Some(credential) => app.tokens.verify(credential).await,
        None => Err(Error::Unauthorized),
    };
    if presented && matches!(verified, Err(Error::Unauthorized)) {
        app.limits.charge_failure(address).map_err(limited)?;
    }
    verified
}

/// What the only `Authorization` header presents.
fn header_credential(app: &App, request: &Request<'_>) -> Option<Credential> {
    if let Some(token) = bearer(request) {
        return app.jwe.open(token)?.credential();
    }
    basic_credential(authorization(request, "basic")?)
}

/// What a client says of itself inside a live channel: an API token with its user's id, or a token
/// of the Bearer header alone.
pub(super) fn told_credential(app: &App, user_id: &str, token: &str) -> Option<Credential> {
    if user_id.is_empty() {
        return app.jwe.open(token)?.credential();
    }
    Credential::new(user_id.parse().ok()?, token, Kind::Api)
}

/// `Authorization: Bearer <JWE>`. Seed 002.
pub(super) fn bearer<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    authorization(request, "bearer")
}

/// What stands behind a scheme in the header, if there is one header and it has this scheme.
fn authorization<'r>(request: &'r Request<'_>, scheme: &str) -> Option<&'r str> {
    let mut values = request.headers().get("Authorization");
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (presented, rest) = value.split_once(' ')?;
    presented.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// `Authorization: Basic base64(userid:token)`. Seed 004, Authentication I.
fn basic_credential(encoded: &str) -> Option<Credential> {
    if encoded.len() > BASIC_MAX_BYTES {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, token) = decoded.split_once(':')?;
    Credential::new(user.parse().ok()?, token, Kind::Api)
}

/// The cookies `userid` and `token`. Seed 004, Authentication II. One that is sent twice, as a
/// sibling domain can arrange, is none.
fn cookie_credential(request: &Request<'_>) -> Option<Credential> {
    let user = sole_cookie(request, "userid")?.value().parse().ok()?;
    Credential::new(user, sole_cookie(request, "token")?.value(), Kind::Session)
}

/// The cookie of this name, if there is one and not two.
fn sole_cookie<'r>(request: &'r Request<'_>, name: &str) -> Option<Cookie<'r>> {
    let mut named = cookies(request).filter(|cookie| cookie.name() == name);
    named.next().filter(|_| named.next().is_none())
}

/// All cookies as they were sent, names decoded like Rocket does: its jar keeps one of each.
fn cookies<'r>(request: &'r Request<'_>) -> impl Iterator<Item = Cookie<'r>> {
    let headers = request.headers().get("Cookie");
    headers
        .flat_map(Cookie::split_parse_encoded)
        .filter_map(Result::ok)
}

/// Cookies are sent by the browser whoever asks it to: a request that changes something must show
/// that one of our pages, or an allowed one, has asked. Contract 2.
fn check_origin(app: &App, request: &Request<'_>) -> Result<(), Error> {
    if matches!(
        request.method(),
        Method::Get | Method::Head | Method::Options
    ) {
        return Ok(());
    }
    check_page(app, request)
}

/// Passes for requests of our own pages and of those that are allowed.
pub(super) fn check_page(app: &App, request: &Request<'_>) -> Result<(), Error> {
    let is_allowed = sole_origin(request)
        .is_some_and(|origin| is_listed(app, origin) || origin == app.config.public_url.origin());
    let site = request.headers().get_one("Sec-Fetch-Site");
    if is_allowed || site == Some("same-origin") {
        return Ok(());
    }
    Err(Error::Forbidden("forbidden"))
}

/// Passes where no page of another site has asked, whatever the method. Cookies of a visitor are
/// neither looked up nor charged for a page that may not ask: it cannot spend their requests.
pub(super) fn check_asker(app: &App, request: &Request<'_>) -> Result<(), Error> {
    // Browsers name no origin when an own page reads, nor when an address is opened.
    if request.headers().contains("Origin") {
        check_page(app, request)?;
    }
    Ok(())
}

/// The origin that the request names, if it names one and not two.
pub(super) fn sole_origin<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let mut named = request.headers().get("Origin");
    named.next().filter(|_| named.next().is_none())
}

/// Whether the configuration lists an origin, to the letter. Contract 8.
pub(super) fn is_listed(app: &App, origin: &str) -> bool {
    let mut listed = app.config.http.cors_origins.iter();
    listed.any(|listed| listed == origin)
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Leaver {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match leave(request).await {
            Ok(leaver) => Outcome::Success(leaver),
            Err(error) => fail(request, error),
        }
    }
}

async fn leave(request: &Request<'_>) -> Result<Leaver, Error> {
    let by_cookie = !request.headers().contains("Authorization");
    let session = if by_cookie {
        check_origin(app(request)?, request)?;
        visit(request).await?.session
    } else {
        // An API token is no session.
        bearer(request).ok_or(Error::Unauthorized)?;
        Some(charge(request).await?)
    };
    Ok(Leaver { session, by_cookie })
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Newcomer {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let charged = app(request).and_then(|app| {
            let address = address(app, request);
            let limits = &app.limits;
            let charged = limits.charge_stranger(address);
            let charged = charged.and_then(|()| limits.charge_oauth(address));
            charged.map_err(|refused| Error::Limited(refused.0))
        });
        match charged {
            Ok(()) => Outcome::Success(Self),
            Err(error) => fail(request, error),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match visit(request).await {
            Ok(visitor) => Outcome::Success(visitor),
            Err(error) => fail(request, error),
        }
    }
}

async fn visit(request: &Request<'_>) -> Result<Visitor, Error> {
    let app = app(request)?;
    let has_header = request.headers().contains("Authorization");
    let credential = cookie_credential(request).filter(|_| !has_header);
    if credential.is_some() {
        check_asker(app, request)?;
    }
    let session = match &credential {
        None => None,
        Some(credential) => {
            match verify(app, address(app, request), Some(credential), true).await {
                Ok(identity) => Some(identity),
                Err(Error::Unauthorized) => None,
                Err(error) => return Err(error),
            }
        }
    };
    if let Some(identity) = session {
        request.local_cache(|| Charged {
            user: Some(identity.user),
            ..Charged::default()
        });
    }
    Ok(Visitor { session })
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Address {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match app(request) {
            Ok(app) => Outcome::Success(Self(address(app, request))),
            Err(error) => fail(request, error),
        }
    }
}

/// The right-most address of `X-Forwarded-For` that is no trusted proxy's own, if the peer is one.
pub(super) fn address(app: &App, request: &Request<'_>) -> IpAddr {
    let peer = request
        .remote()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |remote| remote.ip());
    let peer = peer.to_canonical();
    let is_trusted = |address: &IpAddr| {
        app.config
            .http
            .trusted_proxies
            .iter()
            .any(|network| network.contains(address))
    };
    if !is_trusted(&peer) {
        return peer;
    }
    let hops: Vec<&str> = request
        .headers()
        .get("X-Forwarded-For")
        .flat_map(|value| value.split(','))
        .collect();
    for hop in hops.into_iter().rev() {
        match parse_hop(hop.trim()) {
            Some(address) if is_trusted(&address) => {}
            Some(address) => return address,
            // What stands further left may be anybody's invention.
            None => return peer,
        }
    }
    peer
}

/// An address of `X-Forwarded-For`; some proxies write the port with it.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse::<SocketAddr>().map(|hop| hop.ip());
    let address = hop.parse::<IpAddr>().or_else(|_| with_port());
    address.ok().map(|address| address.to_canonical())
}

macro_rules! path_id {
    ($($id:ident),*) => {$(
        impl FromParam<'_> for $id {
            type Error = NotASnowflake;

            fn from_param(segment: &str) -> Result<Self, NotASnowflake> {
                segment.parse()
            }
        }
    )*};
}

path_id!(GuildId, ChannelId, UserId);

/// A JSON body of at most 64 KiB.
pub(super) struct Body<T>(pub(super) T);

/// The same where there need be none, of whatever type that is.
pub(super) struct OptionalBody<T>(pub(super) Option<T>);

#[rocket::async_trait]
impl<'r, T: DeserializeOwned> FromData<'r> for Body<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> DataOutcome<'r, Self> {
        if !is_json(request) {
            return DataOutcome::Error((Status::UnsupportedMediaType, ()));
        }
        let body = read(request, data).await.and_then(|bytes| parse(&bytes));
        match body {
            Ok(body) => DataOutcome::Success(Self(body)),
            Err(status) => DataOutcome::Error((status, ())),
        }
    }
}

#[rocket::async_trait]
impl<'r, T: DeserializeOwned> FromData<'r> for OptionalBody<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> DataOutcome<'r, Self> {
        let body = match read(request, data).await {
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(_) if !is_json(request) => Err(Status::UnsupportedMediaType),
            Ok(bytes) => parse(&bytes),
            Err(status) => Err(status),
        };
        match body {
            Ok(body) => DataOutcome::Success(Self(body)),
            Err(status) => DataOutcome::Error((status, ())),
        }
    }
}

fn is_json(request: &Request<'_>) -> bool {
    let kind = request.content_type();
    kind.is_some_and(|kind| kind.is_json())
}

async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Vec<u8>, Status> {
    let limit = request.limits().get("json").unwrap_or(64.kibibytes());
    match data.open(limit).into_bytes().await {
        Ok(bytes) if bytes.is_complete() => Ok(bytes.into_inner()),
        Ok(_) => Err(Status::PayloadTooLarge),
        Err(_) => Err(Status::BadRequest),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Status> {
    serde_json::from_slice(bytes).map_err(|_| Status::BadRequest)
}

/// What handlers take to reach the application.
pub(super) type AppState = State<Arc<App>>;
