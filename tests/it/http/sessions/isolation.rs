//! What belongs to one bot is nobody else's: asked for by another it is answered like what is not
//! there, to the byte.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::join;

use super::play::with_tone;
use super::{
    COMMON, HALL, LOBBY, NOWHERE, PATIENCE, Session, Stage, X_LAB, XENIA, Y_LAB, Y_ONLY, YOLANDA,
    YURI, flat, seen, setup,
};
use crate::support::Answer;

/// Method, path and body.
type Route = (Method, String, Option<Value>);

/// Each route of a session's that names a guild or a channel, for these two.
fn routes(guild: u64, channel: u64) -> Vec<Route> {
    let player = |action: &str| format!("/api/guilds/{guild}/{action}");
    let into = json!({"channel_id": channel.to_string()});
    let play = json!({"sound": "tone", "channel_id": channel.to_string()});
    let own = X_LAB.guild;
    vec![
        (Method::GET, format!("/api/members?guildId={guild}"), None),
        (
            Method::GET,
            format!("/api/members?guildId={guild}&after=1"),
            None,
        ),
        (Method::GET, format!("/api/channels?guildId={guild}"), None),
        (
            Method::GET,
            format!("/api/messages?channelId={channel}"),
            None,
        ),
        (
            Method::GET,
            format!("/api/messages?channelId={channel}&limit=1000"),
            None,
        ),
        (Method::GET, player("player"), None),
        (Method::POST, player("play"), Some(play.clone())),
        (Method::POST, player("join"), Some(into.clone())),
        (Method::POST, player("leave"), None),
        (Method::POST, player("stop"), None),
        (Method::POST, player("skip"), None),
        (Method::PUT, player("volume"), Some(json!({"volume": 50}))),
        // Another's channel in one's own guild.
        (Method::POST, format!("/api/guilds/{own}/play"), Some(play)),
        (Method::POST, format!("/api/guilds/{own}/join"), Some(into)),
    ]
}

