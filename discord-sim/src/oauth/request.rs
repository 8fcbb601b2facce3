//! What an application asks a person for, read from the address of the authorize page.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::state::Shared;

/// The scopes a person can agree to here, and what each lets an application do.
pub(super) const SCOPES: [(&str, &str); 8] = [
    ("identify", "know your name and picture"),
    ("email", "know your email address"),
    ("guilds", "know which servers you are in"),
    (
        "guilds.members.read",
        "know your nickname and roles in your servers",
    ),
    ("connections", "know your connected accounts"),
    ("openid", "confirm who you are"),
    ("bot", "add a bot to a server"),
    ("applications.commands", "create commands in a server"),
];
/// Those that are about a guild.
const OF_GUILD: [&str; 2] = ["bot", "applications.commands"];
/// The length of a SHA-256 hash in base64 without padding.
const CHALLENGE_LENGTH: usize = 43;

/// A request that may be shown to a user.
pub(super) struct Request {
    pub(super) application: u64,
    pub(super) application_name: String,
    /// The way back; none for a link that only adds a bot.
    pub(super) redirect_uri: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) state: Option<String>,
    pub(super) challenge: Option<String>,
    /// What it asks for in a guild.
    pub(super) install: Option<Install>,
}

/// What an application asks for in a guild.
#[derive(Clone, Copy, Debug)]
pub(super) struct Install {
    pub(super) with_bot: bool,
    pub(super) permissions: u64,
    /// The guild that is to be chosen.
    pub(super) guild: Option<u64>,
    /// Whether no other may be.
    pub(super) is_fixed: bool,
}

/// Why there is nothing to agree to.
pub(super) enum Refusal {
    /// Shown to the user: the application cannot be trusted to be told.
    Shown(&'static str),
    /// Sent back to the application.
    Sent(String),
}

/// The fields of a query, each given once.
struct Fields<'a>(HashMap<Cow<'a, str>, Cow<'a, str>>);

impl Fields<'_> {
    fn read(query: &str) -> Result<Fields<'_>, Refusal> {
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if fields.insert(name, value).is_some() {
                return Err(Refusal::Shown("A parameter was given more than once."));
            }
        }
        Ok(Fields(fields))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(AsRef::as_ref)
    }

    fn number(&self, name: &str, fault: &'static str) -> Result<Option<u64>, Refusal> {
        let number = self.get(name).filter(|text| !text.is_empty());
        let number = number.map(|text| text.parse().map_err(|_| Refusal::Shown(fault)));
        number.transpose()
    }

    fn install(&self, scopes: &[String]) -> Result<Option<Install>, Refusal> {
        if !scopes.iter().any(|scope| OF_GUILD.contains(&&**scope)) {
            return Ok(None);
        }
        let permissions = self.number("permissions", "Invalid permissions.")?;
        Ok(Some(Install {
            with_bot: scopes.iter().any(|scope| scope == "bot"),
            permissions: permissions.unwrap_or(0),
            guild: self.number("guild_id", "Invalid guild_id.")?,
            is_fixed: self.get("disable_guild_select") == Some("true"),
        }))
    }
}

/// Reads and checks the query of the page.
pub(super) fn read(shared: &Shared, query: &str) -> Result<Request, Refusal> {
    let fields = Fields::read(query)?;
    let client = fields.get("client_id").and_then(|id| id.parse().ok());
    let (application, application_name, redirect_uris) = shared
        .read(|state| {
            let found = state.find_application(client?)?;
            Some((found.id, found.name.clone(), found.redirect_uris.clone()))
        })
        .ok_or(Refusal::Shown("Unknown application."))?;
    let scopes = fields.get("scope").unwrap_or_default().split_whitespace();
    let scopes = scopes.map(str::to_owned).collect::<Vec<_>>();
    let install = fields.install(&scopes)?;
    // A link that only adds a bot needs no way back.
    let is_link = fields.get("response_type").is_none()
        && !scopes.is_empty()
        && scopes.iter().all(|scope| OF_GUILD.contains(&&**scope));
    if is_link {
        return Ok(Request {
            application,
            application_name,
            redirect_uri: None,
            scopes,
            state: None,
            challenge: None,
            install,
        });
    }
    let redirect_uri = fields
        .get("redirect_uri")
        .filter(|uri| redirect_uris.iter().any(|registered| registered == uri))
        .ok_or(Refusal::Shown("Invalid OAuth2 redirect_uri."))?;
    let state = fields.get("state").map(str::to_owned);
    let refuse = |error, description| {
        let mut fields = vec![("error", error), ("error_description", description)];
        fields.extend(state.as_deref().map(|state| ("state", state)));
        Refusal::Sent(extend(redirect_uri, &fields))
    };
    if fields.get("response_type") != Some("code") {
        let description = "The authorization server does not support this response type";
        return Err(refuse("unsupported_response_type", description));
    }
    if scopes.iter().any(|scope| scope == "webhook.incoming") {
        let description = "There are no webhooks in this simulator: webhook.incoming is refused.";
        return Err(refuse("invalid_scope", description));
    }
    let known = |scope: &String| SCOPES.iter().any(|(name, _)| name == scope);
    if scopes.is_empty() || !scopes.iter().all(known) {
        let description = "The requested scope is invalid, unknown, or malformed.";
        return Err(refuse("invalid_scope", description));
    }
    let challenge = fields.get("code_challenge").map(str::to_owned);
    let method = fields.get("code_challenge_method");
    let sound = match &challenge {
        Some(challenge) => method == Some("S256") && challenge.len() == CHALLENGE_LENGTH,
        None => method.is_none(),
    };
    if !sound {
        let description = "Only code_challenge with code_challenge_method S256 is supported.";
        return Err(refuse("invalid_request", description));
    }
    Ok(Request {
        application,
        application_name,
        redirect_uri: Some(redirect_uri.to_owned()),
        scopes,
        state,
        challenge,
        install,
    })
}

/// The address with fields added to its query.
pub(super) fn extend(uri: &str, fields: &[(&str, &str)]) -> String {
    let joint = if uri.contains('?') { '&' } else { '?' };
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    format!("{uri}{joint}{query}")
}
