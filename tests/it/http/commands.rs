//! A guild's own commands over REST: who may see and change them, and what becomes of two changes
//! at once.

use discord_sim::permissions;
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Server, Setup, Token};

pub(super) async fn server() -> (Server, Token) {
    let setup = Setup::with_discord().set("YURI_LIMITS__BURST", "1000");
    let server = setup.start().await;
    std::fs::write(server.sounds().join("Air Horn.wav"), b"not yet").unwrap();
    server
        .until(|app| app.library.find("air horn").is_some())
        .await;
    let ada = server.token(server.user("ada")).await;
    (server, ada)
}

pub(super) fn path(server: &Server) -> String {
    format!("/api/guilds/{}/commands", server.guild())
}

/// Sends a body, with the versions that it relies on.
pub(super) async fn send(
    server: &Server,
    caller: &Token,
    method: Method,
    path: &str,
    body: &str,
    if_match: Option<&str>,
) -> Answer {
    let request = caller.sign(server.request(method, path));
    let request = request.header("Content-Type", "application/json");
    let request = match if_match {
        Some(tags) => request.header("If-Match", tags),
        None => request,
    };
    Answer::of(request.body(body.to_owned())).await
}

async fn patch(server: &Server, caller: &Token, path: &str, body: &str, tags: &str) -> Answer {
    send(server, caller, Method::PATCH, path, body, Some(tags)).await
}

pub(super) fn text(command: &str, content: &str) -> String {
    json!({"command": command, "response": {"type": "text", "content": content}}).to_string()
}