impl Session {
    async fn ask(&self, stage: &Stage, (method, path, body): &Route) -> Answer {
        let request = self.sign(stage.request(method.clone(), path));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        stage.send(request).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_ids_are_answered_like_ids_of_nothing() {
    let stage = Stage::start_with(with_tone(setup())).await;
    let sim = stage.server.sim();
    sim.send_message(Y_LAB.owner, Y_LAB.general, "a secret")
        .unwrap();
    let (xenia, yolanda) = (stage.login(XENIA).await, stage.login(YOLANDA).await);
    // What is known of them must not help: Yolanda has asked for all of it, and is connected.
    for route in &routes(Y_LAB.guild, Y_LAB.general)[..6] {
        let own = yolanda.ask(&stage, route).await;
        assert_eq!(own.status, 200, "{route:?}: {}", own.body);
    }
    connect_yolanda(&stage, &yolanda).await;

    let nowhere = routes(NOWHERE, NOWHERE + 1);
    let of_others = [
        ("text", routes(Y_LAB.guild, Y_LAB.general)),
        ("voice", routes(Y_LAB.guild, Y_LAB.lounge)),
    ];
    for (number, nothing) in nowhere.iter().enumerate() {
        let unknown = xenia.ask(&stage, nothing).await;
        assert!(
            [403, 404].contains(&unknown.status.as_u16()),
            "{nothing:?}: {} {}",
            unknown.status,
            unknown.body
        );
        for (what, routes) in &of_others {
            let refused = xenia.ask(&stage, &routes[number]).await;
            assert_eq!(seen(&refused), seen(&unknown), "{what}: {nothing:?}");
        }
    }
    // Each in the words of its route.
    let told = xenia.ask(&stage, &nowhere[0]).await;
    assert_eq!(flat(&told), "there is no such guild");
    let told = xenia.ask(&stage, &nowhere[3]).await;
    assert_eq!(flat(&told), "there is no such channel");
    for route in &nowhere[5..12] {
        let told = xenia.ask(&stage, route).await;
        assert_eq!(told.status, 403);
        assert_eq!(told.error(), "you must be a member of this guild");
    }
    for route in &nowhere[12..] {
        let told = xenia.ask(&stage, route).await;
        assert_eq!(told.status, 404);
        assert_eq!(told.error(), "there is no such channel");
    }
    // A hidden channel of a guild that is shared is not there either.
    let hidden = format!("/api/messages?channelId={Y_ONLY}");
    let hidden = xenia.get(&stage, &hidden).await;
    assert_eq!(flat(&hidden), "there is no such channel");
    assert_eq!(hidden.status, 404);
    stage.stop().await;
}

/// Has Yolanda connected to the gateway, by something that nobody hears.
async fn connect_yolanda(stage: &Stage, yolanda: &Session) {
    yolanda.connect(stage, Y_LAB.guild).await;
    let bot = stage.bot(YOLANDA);
    assert!(bot.wait_gateway_connections(1, PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_has_read_is_not_shown_to_the_other() {
    let stage = Stage::start().await;
    let (xenia, yolanda) = (stage.login(XENIA).await, stage.login(YOLANDA).await);
    let yuri = stage.login(YURI).await;
    let path = format!("/api/channels?guildId={COMMON}");
    let names = |answer: &Answer| -> Vec<String> {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let json = answer.json();
        let channels = json.as_array().unwrap().iter();
        channels
            .map(|channel| channel["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let of_xenia = ["lobby", "Hall", "x-only"];
    let of_yolanda = ["lobby", "Hall", "y-only"];
    let of_yuri = ["lobby", "Hall"];
    // Before anything is known, all at once, and when all is known.
    for _ in 0..3 {
        let (x, y, own) = join!(
            xenia.get(&stage, &path),
            yolanda.get(&stage, &path),
            yuri.get(&stage, &path),
        );
        assert_eq!(names(&x), of_xenia);
        assert_eq!(names(&y), of_yolanda);
        assert_eq!(names(&own), of_yuri);
    }
    // And once one of them knows it from the gateway.
    connect_yolanda(&stage, &yolanda).await;
    for _ in 0..2 {
        assert_eq!(names(&xenia.get(&stage, &path).await), of_xenia);
        assert_eq!(names(&yolanda.get(&stage, &path).await), of_yolanda);
        assert_eq!(names(&yuri.get(&stage, &path).await), of_yuri);
    }
    // Members of the shared guild still see theirs alone.
    let ben = stage.server.token(stage.server.user("ben")).await;
    let seen_by_ben = stage
        .get_as(&ben, &format!("/api/guilds/{COMMON}/channels"))
        .await;
    assert!(!seen_by_ben.body.contains("-only"), "{}", seen_by_ben.body);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_other_routes_are_closed_to_sessions() {
    let stage = Stage::start().await;
    let xenia = stage.login(XENIA).await;
    for (method, path) in [
        (Method::GET, "/api/localsounds".to_owned()),
        (Method::GET, "/api/sounds".to_owned()),
        (Method::POST, "/api/sounds".to_owned()),
        (Method::GET, format!("/api/logs/{COMMON}")),
        (Method::GET, format!("/api/stats/{COMMON}")),
        (Method::GET, "/api/tokens".to_owned()),
        (Method::POST, "/api/tokens".to_owned()),
        (Method::GET, "/api/users/@me".to_owned()),
        (Method::GET, "/api/users/@me/guilds".to_owned()),
        (Method::GET, "/api/favorites".to_owned()),
        (Method::GET, "/api/settings/fasttrigger".to_owned()),
        (Method::GET, format!("/api/guilds/{COMMON}")),
        (Method::PATCH, format!("/api/guilds/{COMMON}")),
        (Method::GET, format!("/api/guilds/{COMMON}/channels")),
        (Method::GET, format!("/api/guilds/{COMMON}/roles")),
        (Method::GET, format!("/api/guilds/{COMMON}/members")),
        (Method::GET, format!("/api/guilds/{COMMON}/commands")),
        (
            Method::POST,
            format!("/api/guilds/{COMMON}/channels/{LOBBY}/messages"),
        ),
        (Method::GET, "/api/admin/logs".to_owned()),
        (Method::GET, "/api/admin/stats".to_owned()),
        (Method::GET, "/api/nothing".to_owned()),
        (Method::GET, "/botapi/users/@me".to_owned()),
        (Method::GET, format!("/botapi/guilds/{COMMON}/channels")),
        (Method::GET, "/events".to_owned()),
        (Method::POST, "/logout".to_owned()),
    ] {
        let stranger = Session("x".repeat(64));
        let stranger = stranger.sign(stage.request(method.clone(), &path));
        let stranger = stage.send(stranger).await;
        let refused = xenia.sign(stage.request(method.clone(), &path));
        let refused = stage.send(refused).await;
        assert_eq!(refused.status, 401, "{method} {path}: {}", refused.body);
        assert_eq!(refused.error(), "unauthorized", "{method} {path}");
        assert_eq!(seen(&refused), seen(&stranger), "{method} {path}");
    }
    assert!(xenia.is_alive(&stage).await);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_uses_up_the_limit_of_one_bot_leaves_those_of_others() {
    let stage = Stage::start_with(setup().set("YURI_LIMITS__BURST", "5")).await;
    let (xenia, yolanda) = (stage.login(XENIA).await, stage.login(YOLANDA).await);
    let ada = stage.server.token(stage.server.user("ada")).await;
    for _ in 0..200 {
        if xenia.get(&stage, "/api/messages").await.status == 429 {
            break;
        }
    }
    assert_eq!(xenia.get(&stage, "/api/messages").await.status, 429);
    let other = yolanda.get(&stage, "/api/messages").await;
    assert_eq!(other.budget().map(|budget| budget.1), Some(4));
    let user = ada.get(&stage.server, "/api/localsounds").await;
    assert_eq!(user.budget().map(|budget| budget.1), Some(4));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_named_by_sessions_and_by_nobody_else() {
    let stage = Stage::start().await;
    let xenia = stage.login(XENIA).await;
    let ada = stage.server.token(stage.server.user("ada")).await;
    for action in ["play", "join"] {
        let path = format!("/api/guilds/{COMMON}/{action}");
        let body = match action {
            "play" => json!({"sound": "tone"}),
            _ => json!({}),
        };
        let missing = xenia.post_json(&stage, &path, &body).await;
        assert_eq!(
            (missing.status.as_u16(), missing.error().as_str()),
            (
                400,
                "channel_id is missing: a session is in no voice channel"
            ),
            "{action}"
        );
        for wrong in ["", "0", "abc", "-1"] {
            let mut body = body.clone();
            body["channel_id"] = wrong.into();
            let refused = xenia.post_json(&stage, &path, &body).await;
            assert_eq!(refused.status, 400, "{action} {wrong}: {}", refused.body);
            refused.error();
        }
        let mut body = body.clone();
        body["channel_id"] = HALL.to_string().into();
        let user = ada.post(&stage.server, &path, &body.to_string()).await;
        assert_eq!(
            (user.status.as_u16(), user.error().as_str()),
            (
                400,
                "channel_id is for sessions of bots: a user's own channel is meant"
            ),
            "{action}"
        );
    }
    assert_eq!(stage.bot(XENIA).bot_voice_channel(COMMON), None);
    stage.stop().await;
}
