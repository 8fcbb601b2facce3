//! `/botapi`: the closed list, who may ask for what of it, and that nothing else reaches Discord.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use discord_sim::{Effect, Fault, HttpAnswer, OverwriteTarget, Requests, Sound, permissions};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use yuri::ids::ChannelId;

use crate::support::{Answer, Server, Setup, Token};

async fn server() -> Server {
    let setup = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "10000")
        .set("YURI_DISCORD__MEMBERS_INTENT", "true")
        .set("YURI_DISCORD__BOTAPI_MESSAGES", "true");
    setup.start().await
}

/// Waits until the bot has nothing more to say to Discord of its own.
async fn registered(server: &Server) {
    let patience = std::time::Duration::from_secs(20);
    assert!(server.sim().wait_command("play", patience).await);
}

/// Status and body of a request that is sent as it is written: a client would tidy the path up.
async fn raw(server: &Server, token: &Token, method: &str, path: &str) -> (u16, String) {
    let credential = STANDARD.encode(format!("{}:{}", token.user, token.secret));
    let request = format!(
        "{method} /botapi{path} HTTP/1.1\r\nHost: yuri.test\r\nConnection: close\r\n\
         Authorization: Basic {credential}\r\nX-Audit-Log-Reason: because\r\n\r\n"
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_of_the_list_has_its_right() {
    let server = server().await;
    let (sim, guild) = (server.sim(), server.guild());
    let view = sim.guilds().remove(0);
    let general = view.text_channel.unwrap();
    let elsewhere = sim.guilds().remove(1);
    let (ada, ben, cleo) = (
        server.token(server.user("ada")).await,
        server.token(server.user("ben")).await,
        server.token(server.user("cleo")).await,
    );
    let g = format!("guilds/{guild}");
    for (path, of_ada, of_ben, of_cleo) in [
        ("users/@me".to_owned(), 200, 200, 200),
        ("users/@me/guilds".to_owned(), 200, 200, 200),
        ("soundboard-default-sounds".to_owned(), 200, 200, 200),
        (g.clone(), 200, 200, 403),
        (format!("{g}/preview"), 200, 200, 403),
        (format!("{g}/channels"), 200, 200, 403),
        (format!("{g}/roles"), 200, 200, 403),
        (format!("{g}/emojis"), 200, 200, 403),
        (format!("{g}/soundboard-sounds"), 200, 200, 403),
        (format!("{g}/regions"), 200, 200, 403),
        (format!("{g}/members?limit=2"), 200, 403, 403),
        (
            format!("{g}/members/search?query=be&limit=5"),
            200,
            403,
            403,
        ),
        (format!("{g}/members/{}", ben.user), 200, 200, 403),
        (format!("{g}/members/{}", ada.user), 200, 403, 403),
        (format!("{g}/members/{}", cleo.user), 404, 403, 403),
        (format!("{g}/voice-states/{}", ada.user), 200, 200, 403),
        (format!("{g}/voice-states/{}", ben.user), 404, 404, 403),
        (format!("channels/{general}"), 200, 200, 403),
        (
            format!("channels/{general}/messages?limit=1"),
            200,
            403,
            403,
        ),
        // The bot is there, none of them is; and nobody is.
        (format!("guilds/{}/channels", elsewhere.id), 403, 403, 403),
        (
            format!("channels/{}", elsewhere.text_channel.unwrap()),
            403,
            403,
            403,
        ),
        ("guilds/1/roles".to_owned(), 403, 403, 403),
        ("channels/1".to_owned(), 403, 403, 403),
    ] {
        for (token, status) in [(&ada, of_ada), (&ben, of_ben), (&cleo, of_cleo)] {
            let answer = token.get(&server, &format!("/botapi/{path}")).await;
            assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.body);
            if token.user == cleo.user && status == 403 {
                assert_eq!(
                    answer.error(),
                    "you must be a member of this guild",
                    "{path}"
                );
            }
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_discords_in_form_and_hide_what_the_caller_does_not_see() {
    let server = server().await;
    let (sim, guild) = (server.sim(), server.guild());
    let view = sim.guilds().remove(0);
    let (general, lounge) = (view.text_channel.unwrap(), view.voice_channel.unwrap());
    sim.add_sound(guild.get(), Sound::new(0, "boing", Vec::new()))
        .unwrap();
    let (ada, ben, cleo) = (
        server.token(server.user("ada")).await,
        server.token(server.user("ben")).await,
        server.token(server.user("cleo")).await,
    );
    sim.send_message(ben.user.get(), general, "hello").unwrap();
    server.add_user(ada.user, &[guild]).await;
    let g = format!("guilds/{guild}");
    let get = async |token: &Token, path: &str| token.get(&server, path).await.json();
    let bot = sim.application().id;
    let profile = get(&cleo, "/botapi/users/@me").await;
    assert_eq!(
        (&profile["id"], &profile["bot"]),
        (&json!(bot.to_string()), &json!(true))
    );
    assert_eq!(
        get(&ada, "/botapi/users/@me/guilds").await,
        json!([{"id": guild.to_string(), "name": "Sound Lab", "icon": null}])
    );
    assert_eq!(get(&cleo, "/botapi/users/@me/guilds").await, json!([]));
    let seat = get(&ben, &format!("/botapi/{g}/voice-states/{}", ada.user)).await;
    assert_eq!(seat["channel_id"], lounge.to_string());
    assert_eq!(seat.get("session_id"), None);
    let found = get(
        &ada,
        &format!("/botapi/{g}/members/search?query=be&limit=5"),
    )
    .await;
    assert_eq!(found[0]["user"]["username"], "ben");
    let messages = get(
        &ada,
        &format!("/botapi/channels/{general}/messages?limit=1"),
    )
    .await;
    assert_eq!(messages[0]["author"]["username"], "ben");
    let sounds = get(&ben, &format!("/botapi/{g}/soundboard-sounds")).await;
    assert_eq!(sounds["items"][0]["name"], "boing");
    assert_eq!(sounds["items"][0].get("user"), None);
    assert_eq!(
        get(&ben, &format!("/botapi/{g}/preview")).await["name"],
        "Sound Lab"
    );

    // Down to the channel.
    let target = OverwriteTarget::Member(ben.user.get());
    for channel in [general, lounge] {
        let hidden = permissions::VIEW_CHANNEL;
        sim.set_overwrite(channel, target, 0, hidden).unwrap();
    }
    let lounge = ChannelId::try_from(lounge).unwrap();
    server
        .until(|app| {
            let channel = app.guilds.gateway().channel(guild, lounge);
            channel.is_some_and(|channel| !channel.overwrites.is_empty())
        })
        .await;
    for path in [
        format!("channels/{general}"),
        format!("{g}/voice-states/{}", ada.user),
    ] {
        let hidden = ben.get(&server, &format!("/botapi/{path}")).await;
        assert_eq!(hidden.status, 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_reaches_discord() {
    let server = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "10000")
        .start()
        .await;
    let ada = server.token(server.user("ada")).await;
    let guild = server.guild();
    let channel = server.sim().guilds()[0].text_channel.unwrap();
    registered(&server).await;
    server.sim().clear_requests();
    let hostile: Vec<String> = [
        "",
        "/",
        "/guilds/{g}/../2",
        "/guilds/{g}/%2e%2e/2",
        "/guilds/{g}/..%2f2",
        "/guilds/{g}%2F..%2F2",
        "/guilds/{g}/%252e%252e/2",
        "/guilds//{g}",
        "//guilds/{g}",
        "/guilds/{g}/",
        "/guilds/{g}//channels",
        "/guilds/{g};a",
        "/guilds/{g}/channels;a=b",
        "/guilds/{g}%3Flimit=1",
        "/guilds/{g}%23",
        "/guilds/{g}%00",
        "/guilds/{g}%0d%0aX-A:%20b",
        "/guilds/%20{g}",
        "/guilds/0",
        "/guilds/0{g}",
        "/guilds/-1",
        "/guilds/18446744073709551615",
        "/guilds/1e3/channels",
        "/@evil.example/guilds/{g}",
        "/http://evil.example/guilds/{g}",
        "/v10/guilds/{g}",
        "/../v9/guilds/{g}",
        "/users/@me/channels",
        "/users/1",
        "/users/%40me",
        "/channels/{c}/messages",
        "/channels/{c}/messages/1",
        "/channels/{c}/webhooks",
        "/channels/{c}/invites",
        "/webhooks/1",
        "/webhooks/1/token",
        "/guilds/{g}/webhooks",
        "/guilds/{g}/audit-logs",
        "/guilds/{g}/bans",
        "/guilds/{g}/invites",
        "/guilds/{g}/integrations",
        "/guilds/{g}/vanity-url",
        "/guilds/{g}/members/@me",
        "/gateway",
        "/gateway/bot",
        "/applications/@me",
        "/oauth2/applications/@me",
        "/interactions/1/token/callback",
        "/invites/abc",
        // Of the list, but for the query.
        "/guilds/{g}/channels?limit=1",
        "/guilds/{g}/members?limit=1&limit=2",
        "/guilds/{g}/members?%6cimit=1&limit=2",
        "/guilds/{g}/members?limit=0",
        "/guilds/{g}/members?after=1%26token",
        "/guilds/{g}/members/search",
        "/guilds/{g}/members/search?query=",
        "/users/@me?with_token=1",
    ]
    .iter()
    .map(|path| path.replace("{g}", &guild.to_string()))
    .map(|path| path.replace("{c}", &channel.to_string()))
    .collect();
    for path in &hostile {
        let (status, body) = raw(&server, &ada, "GET", path).await;
        assert!(matches!(status, 400 | 403), "{path}: {status} {body}");
        assert!(body.starts_with("{\n  \"error\": {"), "{path}: {body}");
        if status == 403 {
            assert!(body.contains("endpoint not allowed"), "{path}: {body}");
        }
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
        for path in [format!("/guilds/{guild}/channels"), "/webhooks/1".into()] {
            let (status, body) = raw(&server, &ada, method, &path).await;
            assert_eq!(status, 405, "{method} {path}: {body}");
        }
    }
    let wrong = server.request(Method::DELETE, "/botapi/users/@me");
    let wrong = Answer::of(ada.sign(wrong)).await;
    assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, "GET"));
    let stranger = Answer::of(server.get("/botapi/users/@me")).await;
    assert_eq!(
        (stranger.status.as_u16(), stranger.error().as_str()),
        (401, "unauthorized")
    );
    let sent: Vec<_> = server.sim().requests();
    assert!(sent.is_empty(), "{sent:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_charged_whatever_comes_of_it() {
    let server = Setup::with_discord().start().await;
    let ada = server.token(server.user("ada")).await;
    for (remaining, path) in (0..5)
        .rev()
        .zip(["users/@me", "webhooks/1", "", "guilds/1", "x"])
    {
        let answer = ada.get(&server, &format!("/botapi/{path}")).await;
        let (limit, left, _) = answer.budget().unwrap();
        assert_eq!((limit, left), (5, remaining), "{path}");
    }
    assert_eq!(ada.get(&server, "/botapi/users/@me").await.status, 429);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_discord_refuses_is_shown_once() {
    let server = server().await;
    let ada = server.token(server.user("ada")).await;
    let sim = server.sim();
    let no = Effect::Answer(HttpAnswer::status(401));
    sim.fault(Fault::on(Requests::to("/users/@me"), no).times(1))
        .unwrap();
    registered(&server).await;
    sim.clear_requests();
    for _ in 0..100 {
        let answer = ada.get(&server, "/botapi/users/@me").await;
        assert_eq!(answer.status, 502);
        assert_eq!(answer.error(), "discord refuses the bot's token");
    }
    assert_eq!(sim.requests().len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_answers_of_discords_go_no_further() {
    let server = server().await;
    let ada = server.token(server.user("ada")).await;
    let guild = server.guild();
    let sim = server.sim();
    let user = json!({"id": "5", "username": "a", "discriminator": "0", "token": "canary"});
    let shown = json!({
        "id": "7", "name": "a", "icon": null, "splash": null, "discovery_splash": null,
        "description": null, "approximate_member_count": 1, "approximate_presence_count": 1,
        "webhook_token": "canary",
    });
    let member = json!({"user": user, "roles": [], "joined_at": null, "token": "canary"});
    let sound = json!({
        "sound_id": "1", "name": "a", "volume": 1.0, "emoji_id": null, "emoji_name": null,
        "available": true, "token": "canary",
    });
    for (path, answer) in [
        ("/users/@me", user),
        ("/guilds/*/preview", shown),
        ("/guilds/*/members/search", json!([member])),
        ("/soundboard-default-sounds", json!([sound])),
    ] {
        let effect = Effect::Answer(HttpAnswer::json(200, &answer));
        sim.fault(Fault::on(Requests::to(path), effect)).unwrap();
    }
    for path in [
        "users/@me".to_owned(),
        format!("guilds/{guild}/preview"),
        format!("guilds/{guild}/members/search?query=a"),
        "soundboard-default-sounds".to_owned(),
    ] {
        let answer = ada.get(&server, &format!("/botapi/{path}")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains("canary"), "{path}: {}", answer.body);
    }
    assert!(sim.faults().iter().all(|fault| fault.struck > 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discord_has_told_is_believed_as_long_as_the_seed_says() {
    let server = server().await;
    let ada = server.token(server.user("ada")).await;
    let guild = server.guild();
    let asked = |path: &str| {
        let path = format!("/api/v10{path}");
        let requests = server.sim().requests();
        requests
            .iter()
            .filter(|request| request.path == path)
            .count()
    };
    let minute = std::time::Duration::from_mins(1);
    for (path, minutes) in [
        ("/users/@me".to_owned(), 15),
        (format!("/guilds/{guild}/preview"), 15),
        (format!("/guilds/{guild}/emojis"), 1),
    ] {
        let get = async || ada.get(&server, &format!("/botapi{path}")).await.status;
        server.sim().clear_requests();
        assert_eq!(get().await, 200);
        server
            .clock
            .advance(minute * minutes - std::time::Duration::from_millis(1));
        assert_eq!(get().await, 200);
        assert_eq!(asked(&path), 1, "{path}");
        server.clock.advance(std::time::Duration::from_millis(1));
        assert_eq!(get().await, 200);
        assert_eq!(asked(&path), 2, "{path}");
    }
    server.stop().await;
}
