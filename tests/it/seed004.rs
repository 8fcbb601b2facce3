//! Every example of the API document (seed 004), replayed: bodies to the byte.

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use yuri::db::plays::{LOCAL, NewPlay};
use yuri::ids::{GuildId, UserId};

use crate::support::browser::Browser;
use crate::support::{Server, Setup, Token, error_body, id};

const GUILD: &str = "526196711962705925";
const USER: &str = "221905671296253953";

const LOCALSOUNDS: &str = r#"{
  "n": 3,
  "results": [
    {
      "name": "zugriff.pm3",
      "last_modified": "2019-03-13T09:45:21Z"
    },
    {
      "name": "oof.ogg",
      "last_modified": "2019-02-11T19:32:12Z"
    },
    {
      "name": "danke.wav",
      "last_modified": "2018-10-23T14:12:56Z"
    }
  ]
}"#;

const LOGS: &str = r#"{
  "n": 3,
  "results": [
    {
      "time": "2019-04-06T18:48:02Z",
      "user_id": "221905671296253953",
      "user_tag": "zekro#9131",
      "guild_id": "526196711962705925",
      "source": "local",
      "sound": "derbergruft"
    },
    {
      "time": "2019-04-06T18:47:53Z",
      "user_id": "221905671296253953",
      "user_tag": "zekro#9131",
      "guild_id": "526196711962705925",
      "source": "local",
      "sound": "derbergruft"
    },
    {
      "time": "2019-04-06T18:47:45Z",
      "user_id": "221905671296253953",
      "user_tag": "zekro#9131",
      "guild_id": "526196711962705925",
      "source": "local",
      "sound": "nice"
    }
  ]
}"#;

const STATS: &str = r#"{
  "n": 3,
  "results": [
    {
      "sound": "nice",
      "count": 98
    },
    {
      "sound": "derbergruft",
      "count": 23
    },
    {
      "sound": "danke",
      "count": 11
    }
  ]
}"#;

async fn caller(server: &Server) -> Token {
    let user = id::<UserId>(USER);
    let token = server.token(user).await;
    server.add_user(user, &[id(GUILD)]).await;
    token
}

async fn log(server: &Server, plays: Vec<(i64, &str)>) {
    let plays: Vec<NewPlay> = plays
        .into_iter()
        .map(|(time_s, sound)| NewPlay {
            guild: id::<GuildId>(GUILD),
            time_ms: time_s * 1000,
            user: id(USER),
            user_tag: "zekro#9131".into(),
            source: LOCAL,
            sound: sound.into(),
        })
        .collect();
    server.log(plays).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn get_local_sounds() {
    let setup = Setup::offline();
    for (name, modified_s) in [
        ("danke.wav", 1_540_303_976),
        ("zugriff.pm3", 1_552_470_321),
        ("oof.ogg", 1_549_913_532),
    ] {
        let path = setup.sounds().join(name);
        fs::write(&path, name).unwrap();
        let modified = UNIX_EPOCH + Duration::from_secs(modified_s);
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
    }
    let server = setup.start().await;
    let answer = caller(&server)
        .await
        .get(&server, "/api/localsounds?sort=DATE")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, LOCALSOUNDS);
    assert_eq!(answer.header("content-length"), "289");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-total-count"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn get_play_log() {
    let server = Setup::offline().start().await;
    let plays = vec![
        (1_554_576_465, "nice"),
        (1_554_576_473, "derbergruft"),
        (1_554_576_482, "derbergruft"),
    ];
    log(&server, plays).await;
    let answer = caller(&server)
        .await
        .get(&server, &format!("/api/logs/{GUILD}"))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, LOGS);
    assert_eq!(answer.header("content-length"), "672");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-total-count"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn get_play_stats() {
    let server = Setup::offline().start().await;
    let mut plays = vec![(0, "nice"); 98];
    plays.extend([(0, "derbergruft"); 23]);
    plays.extend([(0, "danke"); 11]);
    log(&server, plays).await;
    let answer = caller(&server)
        .await
        .get(&server, &format!("/api/stats/{GUILD}"))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, STATS);
    assert_eq!(answer.header("content-length"), "201");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-total-count"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limiting() {
    let server = Setup::offline().start().await;
    let token = caller(&server).await;
    let answer = token.get(&server, "/api/localsounds").await;
    assert_eq!(answer.budget(), Some((5, 4, 0)), "the example of an answer");
    for _ in 0..4 {
        token.get(&server, "/api/localsounds").await;
    }
    server.clock.advance(Duration::from_millis(415));
    let refused = token.get(&server, "/api/localsounds").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.budget(), Some((5, 0, 1585)));
    assert_eq!(refused.header("content-length"), "72");
    assert_eq!(refused.header("content-type"), "application/json");
    assert_eq!(
        refused.body,
        error_body(refused.status, "rate limit exceed")
    );
    assert_eq!(refused.header("retry-after"), "2");
}

/// The token's length and letters, the keys, their order and the layout. The document's own
/// `expires` has a fraction and an offset (166 bytes); ours is whole seconds of UTC.
#[tokio::test(flavor = "multi_thread")]
async fn get_token() {
    let server = Setup::with_discord().start().await;
    let browser = Browser::new(&server);
    let start = browser.get("/token").await;
    assert_eq!(start.status, 307);
    assert!(start.header("location").starts_with(&format!(
        "{}/oauth2/authorize?client_id={}&redirect_uri=http%3A%2F%2Fyuri.test%2Ftoken%2Fauthorize",
        server.sim().api_url(),
        server.sim().application().id,
    )));
    assert_eq!(start.body, "");

    let callback = browser.approve("/token", "ada").await;
    let answer = browser.open(&callback).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 64);
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let expected = format!(
        "{{\n  \"token\": \"{token}\",\n  \"user_id\": \"{}\",\n  \"expires\": \"{}\"\n}}",
        server.user("ada"),
        "2019-04-13T18:48:02Z"
    );
    assert_eq!(answer.body, expected);
    let seconds = "2019-04-17T08:29:21Z".len();
    let documented = "2019-04-17T08:29:21.2972027+02:00".len();
    let id = server.user("ada").to_string().len();
    assert_eq!(
        answer.body.len() - seconds + documented - id + USER.len(),
        166
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn authorization_cookies() {
    let server = Setup::with_discord().start().await;
    let browser = Browser::new(&server);
    let callback = browser.approve("/login", "ada").await;
    let answer = browser.open(&callback).await;
    assert_eq!(answer.status, 307);
    assert_eq!(answer.header("location"), "/");
    assert_eq!(answer.header("content-length"), "0");
    let set: Vec<String> = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .collect();
    let find = |name: &str| set.iter().find(|cookie| cookie.starts_with(name)).unwrap();
    let token = find("token=").split([';', '=']).nth(1).unwrap().to_owned();
    assert_eq!(token.len(), 64);
    let ada = server.user("ada");
    assert_eq!(
        *find("token="),
        format!("token={token}; HttpOnly; SameSite=Lax; Path=/; Max-Age=7776000")
    );
    assert_eq!(
        *find("userid="),
        format!("userid={ada}; SameSite=Lax; Path=/; Max-Age=7776000")
    );

    let listed = browser.get("/api/localsounds").await;
    assert_eq!(listed.status, 200);
}
