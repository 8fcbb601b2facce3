//! What the id of a bot's session is worth: something on its own routes and on the player's, nothing
//! on all others.

use reqwest::Method;
use serde_json::json;

use super::table::rows;
use crate::support::{Answer, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_known_on_its_own_routes_and_the_players_alone() {
    let setup = Setup::with_discord()
        .set("YURI_SESSIONS__MODE", "open")
        .set("YURI_LIMITS__BURST", "1000")
        .set("YURI_HTTP__TRUSTED_PROXIES", "127.0.0.1");
    let server = setup.start().await;
    let body = json!({"token": server.sim().application().bot_token});
    let login = server.request(Method::POST, "/api/auth/login");
    let login = Answer::of(login.json(&body)).await;
    assert_eq!(login.status, 200, "{}", login.body);
    let id = login.json()["sessionId"].as_str().unwrap().to_owned();
    let (client, guild) = (server.client(), server.guild().to_string());
    // The one that ends it comes last.
    let mut rows = rows();
    rows.sort_by_key(|row| row.names() == ("POST", "/api/auth/logout"));
    let mut faults = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let request = row
            .request(&client, &guild, "1")
            .header("Authorization", &id)
            // What is refused counts against the address.
            .header("X-Forwarded-For", format!("10.0.0.{number}"));
        let status = request.send().await.unwrap().status();
        if (status != 401) != row.is_of_sessions() {
            faults.push(format!("{row:?}: {status}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    server.stop().await;
}
