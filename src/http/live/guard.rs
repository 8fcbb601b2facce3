//! Who opens a live channel: what its routes take as arguments, beside those of all routes.

use std::net::IpAddr;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use rocket_ws::WebSocket;

use crate::domain::tokens::Credential;
use crate::error::Error;
use crate::http::error::fail;
use crate::http::guards::{self, Charged};
use crate::ids::UserId;

/// Whoever listens, and what they showed for it. Costs no rate token; a page of another site may
/// not.
pub(in crate::http) struct Subscriber {
    pub(super) user: UserId,
    pub(super) credential: Credential,
}

/// Whoever opens a websocket: somebody who is known, or somebody who will say who it is.
pub(in crate::http) struct SocketCaller {
    pub(super) subscriber: Option<Subscriber>,
    pub(super) address: IpAddr,
}

/// A request that wants a websocket.
pub(in crate::http) struct Upgrade(pub(super) WebSocket);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Subscriber {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match subscribe(request).await {
            Ok((subscriber, _)) => Outcome::Success(subscriber),
            Err(error) => fail(request, error),
        }
    }
}

/// The caller, and whether it is known by its cookies.
async fn subscribe(request: &Request<'_>) -> Result<(Subscriber, bool), Error> {
    let app = guards::app(request)?;
    let (identity, credential, by_cookie) = guards::authenticate(app, request).await?;
    request.local_cache(|| Charged {
        user: Some(identity.user),
        ..Charged::default()
    });
    guards::check_asker(app, request)?;
    let subscriber = Subscriber {
        user: identity.user,
        credential,
    };
    Ok((subscriber, by_cookie))
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SocketCaller {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match open(request).await {
            Ok(caller) => Outcome::Success(caller),
            Err(error) => fail(request, error),
        }
    }
}

async fn open(request: &Request<'_>) -> Result<SocketCaller, Error> {
    let app = guards::app(request)?;
    let address = guards::address(app, request);
    guards::check_asker(app, request)?;
    if !guards::presents_credential(request) {
        let charged = app.limits.charge_stranger(address);
        charged.map_err(|refused| Error::Limited(refused.0))?;
        return Ok(SocketCaller {
            subscriber: None,
            address,
        });
    }
    let (subscriber, by_cookie) = subscribe(request).await?;
    if by_cookie {
        // Browsers send cookies whoever asks, and let every page open websockets.
        guards::check_page(app, request)?;
    }
    Ok(SocketCaller {
        subscriber: Some(subscriber),
        address,
    })
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Upgrade {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        const WANTED: Error = Error::Invalid("this address speaks websocket, version 13");
        match WebSocket::from_request(request).await {
            Outcome::Success(upgrade) => Outcome::Success(Self(upgrade)),
            Outcome::Error(_) | Outcome::Forward(_) => fail(request, WANTED),
        }
    }
}
