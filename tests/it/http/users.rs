//! `/api/users/@me`: the caller, and the caller's guilds, with and without Discord's leave to read
//! them; how that leave is kept.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use discord_sim::{Effect, Fault, HttpAnswer, Point, Requests, permissions};
use serde_json::{Value, json};
use yuri::db::grants;
use yuri::db::users;

use crate::support::browser::Browser;
use crate::support::dashboard::{Bearer, setup};
use crate::support::{Answer, Server, Setup};

const ME: &str = "/api/users/@me";
const GUILDS: &str = "/api/users/@me/guilds";
const MINUTE: Duration = Duration::from_secs(60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const GONE: &str = "discord does not let this server read your servers any more, log in again";

/// What was asked of Discord for a user, and its answers.
fn asked(server: &Server) -> Vec<(String, u16)> {
    let requests = server.sim().requests().into_iter();
    let asked = requests.map(|it| (it.path, it.status.unwrap_or_default()));
    asked
        .filter(|(path, _)| path.contains("oauth2/token") || path.contains("users/@me/guilds"))
        .map(|(path, status)| (path.replace("/api/v10", ""), status))
        .collect()
}

const READ: &str = "/users/@me/guilds";
const RENEW: &str = "/oauth2/token";

fn is(asked: &[(String, u16)], expected: &[(&str, u16)]) -> bool {
    let asked = asked.iter().map(|(path, status)| (path.as_str(), *status));
    asked.eq(expected.iter().copied())
}

/// What each answer of the token endpoint has from now on.
fn set_of_grants(server: &Server, name: &str, value: Value) {
    let effect = Effect::Set {
        pointer: format!("/{name}"),
        value,
    };
    let answers = Point::Answer(Requests::to("/oauth2/token"));
    server.sim().fault(Fault::on(answers, effect)).unwrap();
}

async fn key_of(server: &Server, name: &str) -> String {
    let user = server.user(name);
    let kept = server.app.db.run(move |conn| grants::find(conn, user));
    kept.await.unwrap().unwrap().key_id
}

#[tokio::test(flavor = "multi_thread")]
async fn who_one_is_comes_from_the_last_login() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    let id = server.user("ada").to_string();
    server.sim().clear_requests();
    let me = ada.get(&server, ME).await;
    assert_eq!(
        (me.status.as_u16(), me.header("cache-control")),
        (200, "no-store")
    );
    insta::assert_snapshot!(me.body.replace(&id, "<ada>"), @r#"
    {
      "id": "<ada>",
      "username": "ada",
      "global_name": "Ada",
      "discriminator": "0",
      "avatar": null,
      "roles": []
    }
    "#);
    assert!(asked(&server).is_empty());
    let token = server.token(server.user("ben")).await;
    let ben = token.get(&server, ME).await.json();
    assert_eq!(
        (&ben["username"], &ben["discriminator"]),
        (&json!("zekro"), &json!("9131"))
    );
    assert_eq!(Answer::of(server.get(ME)).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_guilds_are_listed_with_what_one_may_do_there() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    let guilds = ada.get(&server, GUILDS).await;
    assert_eq!(
        (guilds.status.as_u16(), guilds.header("x-partial")),
        (200, "")
    );
    assert_eq!(guilds.header("x-total-count"), "2");
    let list = guilds.json();
    let named = |place: usize, name: &str| list["results"][place][name].clone();
    let permissions: u64 = named(0, "permissions").as_str().unwrap().parse().unwrap();
    assert_eq!(
        permissions & permissions::ADMINISTRATOR,
        permissions::ADMINISTRATOR
    );
    let lab = server.guild().to_string();
    let club = server.sim().guilds()[2].id.to_string();
    let told = [named(0, "permissions"), named(1, "permissions")];
    let mut body = guilds.body.replace(&lab, "<lab>").replace(&club, "<club>");
    for permissions in told {
        body = body.replace(permissions.as_str().unwrap(), "<bits>");
    }
    insta::assert_snapshot!(body, @r#"
    {
      "n": 2,
      "results": [
        {
          "id": "<lab>",
          "name": "Sound Lab",
          "icon": null,
          "owner": true,
          "permissions": "<bits>",
          "bot_in_guild": true,
          "manageable": true
        },
        {
          "id": "<club>",
          "name": "Book Club",
          "icon": null,
          "owner": false,
          "permissions": "<bits>",
          "bot_in_guild": false,
          "manageable": false
        }
      ]
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_bits_than_a_double_has_are_told_to_the_last() {
    let server = setup().start().await;
    let bits = (1_u64 << 62) + (1 << 5) + 1;
    let effect = Effect::Set {
        pointer: "/1".into(),
        value: json!({"id": "7", "name": "n", "icon": "i", "permissions": bits.to_string()}),
    };
    let answers = Point::Answer(Requests::to("/users/@me/guilds"));
    server.sim().fault(Fault::on(answers, effect)).unwrap();
    let ada = Bearer::login(&server, "ada").await;
    let list = ada.get(&server, GUILDS).await.json();
    assert_eq!(
        list["results"][1],
        json!({
            "id": "7", "name": "n", "icon": "i", "owner": false,
            "permissions": "4611686018427387937", "bot_in_guild": false, "manageable": true,
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_a_minute_old_and_asked_for_once() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    server.sim().clear_requests();
    server.clock.advance(MINUTE - Duration::from_millis(1));
    assert_eq!(ada.get(&server, GUILDS).await.json()["n"], 2);
    assert!(asked(&server).is_empty(), "the login has read it");
    server.clock.advance(Duration::from_millis(1));
    let many = (0..40).map(|_| ada.get(&server, GUILDS));
    for answer in futures_util::future::join_all(many).await {
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["n"]),
            (200, &json!(2))
        );
    }
    assert!(is(&asked(&server), &[(READ, 200)]), "{:?}", asked(&server));
    // Whether the bot is there is always told as it is.
    server.sim().remove_bot(server.guild().get()).unwrap();
    let guild = server.guild();
    server
        .until(|app| app.guilds.gateway().guild(guild).is_none())
        .await;
    let list = ada.get(&server, GUILDS).await.json();
    assert_eq!(list["results"][0]["bot_in_guild"], false);
    assert_eq!(asked(&server).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_ends_is_renewed_before() {
    let server = setup().start().await;
    set_of_grants(&server, "expires_in", json!(600));
    let ada = Bearer::login(&server, "ada").await;
    let steps: [(u64, &[(&str, u16)]); 4] = [
        (539, &[(READ, 200)]),
        // In its last minute.
        (61, &[(RENEW, 200), (READ, 200)]),
        (61, &[(READ, 200)]),
        (600, &[(RENEW, 200), (READ, 200)]),
    ];
    for (seconds, expected) in steps {
        server.clock.advance(Duration::from_secs(seconds));
        server.sim().clear_requests();
        let many = (0..20).map(|_| ada.get(&server, GUILDS));
        for answer in futures_util::future::join_all(many).await {
            assert_eq!(
                (answer.status.as_u16(), &answer.json()["n"]),
                (200, &json!(2))
            );
        }
        assert!(is(&asked(&server), expected), "{:?}", asked(&server));
    }
    let server = server.restart(&[]).await;
    server.sim().clear_requests();
    assert_eq!(ada.get(&server, GUILDS).await.json()["n"], 2);
    assert!(is(&asked(&server), &[(READ, 200)]), "the newest is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_discord_has_ended_early_is_renewed() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    server.sim().advance_clock(WEEK);
    server.clock.advance(MINUTE);
    server.sim().clear_requests();
    assert_eq!(ada.get(&server, GUILDS).await.json()["n"], 2);
    let expected = [(READ, 401), (RENEW, 200), (READ, 200)];
    assert!(is(&asked(&server), &expected), "{:?}", asked(&server));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_grant_is_dropped_and_the_answer_says_to_log_in_again() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    let user = server.user("ada");
    server.sim().withdraw_consent(user.get());
    server.clock.advance(MINUTE);
    server.sim().clear_requests();
    let refused = ada.get(&server, GUILDS).await;
    assert_eq!((refused.status.as_u16(), &*refused.error()), (403, GONE));
    assert!(is(&asked(&server), &[(READ, 401), (RENEW, 400)]));
    assert!(!server.app.grants.is_kept(user).await.unwrap());
    server.sim().clear_requests();
    assert_eq!(ada.get(&server, GUILDS).await.error(), GONE);
    assert!(asked(&server).is_empty(), "it is not asked again");
    assert_eq!(
        ada.get(&server, ME).await.status,
        200,
        "nothing else is lost"
    );

    let again = Bearer::login(&server, "ada").await;
    for login in [again, ada] {
        assert_eq!(login.get(&server, GUILDS).await.json()["n"], 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discords_failures_cost_no_grant() {
    let server = setup().start().await;
    set_of_grants(&server, "expires_in", json!(600));
    let ada = Bearer::login(&server, "ada").await;
    let user = server.user("ada");
    let failures = [
        (HttpAnswer::status(500), 502),
        (HttpAnswer::status(503), 502),
        (HttpAnswer::status(401), 502),
        (HttpAnswer::status(200).body("<html>"), 502),
    ];
    server.clock.advance(Duration::from_secs(600));
    for (answer, status) in failures {
        let token = Point::Request(Requests::to("/oauth2/token"));
        let fault = Fault::on(token, Effect::Answer(answer));
        let fault = server.sim().fault(fault).unwrap();
        let refused = ada.get(&server, GUILDS).await;
        assert_eq!(refused.status.as_u16(), status, "{}", refused.body);
        assert!(server.app.grants.is_kept(user).await.unwrap());
        server.sim().remove_fault(fault);
    }
    assert_eq!(ada.get(&server, GUILDS).await.json()["n"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_grant_the_guilds_that_can_be_proven_are_listed() {
    let setup = setup();
    let server = setup.start().await;
    server.let_log_in_often();
    let ben = Browser::login(&server, "ben").await;
    let guilds = ben.get(GUILDS).await;
    assert_eq!(
        (guilds.status.as_u16(), guilds.header("x-partial")),
        (200, "true")
    );
    let list = guilds.json();
    assert_eq!(
        (&list["n"], guilds.header("x-total-count")),
        (&json!(1), "1")
    );
    let entry = &list["results"][0];
    assert_eq!(entry["id"], server.guild().to_string());
    assert_eq!(
        (&entry["owner"], &entry["manageable"]),
        (&json!(false), &json!(false))
    );
    let ada = Browser::login(&server, "ada").await;
    let entry = &ada.get(GUILDS).await.json()["results"][0];
    assert_eq!(
        (&entry["owner"], &entry["manageable"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(entry["permissions"], ((1_u64 << 53) - 1).to_string());

    // Another site's page has what this one has not.
    Bearer::login(&server, "ada").await;
    let guilds = ada.get(GUILDS).await;
    assert_eq!(
        (guilds.header("x-partial"), &guilds.json()["n"]),
        ("", &json!(2))
    );

    server
        .sim()
        .remove_member(server.user("ben").get(), server.guild().get())
        .unwrap();
    server.clock.advance(MINUTE);
    let guilds = ben.get(GUILDS).await;
    assert_eq!(
        (guilds.header("x-partial"), &guilds.json()["n"]),
        ("true", &json!(0))
    );

    let offline = Setup::offline().start().await;
    let user = offline.token(server.user("ada")).await;
    let guilds = user.get(&offline, GUILDS).await;
    assert_eq!(
        (guilds.header("x-partial"), &guilds.json()["n"]),
        ("true", &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_changed_without_losing_a_grant() {
    let [first, second] = [[1; 32], [2; 32]].map(|key| STANDARD.encode(key));
    let server = setup().set("YURI_AUTH__GRANT_KEY", &first).start().await;
    let ada = Bearer::login(&server, "ada").await;
    let old_id = key_of(&server, "ada").await;

    // Without the old key it does not open; nothing else is lost, and it stays where it is.
    let server = server.restart(&[("YURI_AUTH__GRANT_KEY", &second)]).await;
    assert_eq!(ada.get(&server, GUILDS).await.error(), GONE);
    assert_eq!(ada.get(&server, "/api/localsounds").await.status, 200);
    assert_eq!(key_of(&server, "ada").await, old_id);

    let old_keys = format!("{}, {first}", STANDARD.encode([3; 32]));
    let server = server
        .restart(&[("YURI_AUTH__OLD_GRANT_KEYS", &old_keys)])
        .await;
    server.app.grants.tend().await;
    let new_id = key_of(&server, "ada").await;
    assert_ne!(new_id, old_id, "sealed anew at the start");
    assert_eq!(ada.get(&server, GUILDS).await.json()["n"], 2);

    let server = server.restart(&[("YURI_AUTH__OLD_GRANT_KEYS", "")]).await;
    assert_eq!(
        ada.get(&server, GUILDS).await.json()["n"],
        2,
        "the old one can go"
    );
    assert_eq!(key_of(&server, "ada").await, new_id);

    // A login brings back what no key opens.
    let server = server.restart(&[("YURI_AUTH__GRANT_KEY", &first)]).await;
    assert_eq!(ada.get(&server, GUILDS).await.error(), GONE);
    Bearer::login(&server, "ada").await;
    assert_eq!(key_of(&server, "ada").await, old_id);
    assert_eq!(ada.get(&server, GUILDS).await.json()["n"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_opens_at_its_own_user_alone() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    let ben = Bearer::login(&server, "ben").await;
    let [from, to] = ["ada", "ben"].map(|name| server.user(name));
    let moved = server.app.db.write(move |conn| {
        let grant = grants::find(conn, from)?.unwrap();
        grants::put(conn, to, &grant, 0)
    });
    moved.await.unwrap();
    server.clock.advance(MINUTE);
    assert_eq!(ben.get(&server, GUILDS).await.error(), GONE);
    assert_eq!(ada.get(&server, GUILDS).await.json()["n"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_discords_tokens_encrypted() {
    const CANARIES: [(&str, &str); 2] = [
        ("refresh_token", "canary0refresh0token"),
        ("access_token", "canary0access0token"),
    ];
    let server = setup().start().await;
    set_of_grants(&server, "expires_in", json!(600));
    let ada = Bearer::login(&server, "ada").await;
    for (name, canary) in CANARIES {
        set_of_grants(&server, name, json!(canary));
    }
    server.clock.advance(Duration::from_secs(600));
    // Discord does not know the canary; it is kept before that shows.
    let refused = ada.get(&server, GUILDS).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    let user = server.user("ada");
    assert!(server.app.grants.is_kept(user).await.unwrap());
    let known = server.app.db.run(move |conn| users::find(conn, user));
    assert!(!format!("{:?}", known.await.unwrap()).contains("canary"));
    let sid = server.app.jwe.open(&ada.0).unwrap();
    let secrets = [
        CANARIES[0].1,
        CANARIES[1].1,
        sid.secret.expose(),
        &ada.0[..40],
    ];
    let folder = server.stop().await;
    let mut looked_at = 0;
    for file in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            looked_at += 1;
            let bytes = std::fs::read(&path).unwrap();
            for secret in secrets {
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} in {}", path.display());
            }
        }
    }
    assert!(looked_at > 0);
}
