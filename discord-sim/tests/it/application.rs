//! The application behind a bot's token, and what a bot makes of it.

use poise::serenity_prelude as serenity;
use serde_json::{Value, json};

use crate::support::bot;
use crate::support::rest::{Rest, error, fault};
use crate::support::shard::{sim_of, two_bots};

const OWN: &str = "/applications/@me";

#[tokio::test]
async fn a_bot_changes_its_application() {
    let sim = sim_of(two_bots(), []).await;
    let rest = Rest::new(&sim);
    let change = json!({
        "description": "Honks.", "tags": ["noise", "fun"],
        "custom_install_url": "https://example.com/add",
        "install_params": { "scopes": ["bot", "applications.commands"], "permissions": "8" },
        "role_connections_verification_url": "https://example.com/roles",
        "flags": 1 << 15,
    });
    let (status, changed) = rest.patch(OWN, change).await;
    assert_eq!((status, &changed["description"]), (200, &json!("Honks.")));
    assert_eq!(changed["tags"], json!(["noise", "fun"]));
    assert_eq!(changed["install_params"]["permissions"], "8");
    assert_eq!(
        changed["integration_types_config"]["0"]["oauth2_install_params"],
        changed["install_params"]
    );
    // The flags stand for the privileged intents that the developer portal grants.
    assert_eq!(changed["flags"], 1 << 15);
    assert_eq!(sim.application().privileged_intents, 1 << 1);
    for path in [OWN, "/oauth2/applications/@me"] {
        assert_eq!(rest.get(path).await.1, changed);
    }
    let none = json!({ "custom_install_url": null, "install_params": null, "tags": [] });
    let (_, bare) = rest.patch(OWN, none).await;
    assert_eq!(
        (bare.get("install_params"), &bare["tags"]),
        (None, &json!([]))
    );
}

#[tokio::test]
async fn what_an_application_cannot_be_is_refused() {
    let sim = sim_of(two_bots(), []).await;
    let rest = Rest::new(&sim);
    let bad = json!({
        "description": "x".repeat(401), "tags": ["ok", 7, "x".repeat(21)], "flags": 1,
        "custom_install_url": "javascript:alert(1)", "install_params": {},
        "interactions_endpoint_url": "https://example.com/interactions",
    });
    let answer = rest.patch(OWN, bad).await;
    for (place, code) in [
        ("description", "BASE_TYPE_MAX_LENGTH"),
        ("tags.1", "STRING_TYPE_CONVERT"),
        ("tags.2", "BASE_TYPE_MAX_LENGTH"),
        ("flags", "APPLICATION_FLAGS_INVALID"),
        ("custom_install_url", "URL_TYPE_INVALID_URL"),
        ("install_params.scopes", "BASE_TYPE_REQUIRED"),
        (
            "interactions_endpoint_url",
            "APPLICATION_INTERACTIONS_ENDPOINT_URL_INVALID",
        ),
    ] {
        assert_eq!(fault(&answer, place), code, "{}", answer.1);
    }
    let many = rest
        .patch(OWN, json!({ "tags": ["1", "2", "3", "4", "5", "6"] }))
        .await;
    assert_eq!(fault(&many, "tags"), "BASE_TYPE_MAX_LENGTH");
    assert_eq!(
        fault(&rest.patch(OWN, Value::Null).await, ""),
        "MODEL_TYPE_CONVERT"
    );
    let nobody = Rest::with(&sim, "Bot x".to_owned());
    let unauthorized = error(401, 0, "401: Unauthorized");
    assert_eq!(nobody.patch(OWN, json!({})).await, unauthorized);
}

#[tokio::test]
async fn serenity_reads_its_application() {
    let sim = sim_of(two_bots(), []).await;
    let http: serenity::Http = bot::http(&sim);
    let rest = Rest::new(&sim);
    let params = json!({ "scopes": ["bot"], "permissions": "2048" });
    rest.patch(
        OWN,
        json!({ "description": "Honks.", "install_params": params }),
    )
    .await;
    let own = http.get_current_application_info().await.unwrap();
    assert_eq!(
        (own.name.as_str(), own.description.as_str()),
        ("Yuri", "Honks.")
    );
    let params = own.install_params.unwrap();
    assert_eq!(params.permissions, serenity::Permissions::SEND_MESSAGES);
}
