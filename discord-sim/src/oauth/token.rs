//! The token endpoint: codes and refresh tokens in, access tokens out.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::state::grants::{TOKEN_LIFE_S, Token};
use crate::state::{self, Shared};
use crate::world::wire;

/// An error as RFC 6749 words it.
struct TokenError {
    status: StatusCode,
    error: &'static str,
    description: Option<&'static str>,
}

impl TokenError {
    const CLIENT: TokenError = TokenError {
        status: StatusCode::UNAUTHORIZED,
        error: "invalid_client",
        description: None,
    };

    fn bad(error: &'static str, description: &'static str) -> TokenError {
        TokenError {
            status: StatusCode::BAD_REQUEST,
            error,
            description: Some(description),
        }
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error });
        if let Some(description) = self.description {
            body["error_description"] = json!(description);
        }
        (self.status, Json(body)).into_response()
    }
}

/// The fields of a form, each given once.
struct Form(HashMap<String, String>);

impl Form {
    fn read(body: &[u8]) -> Result<Form, TokenError> {
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            if fields
                .insert(name.into_owned(), value.into_owned())
                .is_some()
            {
                let description = "A parameter was given more than once.";
                return Err(TokenError::bad("invalid_request", description));
            }
        }
        Ok(Form(fields))
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn get(&self, name: &str, missing: &'static str) -> Result<&str, TokenError> {
        self.find(name)
            .ok_or(TokenError::bad("invalid_request", missing))
    }
}

/// `POST /oauth2/token`
pub(super) async fn exchange(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let token = issue(&shared, &headers, &body).map_err(IntoResponse::into_response)?;
    let mut body = json!({
        "token_type": "Bearer",
        "access_token": token.access,
        "expires_in": TOKEN_LIFE_S,
        "refresh_token": token.refresh,
        "scope": token.consent.scopes.join(" "),
    });
    if let Some(guild) = token.consent.guild {
        body["guild"] = shared.read(|state| state.find_guild(guild).map(wire::guild).into());
    }
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
    ];
    Ok((headers, Json(body)).into_response())
}

fn issue(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<Token, TokenError> {
    let form = Form::read(body)?;
    let application = authenticate(shared, headers, &form)?;
    let grant_type = form.get("grant_type", "Missing \"grant_type\" in request.")?;
    let token = match grant_type {
        "authorization_code" => {
            let code = form.get("code", "Missing \"code\" in request.")?;
            let redirect_uri = form.get("redirect_uri", "Missing \"redirect_uri\" in request.")?;
            let verifier = form.find("code_verifier");
            shared.change(|state| {
                let now_ms = state.now_ms();
                state
                    .grants
                    .redeem_code(application, code, redirect_uri, verifier, now_ms)
            })
        }
        "refresh_token" => {
            let refresh = form.get("refresh_token", "Missing \"refresh_token\" in request.")?;
            shared.change(|state| {
                let now_ms = state.now_ms();
                state.grants.refresh(application, refresh, now_ms)
            })
        }
        _ => {
            let description = "Invalid \"grant_type\" in request.";
            return Err(TokenError::bad("unsupported_grant_type", description));
        }
    };
    token.map_err(|refusal| TokenError::bad("invalid_grant", refusal.description()))
}

/// `POST /oauth2/token/revoke`: 200 whether the token was known or not, as RFC 7009 wants.
pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let revoked = || {
        let form = Form::read(&body)?;
        let application = authenticate(&shared, &headers, &form)?;
        let token = form.get("token", "Missing \"token\" in request.")?;
        shared.change(|state| state.grants.revoke(application, token));
        Ok(Json(json!({})))
    };
    revoked()
        .map(IntoResponse::into_response)
        .map_err(|error: TokenError| error.into_response())
}

/// Who asks: by `Authorization: Basic`, or by `client_id` and `client_secret` in the form.
fn authenticate(shared: &Shared, headers: &HeaderMap, form: &Form) -> Result<u64, TokenError> {
    let field = |name| form.find(name).map(str::to_owned);
    let credentials = if let Some(value) = headers.get(header::AUTHORIZATION) {
        let credentials = value.to_str().ok().and_then(basic);
        // The id may be repeated in the form, but may not contradict.
        credentials.filter(|(id, _)| field("client_id").is_none_or(|repeated| repeated == *id))
    } else {
        field("client_id").zip(field("client_secret"))
    };
    let (id, secret) = credentials.ok_or(TokenError::CLIENT)?;
    let id = id.parse().map_err(|_| TokenError::CLIENT)?;
    let known = |state: &state::State| {
        state
            .find_application(id)
            .is_some_and(|found| found.client_secret == secret)
    };
    if shared.read(known) {
        Ok(id)
    } else {
        Err(TokenError::CLIENT)
    }
}

fn basic(header: &str) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD
        .decode(header.strip_prefix("Basic ")?)
        .ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
