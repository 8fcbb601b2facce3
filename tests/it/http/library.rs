//! `/api/sounds`: what is listed, in which order, and to whom.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use yuri::db::plays::{LOCAL, NewPlay};
use yuri::domain::labels::Label;
use yuri::domain::library::Sound;
use yuri::domain::uploads::Wanted;
use yuri::ids::{GuildId, UserId};

use crate::audio::fixture;
use crate::support::{Answer, START_MS, Server, Setup, Token, id};

/// A setup that lets callers ask as often as they like.
pub(super) fn setup() -> Setup {
    Setup::with_discord().set("YURI_LIMITS__BURST", "10000")
}

/// A server with these of the operator's sounds, each a second younger than the one before; `None`
/// is no sound.
pub(super) async fn server(setup: Setup, files: &[(&str, Option<&str>)]) -> Server {
    let setup = setup.set("YURI_SOUNDS__PREPARE_AHEAD", "true");
    for (number, (name, content)) in files.iter().enumerate() {
        let path = setup.sounds().join(name);
        let content = content.map_or_else(|| b"no sound".to_vec(), fixture);
        fs::write(&path, content).unwrap();
        let modified = UNIX_EPOCH + Duration::from_secs(1_500_000_000 + number as u64);
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(modified).unwrap();
    }
    let server = setup.start().await;
    let known = |sound: &Arc<Sound>| sound.original.examined().is_some();
    server
        .until(|app| app.library.list_all().iter().all(known))
        .await;
    server
}

/// Brings one of the guild's own sounds in, past the routes.
pub(super) async fn bring(server: &Server, guild: GuildId, user: UserId, name: &str, file: &str) {
    let mut incoming = server.app.uploads.begin(guild, user).await.unwrap();
    incoming.write(&fixture(file)).await.unwrap();
    let named = Wanted::Name(name);
    server.app.uploads.finish(incoming, named).await.unwrap();
}

async fn say(server: &Server, guild: GuildId, name: &str, tags: &[&str], category: &str) {
    let sound = server.app.library.find_in(guild, name).unwrap();
    let label = Label::read(tags, Some(category)).unwrap();
    server.app.labels.set(&sound, label).await.unwrap();
}

/// The names of a list, whose numbers are right.
pub(super) fn names(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let results = body["results"].as_array().unwrap();
    assert_eq!(body["n"], results.len());
    let name = |sound: &serde_json::Value| sound["file_name"].as_str().unwrap().to_owned();
    results.iter().map(name).collect()
}

