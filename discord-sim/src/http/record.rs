//! What surrounds each request to OAuth and REST: who asks for what, and the record of it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use super::connection::Entrance;
use crate::faults::requests::{parts, resource};
use crate::protocol::rate_limits::RateLimitScope;
use crate::state::limits::{Account, Call};
use crate::state::{Authorization, RequestRecord, Shared};

/// What happened to a request on its way; an extension of its answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    pub(super) bucket: Option<String>,
    pub(super) limited: Option<RateLimitScope>,
    /// Whether Cloudflare has answered in Discord's place.
    pub(super) banned: bool,
}

/// Records requests to the simulated Discord, not those to the simulator itself.
pub(super) async fn record(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/api") && !path.starts_with("/oauth2") {
        return next.run(request).await;
    }
    let call = call(&shared, &request);
    request.extensions_mut().insert(call.clone());
    let path = request
        .uri()
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let authorization = Authorization::of(credential(&request));
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let fate = response
        .extensions_mut()
        .remove::<Fate>()
        .unwrap_or_default();
    let unshared = fate.limited != Some(RateLimitScope::Shared);
    let invalid = matches!(status, 401 | 403 | 429) && unshared && !fate.banned;
    shared.change(|state| {
        let at_ms = state.now_ms();
        if invalid {
            state.limiter.count_invalid(call.address, at_ms);
        }
        state.record(RequestRecord {
            method: call.method,
            path,
            authorization,
            status,
            bucket: fate.bucket,
            limited: fate.limited,
            at_ms,
        });
    });
    response
}

fn call(shared: &Shared, request: &Request) -> Call {
    let entrance = request.extensions().get::<Entrance>();
    let address = entrance.map_or(IpAddr::from(Ipv4Addr::LOCALHOST), |entrance| {
        entrance.address
    });
    let template = request.extensions().get::<MatchedPath>();
    Call {
        account: account(shared, credential(request), address),
        address,
        method: request.method().to_string(),
        path: resource(request.uri().path()).to_owned(),
        template: template.map(|template| nameless(template.as_str())),
    }
}

/// A route's template without the version and the names of its parameters.
fn nameless(template: &str) -> String {
    let mut path = String::new();
    for part in parts(resource(template)) {
        path.push('/');
        path.push_str(if part.starts_with('{') { "{}" } else { part });
    }
    path
}

fn credential(request: &Request) -> Option<&str> {
    let header = request.headers().get(header::AUTHORIZATION);
    header.and_then(|value| value.to_str().ok())
}

fn account(shared: &Shared, credential: Option<&str>, address: IpAddr) -> Account {
    let known = credential
        .and_then(|value| value.split_once(' '))
        .and_then(|(scheme, token)| {
            shared.read(|state| match scheme {
                "Bot" => state.find_bot(token).map(|bot| Account::Bot(bot.id)),
                "Bearer" => {
                    let token = state.grants.find_access(token, state.now_ms())?;
                    Some(Account::User {
                        application: token.consent.application,
                        user: token.consent.user,
                    })
                }
                _ => None,
            })
        });
    known.unwrap_or(Account::Address(address))
}

#[cfg(test)]
mod tests {
    use super::nameless;

    #[test]
    fn templates_differ_by_their_routes_only() {
        let template = "/api/v10/webhooks/{application}/{token}/messages/@original";
        assert_eq!(nameless(template), "/webhooks/{}/{}/messages/@original");
    }
}
