//! What the original server told of itself.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use yuri::db::plays::{LOCAL, NewPlay};
use yuri::ids::UserId;

use crate::support::child::voice_test;
use crate::support::{Answer, START_MS, Setup, id};

const ADMIN: &str = "182440710331105281";

fn keys(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statistics_are_for_administrators_and_count_all_there_is() {
    let setup = Setup::offline().set("YURI_ADMINS", ADMIN);
    fs::write(setup.sounds().join("a.ogg"), "12345").unwrap();
    fs::write(setup.sounds().join("b.ogg"), "123").unwrap();
    let server = setup.start().await;
    let admin = server.token(id::<UserId>(ADMIN)).await;
    let other = server.token(id::<UserId>("182440710331105282")).await;
    let play = |guild: &str| NewPlay {
        guild: id(guild),
        time_ms: START_MS,
        user: admin.user,
        user_tag: "zekro".into(),
        source: LOCAL,
        sound: "a".into(),
    };
    server.log(vec![play("7"), play("8"), play("7")]).await;

    let counted = admin.get(&server, "/api/admin/soundstats").await;
    assert_eq!(
        counted.json(),
        json!({"sounds_len": 2, "log_len": 3, "size_b": 8})
    );
    let stats = admin.get(&server, "/api/admin/stats").await.json();
    assert_eq!(
        (&stats["guilds"], &stats["voice_connections"]),
        (&json!([]), &json!([]))
    );
    let system = &stats["system"];
    let expected = [
        "arch",
        "os",
        "go_version",
        "cpu_used_cores",
        "go_routines",
        "heap_use_b",
        "stack_use_b",
        "uptime_seconds",
        "resident_b",
        "cpu_seconds",
    ];
    assert_eq!(keys(system), BTreeSet::from(expected));
    if cfg!(target_os = "linux") {
        let heap = system["heap_use_b"].as_u64().unwrap();
        let resident = system["resident_b"].as_u64().unwrap();
        assert!((1 << 20..resident).contains(&heap), "{system}");
        assert!(system["cpu_seconds"].is_f64(), "{system}");
    }
    assert!(system["go_routines"].as_u64().unwrap() > 1, "{system}");

    for path in ["/api/admin/stats", "/api/admin/soundstats"] {
        let refused = other.get(&server, path).await;
        assert_eq!(
            (refused.status.as_u16(), refused.error().as_str()),
            (403, "forbidden")
        );
    }
    let info = other.get(&server, "/api/info").await.json();
    let expected = [
        "build_version",
        "go_version",
        "commit_hash",
        "go_os",
        "go_arch",
    ];
    assert_eq!(keys(&info), BTreeSet::from(expected));
    assert_eq!(info["build_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(Answer::of(server.get("/api/info")).await.status, 401);
    server.stop().await;
}

voice_test! {
    async fn the_statistics_name_the_channels_where_the_bot_is() {
        let setup = Setup::with_discord().set("YURI_ADMINS", ADMIN);
        let server = setup.start().await;
        let guilds = server.sim().guilds();
        let (guild, channel) = (guilds[0].id.to_string(), guilds[0].voice_channel.unwrap());
        let ada = server.token(server.user("ada")).await;
        let joined = ada.post(&server, &format!("/api/guilds/{guild}/join"), "").await;
        assert_eq!(joined.status, 200, "{}", joined.body);
        let admin = server.token(id::<UserId>(ADMIN)).await;
        let stats = admin.get(&server, "/api/admin/stats").await.json();
        let named: BTreeSet<_> = stats["guilds"].as_array().unwrap().iter()
            .map(|guild| guild["id"].as_str().unwrap().to_owned()).collect();
        let with_bot = guilds.iter().filter(|guild| guild.has_bot);
        assert_eq!(named, with_bot.map(|guild| guild.id.to_string()).collect());
        let there = json!([{
            "guild": {"name": guilds[0].name, "id": guild},
            "vc_id": channel.to_string(),
        }]);
        assert_eq!(stats["voice_connections"], there);
        server.stop().await;
    }
}
