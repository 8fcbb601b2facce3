//! A guild and its settings over REST: who may see them, who may change them, and to what.

use discord_sim::permissions;
use reqwest::Method;
use yuri::app::App;
use yuri::domain::settings::GuildSettings;
use yuri::ids::{GuildId, RoleId};

use crate::support::browser::Browser;
use crate::support::{Answer, Server, Setup, Token};

async fn server() -> Server {
    let setup = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "1000")
        .set("YURI_DISCORD__MESSAGE_PREFIX", "y!");
    setup.start().await
}

async fn patch(server: &Server, caller: &Token, guild: GuildId, body: &str) -> Answer {
    let request = server.request(Method::PATCH, &format!("/api/guilds/{guild}"));
    let request = caller
        .sign(request)
        .header("Content-Type", "application/json");
    Answer::of(request.body(body.to_owned())).await
}

/// A role that the bot knows of as well.
async fn add_role(server: &Server, name: &str, rights: u64) -> RoleId {
    let guild = server.guild();
    let role = server.sim().add_role(guild.get(), name, rights).unwrap();
    let role = RoleId::try_from(role).unwrap();
    let knows = |app: &App| {
        let details = app.guilds.gateway().details(guild);
        details.is_some_and(|details| details.has_role(role))
    };
    server.until(knows).await;
    role
}

