//! Discord's JSON for applications.

use serde_json::{Value, json};

use super::user;
use crate::protocol::intents;
use crate::world::{Application, User};

/// The flags that stand for privileged intents, each with its intent.
pub(crate) const INTENT_FLAGS: [(u64, u64); 3] = [
    (intents::GUILD_PRESENCES, 1 << 13),
    (intents::GUILD_MEMBERS, 1 << 15),
    (intents::MESSAGE_CONTENT, 1 << 19),
];

/// The flags of an application that say which privileged intents it may use, as they are for
/// a bot of fewer than a hundred guilds.
pub(crate) fn application_flags(application: &Application) -> u64 {
    let granted = INTENT_FLAGS.into_iter();
    let granted = granted.filter(|(intent, _)| application.privileged_intents & intent != 0);
    granted.fold(0, |flags, (_, flag)| flags | flag)
}

/// An application as its own bot sees it.
pub(crate) fn application(
    application: &Application,
    bot: &User,
    owner: Option<&User>,
    guild_count: usize,
) -> Value {
    let mut value = json!({
        "id": application.id.to_string(),
        "name": application.name,
        "icon": null,
        "description": application.description,
        "type": null,
        "bot": user(bot),
        "summary": "",
        "bot_public": true,
        "bot_require_code_grant": false,
        "integration_types_config": { "0": {} },
        "verify_key": format!("{:064x}", application.id),
        "flags": application_flags(application),
        "hook": true,
        "is_monetized": false,
        "storefront_available": false,
        "redirect_uris": application.redirect_uris,
        "interactions_endpoint_url": null,
        "role_connections_verification_url": application.role_connections_url,
        "event_webhooks_url": null,
        "event_webhooks_status": 1,
        "approximate_guild_count": guild_count,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "rpc_origins": [],
        "tags": application.tags,
        "owner": owner.map(user),
        "team": null,
    });
    if let Some(url) = &application.custom_install_url {
        value["custom_install_url"] = json!(url);
    }
    if let Some((scopes, permissions)) = &application.install_params {
        let params = json!({ "scopes": scopes, "permissions": permissions.to_string() });
        value["integration_types_config"]["0"]["oauth2_install_params"] = params.clone();
        value["install_params"] = params;
    }
    value
}
