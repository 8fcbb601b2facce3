//! What surrounds each request to OAuth and REST: who asks for what, and the record of it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use super::connection::Entrance;
use super::deliver::Script;
use crate::faults::FaultId;
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

/// The faults that have struck a request so far; an extension of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Struck(Arc<Mutex<Vec<FaultId>>>);

impl Struck {
    pub(super) fn add(&self, fault: FaultId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(fault);
    }

    fn take(&self) -> Vec<FaultId> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request that will be recorded, also if its client gives up before the answer.
struct Pending {
    shared: Arc<Shared>,
    call: Call,
    path: String,
    authorization: Authorization,
    struck: Struck,
    status: Option<u16>,
    invalid: bool,
    fate: Fate,
}

impl Drop for Pending {
    fn drop(&mut self) {
        let fate = std::mem::take(&mut self.fate);
        self.shared.change(|state| {
            let at_ms = state.now_ms();
            if self.invalid {
                state.limiter.count_invalid(self.call.address, at_ms);
            }
            state.record(RequestRecord {
                method: std::mem::take(&mut self.call.method),
                path: std::mem::take(&mut self.path),
                authorization: self.authorization,
                status: self.status,
                bucket: fate.bucket,
                limited: fate.limited,
                faults: self.struck.take(),
                at_ms,
            });
        });
    }
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
    let path = request.uri().path_and_query();
    let mut pending = Pending {
        path: path.map(ToString::to_string).unwrap_or_default(),
        authorization: Authorization::of(credential(&request)),
        call: call.clone(),
        shared,
        struck: Struck::default(),
        status: None,
        invalid: false,
        fate: Fate::default(),
    };
    request.extensions_mut().insert(call);
    request.extensions_mut().insert(pending.struck.clone());
    let mut response = next.run(request).await;
    let fate = response.extensions_mut().remove::<Fate>();
    pending.fate = fate.unwrap_or_default();
    if !matches!(response.extensions().get(), Some(Script::Cut(_))) {
        let status = response.status().as_u16();
        let scope = response.headers().get("x-ratelimit-scope");
        let shared = scope.is_some_and(|scope| scope == RateLimitScope::Shared.name());
        pending.invalid = matches!(status, 401 | 403 | 429) && !shared && !pending.fate.banned;
        pending.status = Some(status);
    }
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
