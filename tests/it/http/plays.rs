//! `/api/logs/<guild>` and `/api/stats/<guild>`: pages, ties, bounds and rights.

use yuri::db::plays::{LOCAL, NewPlay};
use yuri::ids::GuildId;

use crate::support::{START_MS, Server, Setup, Token, id};

const GUILD: &str = "526196711962705925";

async fn append_all(server: &Server, guild: &str, plays: &[(i64, &'static str, &str)]) {
    let guild: GuildId = id(guild);
    let plays: Vec<NewPlay> = plays
        .iter()
        .map(|(time_ms, source, sound)| NewPlay {
            guild,
            time_ms: START_MS + time_ms,
            user: id("1"),
            user_tag: "zekro#9131".into(),
            source,
            sound: (*sound).to_owned(),
        })
        .collect();
    server.log(plays).await;
}

async fn member(server: &Server) -> Token {
    let token = server.token(id("1")).await;
    server.add_user(id("1"), &[id(GUILD)]).await;
    token
}

fn generous() -> Setup {
    Setup::offline().set("YURI_LIMITS__BURST", "1000")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_at_any_depth_is_what_an_offset_would_give() {
    let server = generous().start().await;
    let sounds: Vec<String> = (0..257).map(|number| format!("sound{number}")).collect();
    // Several in one millisecond: ties are in the order of insertion, the newest first.
    let plays: Vec<_> = sounds
        .iter()
        .zip(0..)
        .map(|(sound, n)| (n / 3, LOCAL, sound.as_str()))
        .collect();
    append_all(&server, GUILD, &plays).await;
    append_all(&server, "2", &[(0, LOCAL, "elsewhere")]).await;
    let token = member(&server).await;
    let newest_first: Vec<&String> = sounds.iter().rev().collect();
    for (from, limit) in [
        (0, 1),
        (0, 20),
        (7, 3),
        (250, 20),
        (256, 1),
        (257, 1),
        (999_999_999, 5),
    ] {
        let path = format!("/api/logs/{GUILD}?from={from}&limit={limit}");
        let answer = token.get(&server, &path).await;
        let body = answer.json();
        let listed: Vec<&str> = body["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|play| play["sound"].as_str().unwrap())
            .collect();
        let expected: Vec<&str> = newest_first
            .iter()
            .skip(from)
            .take(limit)
            .map(|sound| sound.as_str())
            .collect();
        assert_eq!(listed, expected, "{path}");
        assert_eq!(body["n"], expected.len());
        assert_eq!(answer.header("x-total-count"), "257");
    }
    let past_the_end = token
        .get(&server, &format!("/api/logs/{GUILD}?from=257"))
        .await;
    assert_eq!(past_the_end.body, "{\n  \"n\": 0,\n  \"results\": []\n}");
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_count_local_sounds_only_ties_by_name() {
    let server = generous().start().await;
    let plays = [
        (0, LOCAL, "b"),
        (0, LOCAL, "a"),
        (0, "youtube", "dQw4w9WgXcQ"),
        (0, LOCAL, "c"),
        (0, LOCAL, "c"),
        (0, LOCAL, "ä"),
        (0, LOCAL, "Z"),
    ];
    append_all(&server, GUILD, &plays).await;
    let token = member(&server).await;
    let answer = token.get(&server, &format!("/api/stats/{GUILD}")).await;
    insta::assert_snapshot!(answer.body, @r#"
    {
      "n": 5,
      "results": [
        {
          "sound": "c",
          "count": 2
        },
        {
          "sound": "Z",
          "count": 1
        },
        {
          "sound": "a",
          "count": 1
        },
        {
          "sound": "b",
          "count": 1
        },
        {
          "sound": "ä",
          "count": 1
        }
      ]
    }
    "#);
    let first = token
        .get(&server, &format!("/api/stats/{GUILD}?limit=1"))
        .await;
    assert_eq!(first.json()["n"], 1);
    assert_eq!(first.header("x-total-count"), "5");
    let logged = token
        .get(&server, &format!("/api/logs/{GUILD}?limit=5&from=4"))
        .await;
    assert_eq!(logged.json()["results"][0]["source"], "youtube");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_without_plays_has_empty_lists() {
    let server = generous().start().await;
    let token = member(&server).await;
    for list in ["logs", "stats"] {
        let answer = token.get(&server, &format!("/api/{list}/{GUILD}")).await;
        assert_eq!(answer.body, "{\n  \"n\": 0,\n  \"results\": []\n}");
        assert_eq!(answer.header("x-total-count"), "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_a_thousand_by_default_and_bounded_in_any_case() {
    let server = generous()
        .set("YURI_LIMITS__PAGE_MAX", "1002")
        .start()
        .await;
    let plays = vec![(0, LOCAL, "x"); 1005];
    append_all(&server, GUILD, &plays).await;
    let token = member(&server).await;
    for (query, n) in [
        ("", 1000),
        ("?limit=1001", 1001),
        ("?limit=999999999", 1002),
    ] {
        let answer = token
            .get(&server, &format!("/api/logs/{GUILD}{query}"))
            .await;
        assert_eq!(answer.json()["n"], n, "{query}");
        assert_eq!(answer.header("x-total-count"), "1005");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_an_unknown_guild_and_one_without_the_bot_get_the_same_answer() {
    let server = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "1000")
        .start()
        .await;
    let [first, second, third] = server.sim().guilds().try_into().unwrap();
    let ada = server.token(server.user("ada")).await;
    let cleo = server.token(server.user("cleo")).await;
    assert_eq!(
        ada.get(&server, &format!("/api/logs/{}", first.id))
            .await
            .status,
        200
    );
    server.sim().clear_requests();
    let refused = [
        cleo.get(&server, &format!("/api/logs/{}", first.id)).await,
        ada.get(&server, &format!("/api/logs/{}", second.id)).await,
        ada.get(&server, &format!("/api/logs/{}", third.id)).await,
        ada.get(&server, "/api/logs/999").await,
        ada.get(&server, &format!("/api/stats/{}", third.id)).await,
    ];
    for answer in &refused {
        assert_eq!(answer.status, 403);
        assert_eq!(answer.error(), "you must be a member of this guild");
        assert_eq!(answer.body, refused[0].body);
    }
    let asked: Vec<String> = server
        .sim()
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    let about = |guild: u64| {
        asked
            .iter()
            .filter(|path| path.contains(&guild.to_string()))
            .count()
    };
    assert_eq!(
        (about(third.id), about(999)),
        (0, 0),
        "probing costs Discord nothing: {asked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_membership_counts_after_a_minute_at_most() {
    let server = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "1000")
        .start()
        .await;
    let guild = server.guild();
    let ben = server.token(server.user("ben")).await;
    let path = format!("/api/logs/{guild}");
    assert_eq!(ben.get(&server, &path).await.status, 200);
    server
        .sim()
        .remove_member(ben.user.get(), guild.get())
        .unwrap();
    server.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(ben.get(&server, &path).await.status, 403);
}