fn plays(guild: GuildId, sounds: &[&str]) -> Vec<NewPlay> {
    let play = |sound: &&str| NewPlay {
        guild,
        time_ms: START_MS,
        user: id("1"),
        user_tag: "zekro#9131".into(),
        source: LOCAL,
        sound: (*sound).into(),
    };
    sounds.iter().map(play).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sounds_are_described_whole() {
    let server = server(
        setup(),
        &[("horn.wav", Some("tone.wav")), ("text.mp3", None)],
    )
    .await;
    let guild = server.guild();
    let (ada, ben) = (server.user("ada"), server.user("ben"));
    bring(&server, guild, ada, "Own one", "tone.mp3").await;
    say(&server, guild, "own one", &["b", "A"], "Memes").await;
    server
        .log(plays(guild, &["Own one", "horn", "Own one"]))
        .await;
    let own = server.app.library.find_in(guild, "own one").unwrap();
    server.app.favourites.add(ben, &own).await.unwrap();

    let token = server.token(ben).await;
    let list = token
        .get(&server, &format!("/api/sounds?guild={guild}"))
        .await;
    assert_eq!(list.header("x-total-count"), "3");
    assert_eq!(list.header("cache-control"), "no-store");
    assert!(list.budget().is_some());
    let body = list.body.replace(&guild.to_string(), "<guild>");
    insta::assert_snapshot!(body.replace(&ada.to_string(), "<ada>"), @r#"
    {
      "n": 3,
      "results": [
        {
          "name": "Own one",
          "file_name": "Own one.mp3",
          "guild_id": "<guild>",
          "length_ms": 2000,
          "loudness_lufs": -7.15,
          "size_bytes": 24764,
          "tags": [
            "a",
            "b"
          ],
          "category": "memes",
          "plays": 2,
          "favourite": true,
          "uploader_id": "<ada>",
          "created_at": "2019-04-06T18:48:02Z",
          "playable": true,
          "reason": null
        },
        {
          "name": "horn",
          "file_name": "horn.wav",
          "guild_id": null,
          "length_ms": 2000,
          "loudness_lufs": -6.7,
          "size_bytes": 64044,
          "tags": [],
          "category": null,
          "plays": 1,
          "favourite": false,
          "uploader_id": null,
          "created_at": "2017-07-14T02:40:00Z",
          "playable": true,
          "reason": null
        },
        {
          "name": "text",
          "file_name": "text.mp3",
          "guild_id": null,
          "length_ms": null,
          "loudness_lufs": null,
          "size_bytes": 8,
          "tags": [],
          "category": null,
          "plays": 0,
          "favourite": false,
          "uploader_id": null,
          "created_at": "2017-07-14T02:40:01Z",
          "playable": false,
          "reason": "the file holds no audio that is supported (mp3, ogg, wav, flac, aac, m4a, mp4, webm)"
        }
      ]
    }
    "#);
    for (name, at) in [
        ("own%20ONE", 0),
        ("Own%20one.mp3", 0),
        ("horn", 1),
        ("TEXT", 2),
    ] {
        let one = token
            .get(&server, &format!("/api/sounds/{name}?guild={guild}"))
            .await;
        assert_eq!(one.status, 200, "{name}");
        assert_eq!(one.json(), list.json()["results"][at], "{name}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn likes_are_the_callers_and_plays_are_told_in_a_guild_alone() {
    let files = [("horn.wav", Some("tone.wav")), ("text.mp3", None)];
    let server = server(setup(), &files).await;
    let guild = server.guild();
    let (ada, ben) = (server.user("ada"), server.user("ben"));
    bring(&server, guild, ada, "Own one", "tone.mp3").await;
    server.log(plays(guild, &["horn"])).await;
    let own = server.app.library.find_in(guild, "own one").unwrap();
    server.app.favourites.add(ben, &own).await.unwrap();
    let token = server.token(ada).await;
    let one = token
        .get(&server, &format!("/api/sounds/own%20one?guild={guild}"))
        .await;
    assert_eq!(one.json()["favourite"], false);
    let operators = token.get(&server, "/api/sounds").await;
    assert_eq!(names(&operators), ["horn.wav", "text.mp3"]);
    assert_eq!(operators.json()["results"][0]["plays"], 0);
    let hidden = token.get(&server, "/api/sounds/own%20one").await;
    assert_eq!(
        (hidden.status.as_u16(), hidden.error().as_str()),
        (404, "sound was not found")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sounds_are_found_sorted_and_paged_as_asked() {
    let server = server(
        setup(),
        &[
            ("air horn.wav", Some("tone.wav")),
            ("horn.wav", Some("tone.flac")),
            ("bark.mp3", None),
            ("Car.mp3", Some("tone.mp3")),
        ],
    )
    .await;
    let guild = server.guild();
    let ada = server.user("ada");
    // It takes the place of the operator's.
    bring(&server, guild, ada, "horn", "tone.aac").await;
    say(&server, guild, "horn", &["loud", "brass"], "music").await;
    say(&server, guild, "bark", &["loud"], "animals").await;
    server
        .log(plays(
            guild,
            &["horn", "bark", "horn", "air horn", "bark", "horn"],
        ))
        .await;
    let token = server.token(ada).await;
    let by_name = ["Car.mp3", "air horn.wav", "bark.mp3", "horn.aac"];
    for (query, expected) in [
        ("", by_name.as_slice()),
        ("sort=name", &by_name),
        ("sort=NAME&query=", &by_name),
        ("query=%20", &by_name),
        (
            "sort=newest",
            &["horn.aac", "Car.mp3", "bark.mp3", "air horn.wav"],
        ),
        (
            "sort=plays",
            &["horn.aac", "bark.mp3", "air horn.wav", "Car.mp3"],
        ),
        ("from=1&limit=2", &by_name[1..3]),
        ("from=4", &[]),
        ("from=999999999", &[]),
        ("query=horn", &["horn.aac", "air horn.wav"]),
        ("query=HO", &["horn.aac", "air horn.wav"]),
        ("query=hron", &["air horn.wav", "horn.aac"]),
        ("query=horn&sort=name", &["air horn.wav", "horn.aac"]),
        ("query=horn&limit=1", &["horn.aac"]),
        ("query=nothing%20like%20it", &[]),
        ("tag=loud", &["bark.mp3", "horn.aac"]),
        ("tag=%20LOUD%20&category=Music", &["horn.aac"]),
        ("category=animals", &["bark.mp3"]),
        ("category=loud", &[]),
        ("tag=brass&query=bark", &[]),
    ] {
        let path = format!("/api/sounds?guild={guild}&{query}");
        let answer = token.get(&server, &path).await;
        assert_eq!(names(&answer), expected, "{query}");
    }
    let one = token
        .get(
            &server,
            &format!("/api/sounds?guild={guild}&query=horn&limit=1"),
        )
        .await;
    assert_eq!(one.header("x-total-count"), "2");
    // The lengths differ by a few milliseconds; what is no sound has none.
    let by_length = token
        .get(&server, &format!("/api/sounds?guild={guild}&sort=length"))
        .await;
    let lengths: Vec<_> = by_length.json()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sound| sound["length_ms"].as_u64().unwrap_or(u64::MAX))
        .collect();
    assert!(
        lengths.is_sorted() && lengths[2] < lengths[3],
        "{lengths:?}"
    );
    assert_eq!(lengths[3], u64::MAX);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guilds_sounds_are_for_its_members() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let other = GuildId::try_from(server.sim().guilds()[1].id).unwrap();
    let (ada, ben) = (server.user("ada"), server.user("ben"));
    bring(&server, guild, ada, "secret", "tone.wav").await;
    let paths = [
        format!("/api/sounds?guild={guild}"),
        format!("/api/sounds/secret?guild={guild}"),
        format!("/api/sounds/nothing?guild={guild}"),
    ];
    for path in &paths {
        assert_eq!(Answer::of(server.get(path)).await.status, 401);
    }
    let refused = async |token: &Token, path: &str| {
        let answer = token.get(&server, path).await;
        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(answer.error(), "you must be a member of this guild");
    };
    let cleo = server.token(server.user("cleo")).await;
    for path in &paths {
        refused(&cleo, path).await;
    }
    let member = server.token(ben).await;
    assert_eq!(names(&member.get(&server, &paths[0]).await), ["secret.wav"]);
    for nowhere in [other.to_string(), "7".to_owned()] {
        refused(&member, &format!("/api/sounds?guild={nowhere}")).await;
    }
    server.sim().remove_member(ben.get(), guild.get()).unwrap();
    server.clock.advance(Duration::from_mins(1));
    for path in &paths {
        refused(&member, path).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_read_strictly() {
    let server = server(setup(), &[]).await;
    let token = server.token(server.user("ada")).await;
    let guild = "guild must be the id of a guild";
    let sort = "sort must be name, newest, plays or length";
    for (query, message) in [
        ("guild=", guild),
        ("guild=0", guild),
        ("guild=abc", guild),
        ("guild=1&guild=1", guild),
        ("sort=", sort),
        ("sort=date", sort),
        ("sort=name&sort=name", sort),
        ("sort=plays", "sort by plays needs a guild"),
        ("query=a&query=a", "query must be given once"),
        ("tag=", "tag must be a tag, given once"),
        ("tag=a&tag=b", "tag must be a tag, given once"),
        ("tag=a,b", "tag must be a tag, given once"),
        ("category=", "category must be a category, given once"),
        (
            "category=%3Cb%3E",
            "category must be a category, given once",
        ),
        ("limit=0", "limit must be a number from 1 to 999999999"),
        ("from=x", "from must be a number from 0 to 999999999"),
    ] {
        let answer = token.get(&server, &format!("/api/sounds?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.error(), message, "{query}");
    }
    for name in ["..%2F..%2Fetc%2Fpasswd", "%00", "%ff", &"x".repeat(5_000)] {
        let answer = token.get(&server, &format!("/api/sounds/{name}")).await;
        assert_eq!(answer.status, 404, "{name}");
        answer.error();
    }
    let long = "x".repeat(5_000);
    let answer = token
        .get(&server, &format!("/api/sounds?query={long}"))
        .await;
    assert!(names(&answer).is_empty());
    server.stop().await;
}