/// Makes a command; answers its path.
pub(super) async fn create(server: &Server, caller: &Token, body: &str) -> String {
    let created = caller.post(server, &path(server), body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    format!("{}/{id}", path(server))
}

#[tokio::test(flavor = "multi_thread")]
async fn managers_make_change_and_delete_what_members_see() {
    let (server, ada) = server().await;
    let ben = server.token(server.user("ben")).await;
    let list = path(&server);
    let made = text("rules", "Be nice, {user}. @everyone <@&1> {{7*7}} ${}");
    let made = ada.post(&server, &list, &made).await;
    assert_eq!(made.status, 201);
    assert_eq!(
        (made.header("etag"), made.header("x-hidden-sound")),
        ("\"1\"", "")
    );
    assert_eq!(made.header("cache-control"), "no-store");
    insta::assert_snapshot!(made.body.replace(&server.guild().to_string(), "<guild>"), @r#"
    {
      "id": "1",
      "guild_id": "<guild>",
      "command": "rules",
      "response": {
        "type": "text",
        "content": "Be nice, {user}. @everyone <@&1> {{7*7}} ${}"
      }
    }
    "#);
    let one = format!("{list}/1");
    let read = ben.get(&server, &one).await;
    assert_eq!((read.status.as_u16(), &read.body), (200, &made.body));
    assert_eq!(read.header("etag"), "\"1\"");

    let embed = json!({"response": {"type": "embed", "title": "{guild}"}}).to_string();
    let embed = patch(&server, &ada, &one, &embed, "\"1\"").await;
    assert_eq!(
        (embed.status.as_u16(), embed.header("etag")),
        (200, "\"2\"")
    );
    insta::assert_snapshot!(embed.body.replace(&server.guild().to_string(), "<guild>"), @r#"
    {
      "id": "1",
      "guild_id": "<guild>",
      "command": "rules",
      "response": {
        "type": "embed",
        "title": "{guild}",
        "description": null,
        "url": null,
        "color": null,
        "fields": []
      }
    }
    "#);
    create(&server, &ada, &text("a-first", "x")).await;
    let all = ben.get(&server, &list).await.json();
    let guild = ben
        .get(&server, &format!("/api/guilds/{}", server.guild()))
        .await
        .json();
    assert_eq!(
        (&all["n"], &guild["commands"]),
        (&json!(2), &all["results"])
    );
    assert_eq!(
        (&all["results"][0]["id"], &all["results"][1]),
        (&json!("2"), &embed.json())
    );

    let gone = send(&server, &ada, Method::DELETE, &one, "", None).await;
    assert_eq!((gone.status.as_u16(), gone.body.as_str()), (200, "{}"));
    let gone = send(&server, &ada, Method::DELETE, &one, "", None).await;
    assert_eq!(gone.status, 404);
    assert_eq!(gone.error(), "there is no such command");
    assert_eq!(ben.get(&server, &one).await.status, 404);
    assert_eq!(ben.get(&server, &list).await.json()["n"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_is_one_that_is_there_and_one_that_is_hidden_is_named() {
    let (server, ada) = server().await;
    let list = path(&server);
    let sound = |command: &str, sound: &str| {
        json!({"command": command, "response": {"type": "sound", "sound": sound}}).to_string()
    };
    let unknown = ada.post(&server, &list, &sound("horn", "kazoo")).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(
        unknown.error(),
        "there is no sound of this name, see the list of sounds"
    );
    std::fs::write(server.sounds().join("tür.wav"), b"not yet").unwrap();
    server.until(|app| app.library.find("tür").is_some()).await;
    let hiding = ada.post(&server, &list, &sound("tür", "air horn")).await;
    assert_eq!(hiding.status, 201);
    // Percent-encoded, as headers want it.
    assert_eq!(hiding.header("x-hidden-sound"), "t%C3%BCr");
    let one = format!("{list}/{}", hiding.json()["id"].as_str().unwrap());
    let renamed = patch(&server, &ada, &one, r#"{"command":"horn"}"#, "*").await;
    assert_eq!(
        (renamed.status.as_u16(), renamed.header("x-hidden-sound")),
        (200, "")
    );
    assert_eq!(renamed.json()["response"]["sound"], "air horn");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_those_of_this_moment() {
    let (server, ada) = server().await;
    let guild = server.guild();
    let ben = server.token(server.user("ben")).await;
    let cleo = server.token(server.user("cleo")).await;
    let list = path(&server);
    let one = create(&server, &ada, &text("rules", "x")).await;
    let body = text("other", "y");
    let writes = [
        (Method::POST, &list),
        (Method::PATCH, &one),
        (Method::DELETE, &one),
    ];
    for (caller, text) in [
        (&ben, "you must be a manager of this guild"),
        (&cleo, "you must be a member of this guild"),
    ] {
        for (method, path) in &writes {
            let refused = send(&server, caller, method.clone(), path, &body, None).await;
            assert_eq!(refused.status, 403, "{method}");
            assert_eq!(refused.error(), text, "{method}");
        }
    }
    for path in [&list, &one] {
        assert_eq!(ben.get(&server, path).await.status, 200);
        let stranger = cleo.get(&server, path).await;
        let nowhere = path.replace(&guild.to_string(), "7");
        let nowhere = ada.get(&server, &nowhere).await;
        assert_eq!(
            (stranger.status.as_u16(), stranger.body),
            (403, nowhere.body)
        );
        assert_eq!(Answer::of(server.get(path)).await.status, 401);
    }
    // Whoever is given the right has it at once.
    let role = server
        .sim()
        .add_role(guild.get(), "manager", permissions::MANAGE_GUILD)
        .unwrap();
    let knows = |app: &yuri::app::App| {
        let details = app.guilds.gateway().details(guild);
        details.is_some_and(|details| details.has_role(role.try_into().unwrap()))
    };
    server.until(knows).await;
    let ben_id = server.user("ben").get();
    server
        .sim()
        .set_roles(ben_id, guild.get(), &[role])
        .unwrap();
    assert_eq!(ben.post(&server, &list, &body).await.status, 201);
    server.sim().set_roles(ben_id, guild.get(), &[]).unwrap();
    let refused = send(&server, &ben, Method::DELETE, &one, "", None).await;
    assert_eq!(refused.status, 403);
    assert_eq!(ada.get(&server, &list).await.json()["n"], 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_there_once_and_none_of_the_bots_own() {
    let (server, ada) = server().await;
    let list = path(&server);
    let one = create(&server, &ada, &text("rules", "x")).await;
    create(&server, &ada, &text("tu\u{308}r", "x")).await;
    for taken in ["rules", "tür"] {
        let refused = ada.post(&server, &list, &text(taken, "y")).await;
        assert_eq!(refused.status, 409);
        assert_eq!(
            refused.error(),
            format!("this guild has a command of the name {taken}")
        );
    }
    let renamed = patch(&server, &ada, &one, r#"{"command":"tür"}"#, "*").await;
    assert_eq!(renamed.status, 409);
    for built_in in ["play", "settings", "help", "board"] {
        let text_of = format!("/{built_in} is one of the bot's own commands");
        let refused = ada.post(&server, &list, &text(built_in, "y")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.error()),
            (409, text_of.clone())
        );
        let body = json!({ "command": built_in }).to_string();
        let refused = patch(&server, &ada, &one, &body, "*").await;
        assert_eq!((refused.status.as_u16(), refused.error()), (409, text_of));
    }
    // Its own name is no conflict, and no change either.
    let same = patch(&server, &ada, &one, r#"{"command":"rules"}"#, "\"1\"").await;
    assert_eq!((same.status.as_u16(), same.header("etag")), (200, "\"1\""));
    let nothing = patch(&server, &ada, &one, "{}", "\"1\"").await;
    assert_eq!(
        (nothing.status.as_u16(), nothing.header("etag")),
        (200, "\"1\"")
    );

    for number in 2..50 {
        create(&server, &ada, &text(&format!("c{number}"), "x")).await;
    }
    let full = ada.post(&server, &list, &text("one-more", "x")).await;
    assert_eq!(full.status, 409);
    assert_eq!(full.error(), "this guild has 50 commands, delete one first");
    let renamed = patch(&server, &ada, &one, r#"{"command":"one-more"}"#, "\"1\"").await;
    assert_eq!(renamed.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_change_a_command_one_is_told() {
    let (server, ada) = server().await;
    let one = create(&server, &ada, &text("rules", "x")).await;
    let (a, b) = (text("a", "a"), text("b", "b"));
    let (a, b) = tokio::join!(
        patch(&server, &ada, &one, &a, "\"1\""),
        patch(&server, &ada, &one, &b, "\"1\""),
    );
    let (won, lost) = if a.status == 200 { (a, b) } else { (b, a) };
    assert_eq!((won.status.as_u16(), won.header("etag")), (200, "\"2\""));
    assert_eq!(lost.status, 412);
    assert_eq!(
        lost.error(),
        "the command has changed meanwhile, read it again"
    );
    assert_eq!(ada.get(&server, &one).await.body, won.body);

    for stale in [
        "\"1\"",
        "W/\"2\"",
        "2",
        "\"02\"",
        "\"1\", \"3\"",
        "nonsense",
        "",
    ] {
        let change = patch(&server, &ada, &one, r#"{"command":"late"}"#, stale).await;
        assert_eq!(change.status, 412, "{stale}");
        let delete = send(&server, &ada, Method::DELETE, &one, "", Some(stale)).await;
        assert_eq!(delete.status, 412, "{stale}");
    }
    // Also where the change would be none, or could not be made.
    assert_eq!(patch(&server, &ada, &one, "{}", "\"1\"").await.status, 412);
    assert_eq!(ada.get(&server, &one).await.body, won.body);
    let fresh = patch(
        &server,
        &ada,
        &one,
        r#"{"command":"third"}"#,
        "\"9\", \"2\"",
    )
    .await;
    assert_eq!(
        (fresh.status.as_u16(), fresh.header("etag")),
        (200, "\"3\"")
    );
    let careless = send(
        &server,
        &ada,
        Method::PATCH,
        &one,
        r#"{"command":"d"}"#,
        None,
    )
    .await;
    assert_eq!(
        (careless.status.as_u16(), careless.header("etag")),
        (200, "\"4\"")
    );
    let gone = send(&server, &ada, Method::DELETE, &one, "", Some("\"4\"")).await;
    assert_eq!(gone.status, 200);
    let gone = patch(&server, &ada, &one, "{}", "*").await;
    assert_eq!(gone.status, 404);
    server.stop().await;
}
