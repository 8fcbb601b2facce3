//! REST: who may read what, and Discord's errors to the letter.

use discord_sim::{Authorization, Sim, permissions};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::sim;

/// A bot's requests without a bot.
struct Rest {
    sim: Sim,
    client: reqwest::Client,
}

impl Rest {
    async fn new() -> Rest {
        Rest {
            sim: sim().await,
            client: reqwest::Client::new(),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&str>) -> (StatusCode, Value) {
        let url = format!("{}/api/v10{path}", self.sim.api_url());
        let authorization = format!("Bot {}", self.sim.application().bot_token);
        let mut request = self
            .client
            .request(method, url)
            .header("authorization", authorization);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_owned());
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, None).await
    }
}

fn error(status: u16, code: u32, message: &str) -> (StatusCode, Value) {
    let status = StatusCode::from_u16(status).unwrap();
    (status, json!({ "message": message, "code": code }))
}

#[tokio::test]
async fn reads_what_the_bot_may_see() {
    let rest = Rest::new().await;
    let lab = &rest.sim.guilds()[0];
    let (guild, bot) = (lab.id, rest.sim.application().id);
    let (_, me) = rest.get("/users/@me").await;
    assert_eq!(
        (&me["bot"], &me["username"]),
        (&json!(true), &json!("Yuri"))
    );
    let (_, guilds) = rest.get("/users/@me/guilds").await;
    let names = guilds
        .as_array()
        .unwrap()
        .iter()
        .map(|guild| &guild["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["Sound Lab", "Night Shift"]);
    let (_, one) = rest.get("/users/@me/guilds?limit=1&with_counts=true").await;
    assert_eq!(
        (
            one.as_array().unwrap().len(),
            &one[0]["approximate_member_count"]
        ),
        (1, &json!(3))
    );
    let (_, counted) = rest.get("/users/@me/guilds?with_counts=1").await;
    assert_eq!(counted[0]["approximate_member_count"], 3);
    let (status, _) = rest.get("/users/@me/guilds?with_counts=perhaps").await;
    assert_eq!(status, 400);
    let (_, later) = rest.get(&format!("/users/@me/guilds?after={guild}")).await;
    assert_eq!(later[0]["name"], "Night Shift");

    assert_eq!(
        rest.get(&format!("/guilds/{guild}")).await.1["name"],
        "Sound Lab"
    );
    let (_, channels) = rest.get(&format!("/guilds/{guild}/channels")).await;
    let kinds = channels
        .as_array()
        .unwrap()
        .iter()
        .map(|channel| &channel["type"]);
    assert_eq!(kinds.collect::<Vec<_>>(), [4, 0, 2]);
    assert_eq!(channels[2]["parent_id"], channels[0]["id"]);
    let (_, roles) = rest.get(&format!("/guilds/{guild}/roles")).await;
    assert_eq!(roles[0]["id"], guild.to_string());
    assert_eq!(roles[1]["tags"]["bot_id"], bot.to_string());
    let ada = rest.sim.user_id("ada").unwrap();
    let (_, member) = rest.get(&format!("/guilds/{guild}/members/{ada}")).await;
    assert_eq!(member["user"]["username"], "ada");
    let (_, members) = rest.get(&format!("/guilds/{guild}/members?limit=10")).await;
    assert_eq!(members.as_array().unwrap().len(), 3);
    let (_, found) = rest
        .get(&format!("/guilds/{guild}/members/search?query=BE"))
        .await;
    assert_eq!(found[0]["user"]["username"], "ben");
    let lounge = lab.voice_channel.unwrap();
    let (_, voice) = rest
        .get(&format!("/guilds/{guild}/voice-states/{ada}"))
        .await;
    assert_eq!(voice["channel_id"], lounge.to_string());
    assert_eq!(
        rest.get(&format!("/channels/{lounge}")).await.1["name"],
        "Lounge"
    );
    assert_eq!(
        rest.get(&format!("/users/{ada}")).await.1["global_name"],
        "Ada"
    );
    for path in ["/applications/@me", "/oauth2/applications/@me"] {
        assert_eq!(rest.get(path).await.1["approximate_guild_count"], 2);
    }
    let (_, gateway) = rest.get("/gateway/bot").await;
    assert_eq!(gateway["url"], rest.sim.gateway_url());
    assert_eq!(gateway["session_start_limit"]["remaining"], 1_000);
}

#[tokio::test]
async fn errors_are_discords() {
    let rest = Rest::new().await;
    let guilds = rest.sim.guilds();
    let (lab, club) = (guilds[0].id, guilds[2].id);
    let (ada, cleo) = (
        rest.sim.user_id("ada").unwrap(),
        rest.sim.user_id("cleo").unwrap(),
    );
    let hidden = guilds[0].voice_channel.unwrap();
    rest.sim
        .deny_permissions(hidden, permissions::VIEW_CHANNEL)
        .unwrap();
    let expected = [
        (
            format!("/guilds/{lab}/members/{cleo}"),
            error(404, 10007, "Unknown Member"),
        ),
        (
            format!("/guilds/{lab}/members/1"),
            error(404, 10013, "Unknown User"),
        ),
        ("/guilds/1".to_owned(), error(404, 10004, "Unknown Guild")),
        (
            format!("/guilds/{club}"),
            error(404, 10004, "Unknown Guild"),
        ),
        (
            "/guilds/1/members/1".to_owned(),
            error(404, 10004, "Unknown Guild"),
        ),
        (
            format!("/guilds/{club}/members/{ada}"),
            error(403, 50001, "Missing Access"),
        ),
        (
            format!("/guilds/{club}/channels"),
            error(403, 50001, "Missing Access"),
        ),
        (
            format!("/guilds/{club}/roles"),
            error(403, 50001, "Missing Access"),
        ),
        (
            "/channels/1".to_owned(),
            error(404, 10003, "Unknown Channel"),
        ),
        (
            format!("/channels/{hidden}"),
            error(403, 50001, "Missing Access"),
        ),
        ("/users/1".to_owned(), error(404, 10013, "Unknown User")),
        (
            format!("/guilds/{lab}/voice-states/@me"),
            error(404, 10065, "Unknown Voice State"),
        ),
        ("/nowhere".to_owned(), error(404, 0, "404: Not Found")),
    ];
    for (path, expected) in expected {
        assert_eq!(rest.get(&path).await, expected, "{path}");
    }
    let wrong_method = rest.send(Method::POST, "/users/@me", None).await;
    assert_eq!(wrong_method, error(405, 0, "405: Method Not Allowed"));
    let (status, body) = rest.get("/guilds/abc").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let fault =
        json!({ "code": "NUMBER_TYPE_COERCE", "message": "Value \"abc\" is not snowflake." });
    assert_eq!(body["errors"]["guild_id"]["_errors"], json!([fault]));
    for path in [
        "/guilds/-1",
        "/guilds/99999999999999999999999",
        "/users/@me/guilds?limit=x",
    ] {
        assert_eq!(rest.get(path).await.1["code"], 50035, "{path}");
    }
}

#[tokio::test]
async fn credentials_are_checked_and_requests_recorded() {
    let rest = Rest::new().await;
    let url = format!("{}/api/users/@me", rest.sim.api_url());
    let token = rest.sim.application().bot_token;
    let plain = rest.client.get(&url);
    let headers = ["", "Bot", "Bot x", "Bearer x", "Basic eDp5", &token];
    for header in headers {
        let response = plain.try_clone().unwrap().header("authorization", header);
        let response = response.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{header}");
        assert_eq!(
            response.json::<Value>().await.unwrap()["message"],
            "401: Unauthorized"
        );
    }
    rest.sim.clear_requests();
    plain.send().await.unwrap();
    rest.get("/users/@me?x=1").await;
    rest.client.get(rest.sim.api_url()).send().await.unwrap();
    let requests = rest.sim.requests();
    let seen = requests
        .iter()
        .map(|r| (r.path.as_str(), r.authorization, r.status));
    let expected = [
        ("/api/users/@me", Authorization::None, Some(401)),
        ("/api/v10/users/@me?x=1", Authorization::Bot, Some(200)),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn only_loopback_names_are_answered() {
    let rest = Rest::new().await;
    let url = format!("{}/sim/state", rest.sim.api_url());
    for (header, value) in [
        ("host", "rebound.example"),
        ("origin", "https://elsewhere.example"),
    ] {
        let response = rest
            .client
            .get(&url)
            .header(header, value)
            .send()
            .await
            .unwrap();
        assert_eq!(
            response.status(),
            StatusCode::MISDIRECTED_REQUEST,
            "{header}"
        );
    }
    let local = rest
        .client
        .get(&url)
        .header("origin", "http://localhost:1234");
    assert_eq!(local.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn commands_are_kept_checked_and_removed() {
    let rest = Rest::new().await;
    let (application, guilds) = (rest.sim.application().id, rest.sim.guilds());
    let base = format!("/applications/{application}/commands");
    let one = r#"{"name":"play","description":"plays","options":[{"type":3,"name":"sound","description":"s"}]}"#;
    let (status, created) = rest.send(Method::POST, &base, Some(one)).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, again) = rest.send(Method::POST, &base, Some(one)).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &created["id"]));
    let path = format!("{base}/{}", created["id"].as_str().unwrap());
    let (_, edited) = rest
        .send(Method::PATCH, &path, Some(r#"{"description":"p"}"#))
        .await;
    assert_eq!(
        (&edited["description"], &edited["name"]),
        (&json!("p"), &json!("play"))
    );
    assert_eq!(rest.get(&path).await.1, edited);
    let (_, all) = rest
        .send(Method::PUT, &base, Some(&format!("[{one}]")))
        .await;
    assert_eq!(
        (all.as_array().unwrap().len(), &all[0]["id"]),
        (1, &created["id"])
    );
    assert_eq!(rest.sim.commands().len(), 1);
    assert_eq!(
        rest.send(Method::DELETE, &path, None).await.0,
        StatusCode::NO_CONTENT
    );
    let gone = error(404, 10063, "Unknown application command");
    assert_eq!(rest.send(Method::DELETE, &path, None).await, gone);

    let in_guild = format!(
        "/applications/{application}/guilds/{}/commands",
        guilds[0].id
    );
    let (_, created) = rest.send(Method::POST, &in_guild, Some(one)).await;
    assert_eq!(created["guild_id"], guilds[0].id.to_string());
    assert_eq!(rest.get(&base).await.1, json!([]));
    let elsewhere = format!(
        "/applications/{application}/guilds/{}/commands",
        guilds[2].id
    );
    assert_eq!(
        rest.get(&elsewhere).await,
        error(403, 50001, "Missing Access")
    );
    assert_eq!(rest.get("/applications/1/commands").await.1["code"], 20012);

    let upper = r#"[{"name":"Play","description":"plays"}]"#;
    let (status, refused) = rest.send(Method::PUT, &base, Some(upper)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let fault = &refused["errors"]["0"]["name"]["_errors"][0]["code"];
    assert_eq!(fault, "APPLICATION_COMMAND_INVALID_NAME");
    for body in ["{", "", "\u{fffd}"] {
        let (status, refused) = rest.send(Method::PUT, &base, Some(body)).await;
        assert_eq!(
            (status, &refused["code"]),
            (StatusCode::BAD_REQUEST, &json!(50109))
        );
    }
    for body in ["null", "{}", "[null]", "[[]]", "[{\"name\":1}]", "3"] {
        let (status, refused) = rest.send(Method::PUT, &base, Some(body)).await;
        assert_eq!(
            (status, &refused["code"]),
            (StatusCode::BAD_REQUEST, &json!(50035)),
            "{body}"
        );
        let (status, _) = rest.send(Method::POST, &base, Some(body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn unknown_interactions_are_refused() {
    let rest = Rest::new().await;
    let hello = Some(r#"{"type":4,"data":{"content":"x"}}"#);
    let answered = rest
        .send(Method::POST, "/interactions/1/abc/callback", hello)
        .await;
    assert_eq!(answered, error(404, 10062, "Unknown interaction"));
    let application = rest.sim.application().id;
    let webhook = format!("/webhooks/{application}/abc");
    let unknown = error(404, 10015, "Unknown Webhook");
    assert_eq!(
        rest.send(Method::POST, &webhook, Some(r#"{"content":"x"}"#))
            .await,
        unknown
    );
    assert_eq!(
        rest.get(&format!("{webhook}/messages/@original")).await,
        unknown
    );
}

#[tokio::test]
async fn commands_of_one_guild_are_its_own() {
    let rest = Rest::new().await;
    let (application, guild) = (rest.sim.application().id, rest.sim.guilds()[0].id);
    let base = format!("/applications/{application}/guilds/{guild}/commands");
    let two = r#"[{"name":"a","description":"d"},{"name":"b","description":"d"}]"#;
    let (status, both) = rest.send(Method::PUT, &base, Some(two)).await;
    assert_eq!(
        (status, both.as_array().unwrap().len()),
        (StatusCode::OK, 2)
    );
    assert_eq!(rest.get(&base).await.1, both);
    let path = format!("{base}/{}", both[1]["id"].as_str().unwrap());
    let edit = Some(r#"{"description":"other"}"#);
    let (_, edited) = rest.send(Method::PATCH, &path, edit).await;
    assert_eq!(edited["description"], "other");
    assert_eq!(rest.get(&path).await, (StatusCode::OK, edited));
    let global = path.replace(&format!("/guilds/{guild}"), "");
    let unknown = error(404, 10063, "Unknown application command");
    assert_eq!(rest.get(&global).await, unknown);
    let (status, _) = rest.send(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(rest.get(&path).await, unknown);
    assert_eq!(rest.get(&base).await.1.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_bot_leaves_a_guild() {
    let rest = Rest::new().await;
    let guild = rest.sim.guilds()[0].id;
    let path = format!("/users/@me/guilds/{guild}");
    let (status, _) = rest.send(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let left = rest.get(&format!("/guilds/{guild}")).await;
    assert_eq!(left, error(404, 10004, "Unknown Guild"));
    let again = rest.send(Method::DELETE, &path, None).await;
    assert_eq!(again, error(404, 10004, "Unknown Guild"));
}