async fn settings(server: &Server) -> GuildSettings {
    let settings = server.app.settings.get(server.guild()).await.unwrap();
    GuildSettings::clone(&settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn members_read_them_and_managers_change_them() {
    let server = server().await;
    let guild = server.guild();
    let path = format!("/api/guilds/{guild}");
    let ada = server.token(server.user("ada")).await;
    let ben = server.token(server.user("ben")).await;
    let cleo = server.token(server.user("cleo")).await;
    let read = ben.get(&server, &path).await;
    assert_eq!(read.status, 200);
    insta::assert_snapshot!(read.body.replace(&guild.to_string(), "<guild>"), @r#"
    {
      "id": "<guild>",
      "name": "Sound Lab",
      "icon": null,
      "prefix": null,
      "language": null,
      "commands": [],
      "mode": "replace",
      "volume": 100,
      "leave_after_s": 60,
      "loudness_lufs": null,
      "dj_roles": [],
      "blocked_roles": [],
      "entrances": true,
      "fast_trigger": true,
      "early_join": false
    }
    "#);
    assert_eq!(read.header("cache-control"), "no-store");
    let stranger = cleo.get(&server, &path).await;
    assert_eq!(stranger.status, 403);
    assert_eq!(stranger.error(), "you must be a member of this guild");

    let dj = add_role(&server, "dj", 0).await;
    let quiet = add_role(&server, "quiet", 0).await;
    let all = format!(
        r#"{{"prefix":"!!","language":"de","mode":"queue","volume":85,"leave_after_s":null,
            "loudness_lufs":-14.5,"dj_roles":["{dj}","{quiet}"],"blocked_roles":["{quiet}"],
            "entrances":false,"fast_trigger":false,"early_join":true}}"#
    );
    let changed = patch(&server, &ada, guild, &all).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let now = changed.json();
    for (field, value) in [
        ("prefix", serde_json::json!("!!")),
        ("language", "de".into()),
        ("mode", "queue".into()),
        ("volume", 85.into()),
        ("leave_after_s", serde_json::Value::Null),
        ("loudness_lufs", serde_json::json!(-14.5)),
        // Who is blocked is no DJ.
        ("dj_roles", serde_json::json!([dj.to_string()])),
        ("blocked_roles", serde_json::json!([quiet.to_string()])),
        ("entrances", false.into()),
        ("fast_trigger", false.into()),
        ("early_join", true.into()),
    ] {
        assert_eq!(now[field], value, "{field}");
    }
    assert_eq!(ben.get(&server, &path).await.body, changed.body);
    let back = r#"{"prefix":null,"language":null,"loudness_lufs":null,"dj_roles":[]}"#;
    let back = patch(&server, &ada, guild, back).await.json();
    assert!(back["prefix"].is_null() && back["language"].is_null());
    assert!(back["loudness_lufs"].is_null());
    assert_eq!(
        (&back["volume"], &back["mode"]),
        (&85.into(), &"queue".into())
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_those_of_this_moment() {
    let server = server().await;
    let guild = server.guild();
    let (ben_id, cleo_id) = (server.user("ben"), server.user("cleo"));
    let ben = server.token(ben_id).await;
    let cleo = server.token(cleo_id).await;
    let roles = |roles: &[RoleId]| {
        let ids: Vec<u64> = roles.iter().map(|role| role.get()).collect();
        server
            .sim()
            .set_roles(ben_id.get(), guild.get(), &ids)
            .unwrap();
    };
    let dj = add_role(&server, "dj", 0).await;
    let manager = add_role(&server, "manager", permissions::MANAGE_GUILD).await;
    let administrator = add_role(&server, "administrator", permissions::ADMINISTRATOR).await;
    let body = format!(r#"{{"dj_roles":["{dj}"],"blocked_roles":["{manager}"]}}"#);
    let ada = server.token(server.user("ada")).await;
    assert_eq!(patch(&server, &ada, guild, &body).await.status, 200);

    let change = r#"{"volume":50}"#;
    for (held, may) in [
        (vec![], false),
        (vec![dj], false),
        // Blocked from playing, not from managing.
        (vec![manager], true),
        (vec![dj, administrator], true),
        (vec![dj], false),
    ] {
        roles(&held);
        let answer = patch(&server, &ben, guild, change).await;
        if may {
            assert_eq!(answer.status, 200, "{held:?}");
        } else {
            assert_eq!(answer.status, 403, "{held:?}");
            assert_eq!(answer.error(), "you must be a manager of this guild");
        }
    }
    let stranger = patch(&server, &cleo, guild, change).await;
    assert_eq!(stranger.status, 403);
    assert_eq!(stranger.error(), "you must be a member of this guild");
    let nowhere = patch(&server, &ada, GuildId::try_from(7).unwrap(), change).await;
    assert_eq!(
        (nowhere.status, nowhere.body),
        (stranger.status, stranger.body)
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_by_name_and_changes_nothing() {
    let server = server().await;
    let guild = server.guild();
    let ada = server.token(server.user("ada")).await;
    let before = settings(&server).await;
    let role = add_role(&server, "dj", 0).await;
    let bad = |field: &str, values: &[&str]| {
        let values = values
            .iter()
            .map(|value| format!(r#"{{"{field}":{value}}}"#));
        (field.to_owned(), values.collect::<Vec<_>>())
    };
    let twice = format!(r#"["{role}","{role}"]"#);
    let everyone = format!(r#"["{guild}"]"#);
    let many = format!("[{}]", vec![format!("\"{role}\""); 26].join(","));
    let lists = [
        twice.as_str(),
        everyone.as_str(),
        many.as_str(),
        r#"["7"]"#,
        r#"["x"]"#,
        "[7]",
        "null",
        r#""7""#,
    ];
    for (field, bodies) in [
        bad("prefix", &["1", "[]", r#""a b""#, r#""12345678901""#]),
        bad("language", &[r#""fr""#, r#""""#, "1"]),
        bad("mode", &[r#""loud""#, "null", "1"]),
        bad(
            "volume",
            &["201", "-1", "1e3", "80.5", "65536", "null", r#""80""#],
        ),
        bad("leave_after_s", &["-1", "86401", "1.5", r#""1""#]),
        bad(
            "loudness_lufs",
            &["-31.01", "-4.99", "0", "1e400", r#""-16""#],
        ),
        bad("dj_roles", &lists),
        bad("blocked_roles", &lists),
        bad("entrances", &["1", "null", r#""true""#]),
        bad("fast_trigger", &["0"]),
        bad("early_join", &["[]"]),
    ] {
        for body in bodies {
            let answer = patch(&server, &ada, guild, &body).await;
            assert_eq!(answer.status, 400, "{body}");
            // What is not even JSON has no fields.
            let message = answer.error();
            let named = message.contains(&field) || body.contains("1e400");
            assert!(named, "{body}: {message}");
        }
    }
    let twice = patch(&server, &ada, guild, r#"{"volume":10,"volume":20}"#).await;
    assert_eq!(twice.status, 400);
    assert_eq!(twice.error(), "volume must be 0 to 200, given once");
    let unknown = patch(&server, &ada, guild, r#"{"volume":10,"colour":1}"#).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.error().starts_with("a field is unknown: "));
    for body in ["", "[]", "null", "{", "7"] {
        assert_eq!(
            patch(&server, &ada, guild, body).await.status,
            400,
            "{body}"
        );
    }
    // One bad field, and the good ones do not count either.
    let half = patch(&server, &ada, guild, r#"{"mode":"queue","volume":201}"#).await;
    assert_eq!(half.status, 400);
    assert_eq!(settings(&server).await, before);
    assert_eq!(patch(&server, &ada, guild, "{}").await.status, 200);
    assert_eq!(settings(&server).await, before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_needs_messages_to_be_read() {
    let server = Setup::with_discord().start().await;
    let ada = server.token(server.user("ada")).await;
    let refused = patch(&server, &ada, server.guild(), r#"{"prefix":"!"}"#).await;
    assert_eq!(refused.status, 409);
    assert_eq!(
        refused.error(),
        "whoever runs this bot has not let it read messages, mention it instead"
    );
    assert_eq!(settings(&server).await.prefix, None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_changes_them_only_from_our_pages() {
    let server = server().await;
    let browser = Browser::login(&server, "ada").await;
    let path = format!("/api/guilds/{}", server.guild());
    let send = |origin: Option<&str>| {
        let request = browser.request(Method::PATCH, &path);
        let request = request.header("Content-Type", "application/json");
        let request = match origin {
            Some(origin) => request.header("Origin", origin),
            None => request,
        };
        Answer::of(request.body(r#"{"volume":40}"#))
    };
    assert_eq!(send(None).await.status, 403);
    assert_eq!(send(Some("http://evil.test")).await.status, 403);
    assert_eq!(settings(&server).await.volume.percent(), 100);
    assert_eq!(send(Some(crate::support::SITE)).await.status, 200);
    assert_eq!(settings(&server).await.volume.percent(), 40);
    server.stop().await;
}
