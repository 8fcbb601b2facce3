//! Changing, deleting and restoring sounds over `/api/sounds`: who may, and what becomes of them.

use std::time::Duration;

use discord_sim::permissions;
use reqwest::Method;
use yuri::ids::RoleId;

use super::library::{bring, names, server, setup};
use crate::support::browser::Browser;
use crate::support::{Answer, SITE, Server, Token};

const MEMBER: &str = "you must be a member of this guild";
const AUTHOR: &str = "only who brought this sound and the managers of this guild may do that";
const ADMINISTRATOR: &str =
    "only this installation's administrators may change the operator's sounds";

async fn send(server: &Server, caller: &Token, method: Method, path: &str, body: &str) -> Answer {
    let request = caller.sign(server.request(method, path));
    let request = request.header("Content-Type", "application/json");
    Answer::of(request.body(body.to_owned())).await
}

async fn patch(server: &Server, caller: &Token, path: &str, body: &str) -> Answer {
    send(server, caller, Method::PATCH, path, body).await
}

async fn delete(server: &Server, caller: &Token, path: &str) -> Answer {
    send(server, caller, Method::DELETE, path, "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_is_changed_deleted_and_restored() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let ben = server.user("ben");
    bring(&server, guild, ben, "old", "tone.wav").await;
    let token = server.token(ben).await;
    let path = format!("/api/sounds/OLD?guild={guild}");
    let body = r#"{"name":" New name ","tags":["Loud","a"],"category":"Memes"}"#;
    let changed = patch(&server, &token, &path, body).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let sound = changed.json();
    assert_eq!(
        (&sound["name"], &sound["file_name"]),
        (&"New name".into(), &"New name.wav".into())
    );
    assert_eq!(sound["tags"], serde_json::json!(["a", "loud"]));
    assert_eq!(sound["category"], "memes");
    assert_eq!(patch(&server, &token, &path, "{}").await.status, 404);
    let path = format!("/api/sounds/new%20name?guild={guild}");
    assert_eq!(token.get(&server, &path).await.body, changed.body);
    // What is not named stays.
    let changed = patch(&server, &token, &path, r#"{"category":null}"#)
        .await
        .json();
    assert_eq!(changed["tags"], serde_json::json!(["a", "loud"]));
    assert!(changed["category"].is_null());
    let same = patch(&server, &token, &path, "{}").await;
    assert_eq!(same.json(), changed);

    let deleted = delete(&server, &token, &path).await;
    assert_eq!(deleted.status, 200);
    let entry = deleted.json();
    let number = entry["id"].as_str().unwrap().to_owned();
    let shown = deleted.body.replace(&guild.to_string(), "<guild>");
    insta::assert_snapshot!(shown.replace(&ben.to_string(), "<ben>"), @r#"
    {
      "id": "1",
      "name": "New name",
      "guild_id": "<guild>",
      "uploader_id": "<ben>",
      "deleted_at": "2019-04-06T18:48:02Z",
      "restorable_until": "2019-05-06T18:48:02Z"
    }
    "#);
    assert_eq!(delete(&server, &token, &path).await.status, 404);
    let bin = format!("/api/guilds/{guild}/deleted-sounds");
    let list = token.get(&server, &bin).await;
    assert_eq!(list.header("x-total-count"), "1");
    assert_eq!(list.json()["results"][0], entry);
    let restore = format!("{bin}/{number}/restore");
    // Another has its name meanwhile.
    bring(&server, guild, ben, "NEW NAME", "tone.mp3").await;
    let refused = token.post(&server, &restore, "").await;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.error(), "there is a sound called New name already");
    let other = patch(&server, &token, &path, r#"{"name":"other"}"#).await;
    assert_eq!(other.status, 200);
    let restored = token.post(&server, &restore, "").await;
    assert_eq!(restored.status, 200, "{}", restored.body);
    assert_eq!(restored.json(), changed);
    assert_eq!(token.post(&server, &restore, "").await.status, 404);
    assert_eq!(token.get(&server, &bin).await.json()["n"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let ada = server.user("ada");
    bring(&server, guild, ada, "nice", "tone.wav").await;
    bring(&server, guild, ada, "taken", "tone.mp3").await;
    let token = server.token(ada).await;
    let path = format!("/api/sounds/nice?guild={guild}");
    let before = token.get(&server, &path).await.body;
    let many = format!(
        r#"{{"tags":["{}"]}}"#,
        (0..21)
            .map(|it| it.to_string())
            .collect::<Vec<_>>()
            .join("\",\"")
    );
    for (body, status, message) in [
        (
            r#"{"name":"TAKEN","tags":["a"]}"#,
            409,
            "there is a sound called TAKEN already",
        ),
        (
            r#"{"name":"a/b","tags":["a"]}"#,
            400,
            "a sound's name has 1 to 64",
        ),
        (r#"{"name":""}"#, 400, "a sound's name has 1 to 64"),
        (r#"{"name":null}"#, 400, "name must be a text, given once"),
        (
            r#"{"name":"a","name":"b"}"#,
            400,
            "name must be a text, given once",
        ),
        (
            r#"{"name":"fine","tags":["a,b"]}"#,
            400,
            "a tag has 1 to 32",
        ),
        (&many, 400, "a sound has 20 tags at most"),
        (
            r#"{"tags":"a"}"#,
            400,
            "tags must be a list of texts, given once",
        ),
        (
            r#"{"tags":[1]}"#,
            400,
            "tags must be a list of texts, given once",
        ),
        (
            r#"{"tags":null}"#,
            400,
            "tags must be a list of texts, given once",
        ),
        (
            r#"{"name":"fine","category":"<b>"}"#,
            400,
            "a tag has 1 to 32",
        ),
        (
            r#"{"category":1}"#,
            400,
            "category must be a text or null, given once",
        ),
        (
            r#"{"plays":1}"#,
            400,
            "a field is unknown: there are name, tags and category",
        ),
        ("[]", 400, "bad request"),
        ("", 400, "bad request"),
    ] {
        let answer = patch(&server, &token, &path, body).await;
        assert_eq!(answer.status, status, "{body}");
        let error = answer.error();
        assert!(error.starts_with(message), "{body}: {error}");
        assert_eq!(token.get(&server, &path).await.body, before, "{body}");
    }
    let twice = format!("{path}&guild={guild}");
    assert_eq!(patch(&server, &token, &twice, "{}").await.status, 400);
    let bin = format!("/api/guilds/{guild}/deleted-sounds");
    for (id, status) in [
        ("0", 404),
        ("1", 404),
        ("x", 400),
        ("-1", 400),
        ("9999999999", 400),
    ] {
        let answer = token
            .post(&server, &format!("{bin}/{id}/restore"), "")
            .await;
        assert_eq!(answer.status, status, "{id}");
        answer.error();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guilds_sounds_are_changed_by_who_brought_them_and_by_managers() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let (ada_id, ben_id, cleo_id) = (server.user("ada"), server.user("ben"), server.user("cleo"));
    let (ada, ben, cleo) = (
        server.token(ada_id).await,
        server.token(ben_id).await,
        server.token(cleo_id).await,
    );
    bring(&server, guild, ada_id, "adas", "tone.wav").await;
    bring(&server, guild, ben_id, "bens", "tone.mp3").await;
    // Who brought it is no member any more, or never was: it is the guild's all the same.
    bring(&server, guild, cleo_id, "cleos", "tone.flac").await;
    let bin = format!("/api/guilds/{guild}/deleted-sounds");
    let tag = r#"{"tags":["x"]}"#;
    let path = |name: &str| format!("/api/sounds/{name}?guild={guild}");
    let refused = |answer: &Answer, message: &str| {
        assert_eq!(answer.status, 403);
        assert_eq!(answer.error(), message);
    };
    for name in ["adas", "bens", "cleos", "nothing"] {
        refused(&patch(&server, &cleo, &path(name), tag).await, MEMBER);
        refused(&delete(&server, &cleo, &path(name)).await, MEMBER);
    }
    refused(&cleo.get(&server, &bin).await, MEMBER);
    refused(
        &cleo.post(&server, &format!("{bin}/1/restore"), "").await,
        MEMBER,
    );
    for name in ["adas", "cleos"] {
        refused(&patch(&server, &ben, &path(name), tag).await, AUTHOR);
        refused(&delete(&server, &ben, &path(name)).await, AUTHOR);
    }
    assert_eq!(
        patch(&server, &ben, &path("nothing"), tag).await.status,
        404
    );
    for name in ["adas", "bens", "cleos"] {
        assert_eq!(
            patch(&server, &ada, &path(name), tag).await.status,
            200,
            "{name}"
        );
        assert_eq!(
            delete(&server, &ada, &path(name)).await.status,
            200,
            "{name}"
        );
    }
    // Of what was deleted everybody sees what they may restore.
    let list = |answer: Answer| {
        let body = answer.json();
        let results = body["results"].as_array().unwrap().clone();
        let of = |it: &serde_json::Value| {
            (
                it["name"].as_str().unwrap().to_owned(),
                it["id"].as_str().unwrap().to_owned(),
            )
        };
        results.iter().map(of).collect::<Vec<_>>()
    };
    let all = list(ada.get(&server, &bin).await);
    assert_eq!(all.len(), 3);
    let own = list(ben.get(&server, &bin).await);
    assert_eq!(
        own.iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["bens"]
    );
    let restore = |name: &str| {
        let (_, id) = all.iter().find(|(it, _)| it == name).unwrap();
        format!("{bin}/{id}/restore")
    };
    refused(&ben.post(&server, &restore("adas"), "").await, AUTHOR);
    assert_eq!(ben.post(&server, &restore("bens"), "").await.status, 200);
    // A role makes a manager, for as long as it is held.
    let role = server
        .sim()
        .add_role(guild.get(), "m", permissions::MANAGE_GUILD)
        .unwrap();
    let role_id = RoleId::try_from(role).unwrap();
    let known = |app: &yuri::app::App| {
        let details = app.guilds.gateway().details(guild);
        details.is_some_and(|details| details.has_role(role_id))
    };
    server.until(known).await;
    server
        .sim()
        .set_roles(ben_id.get(), guild.get(), &[role])
        .unwrap();
    assert_eq!(ben.post(&server, &restore("adas"), "").await.status, 200);
    server
        .sim()
        .set_roles(ben_id.get(), guild.get(), &[])
        .unwrap();
    refused(&delete(&server, &ben, &path("adas")).await, AUTHOR);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_timed_out_or_gone_changes_nothing() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let ben_id = server.user("ben");
    let ada = server.token(server.user("ada")).await;
    let ben = server.token(ben_id).await;
    bring(&server, guild, ben_id, "bens", "tone.mp3").await;
    let tag = r#"{"tags":["x"]}"#;
    let path = |name: &str| format!("/api/sounds/{name}?guild={guild}");
    let refused = |answer: &Answer, message: &str| {
        assert_eq!(answer.status, 403);
        assert_eq!(answer.error(), message);
    };
    let until = server.clock.now_ms() + 60_000;
    let until = u64::try_from(until).unwrap();
    server
        .sim()
        .set_timeout(ben_id.get(), guild.get(), Some(until))
        .unwrap();
    refused(&patch(&server, &ben, &path("bens"), tag).await, AUTHOR);
    refused(&delete(&server, &ben, &path("bens")).await, AUTHOR);
    server
        .sim()
        .set_timeout(ben_id.get(), guild.get(), None)
        .unwrap();
    assert_eq!(patch(&server, &ben, &path("bens"), tag).await.status, 200);
    server
        .sim()
        .remove_member(ben_id.get(), guild.get())
        .unwrap();
    refused(&patch(&server, &ben, &path("bens"), tag).await, MEMBER);
    refused(&delete(&server, &ben, &path("bens")).await, MEMBER);
    assert_eq!(delete(&server, &ada, &path("bens")).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_sounds_are_described_by_administrators_and_moved_by_nobody() {
    // The simulated Discord's users have the same ids each time.
    let server = server(setup(), &[("horn.wav", Some("tone.wav"))]).await;
    let guild = server.guild();
    let ada = server.token(server.user("ada")).await;
    let paths = [
        "/api/sounds/horn".to_owned(),
        format!("/api/sounds/horn?guild={guild}"),
    ];
    let tag = r#"{"tags":["brass"],"category":"music"}"#;
    for path in &paths {
        // She owns the guild, which does not matter here.
        let answer = patch(&server, &ada, path, tag).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (403, ADMINISTRATOR)
        );
        assert_eq!(delete(&server, &ada, path).await.status, 403);
    }
    let nothing = patch(&server, &ada, "/api/sounds/nothing", tag).await;
    assert_eq!(nothing.error(), ADMINISTRATOR);
    let ada_id = server.user("ada").to_string();
    server.stop().await;

    let setup = setup().set("YURI_ADMINS", ada_id);
    let server = super::library::server(setup, &[("horn.wav", Some("tone.wav"))]).await;
    let (ada, ben) = (
        server.token(server.user("ada")).await,
        server.token(server.user("ben")).await,
    );
    let paths = [
        "/api/sounds/horn".to_owned(),
        format!("/api/sounds/horn?guild={}", server.guild()),
    ];
    for path in &paths {
        assert_eq!(patch(&server, &ben, path, tag).await.error(), ADMINISTRATOR);
        let changed = patch(&server, &ada, path, tag).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_eq!(changed.json()["category"], "music");
        let renamed = patch(&server, &ada, path, r#"{"name":"x","category":null}"#).await;
        assert_eq!(renamed.status, 403);
        assert_eq!(
            renamed.error(),
            "the operator's sounds are renamed in their folder only"
        );
        let deleted = delete(&server, &ada, path).await;
        assert_eq!(deleted.status, 403);
        assert_eq!(
            deleted.error(),
            "the operator's sounds are changed in their folder only"
        );
    }
    let list = ben
        .get(&server, "/api/sounds?tag=brass&category=music")
        .await;
    assert_eq!(names(&list), ["horn.wav"]);
    assert!(server.sounds().join("horn.wav").exists());
    assert_eq!(
        patch(&server, &ada, "/api/sounds/nothing", tag)
            .await
            .status,
        404
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_changes_sounds_only_from_our_pages() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    bring(&server, guild, server.user("ada"), "nice", "tone.wav").await;
    let browser = Browser::login(&server, "ada").await;
    let path = format!("/api/sounds/nice?guild={guild}");
    for origin in [None, Some("http://evil.test")] {
        let request = browser.request(Method::DELETE, &path);
        let request = match origin {
            Some(origin) => request.header("Origin", origin),
            None => request,
        };
        assert_eq!(Answer::of(request).await.status, 403);
    }
    let request = browser
        .request(Method::DELETE, &path)
        .header("Origin", SITE);
    assert_eq!(Answer::of(request).await.status, 200);
    server.clock.advance(Duration::from_hours(1));
    let token = server.token(server.user("ada")).await;
    let bin = token
        .get(&server, &format!("/api/guilds/{guild}/deleted-sounds"))
        .await;
    assert_eq!(bin.json()["n"], 1);
    server.stop().await;
}
