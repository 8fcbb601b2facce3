//! Taking over the database of the original server.

use std::path::Path;

use diesel::Connection as _;
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
use yuri::app::App;
use yuri::db::plays::{self, LOCAL, NewPlay};
use yuri::domain::favourites::Favourite;
use yuri::domain::occasions::{Choice, Occasion};
use yuri::ids::GuildId;

use super::Bench;
use crate::audio::fixture;

const GUILD: &str = "7";

/// As the original's last version makes them.
const TABLES: &str = "
CREATE TABLE guilds (id INTEGER PRIMARY KEY AUTOINCREMENT, guild_id text NOT NULL DEFAULT '',
  volume int NOT NULL DEFAULT '100', prefix text NOT NULL DEFAULT '');
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id text NOT NULL DEFAULT '',
  fast_trigger text NOT NULL DEFAULT '', favorites text NOT NULL DEFAULT '');
CREATE TABLE sounds_log (id INTEGER PRIMARY KEY AUTOINCREMENT,
  time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, user_id text NOT NULL DEFAULT '',
  user_tag text NOT NULL DEFAULT '', guild_id text NOT NULL DEFAULT '',
  source text NOT NULL DEFAULT '', sound text NOT NULL DEFAULT '');
CREATE TABLE sounds_stats (id INTEGER PRIMARY KEY AUTOINCREMENT, guild_id text NOT NULL DEFAULT '',
  sound text NOT NULL DEFAULT '', count int NOT NULL DEFAULT '1');
CREATE TABLE auth_tokens (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id text NOT NULL DEFAULT '',
  token_hash text NOT NULL DEFAULT '', created timestamp, expires timestamp);
";

const ROWS: &str = "
INSERT INTO guilds (guild_id, volume, prefix) VALUES ('7', 60, '!!'), ('8', 1000, ''),
  ('9', 100, ''), ('x', 50, ''), ('10', 1001, ''), ('11', 50, 'a b'), ('12', 'loud', '');
INSERT INTO users (user_id, fast_trigger, favorites) VALUES ('1', 'nice', 'nice|gone||tür'),
  ('2', '', ''), ('me', '', 'nice'), ('3', x'ff', 'nice');
INSERT INTO sounds_log (time, user_id, user_tag, guild_id, source, sound) VALUES
  ('2019-04-06 18:48:02', '1', 'zekro#9131', '7', 'local', 'nice'),
  ('2019-04-06 18:48:01', '1', 'zekro#9131', '7', 'youtube', 'dQw4w9WgXcQ'),
  ('2019-04-06T18:48:03Z', '2', 'ben#0001', '7', 'local', 'nice'),
  ('2019-04-06 18:48:03', '2', 'ben#0001', '7', 'local', 'nice'),
  ('2019-04-06 18:48:04', '2', 'ben#0001', '8', 'http', 'https://example.org/x.mp3'),
  ('yesterday', '2', 'ben#0001', '7', 'local', 'nice'),
  ('2019-04-06 18:48:04', '2', 'ben#0001', '', 'local', 'nice'),
  ('2019-04-06 18:48:04', '2', 'ben#0001', '7', 'tape', 'nice'),
  ('2019-04-06 18:48:04', '2', 'ben#0001', '7', 'local', '');
INSERT INTO sounds_stats (guild_id, sound, count) VALUES ('7', 'nice', 5), ('7', 'old', 2),
  ('8', 'x', 'many');
INSERT INTO auth_tokens (user_id, token_hash) VALUES ('1', '$2a$10$secret');
";

fn original(path: &Path, sql: &str) {
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute(sql).unwrap();
}

fn play(time_ms: i64, sound: &str) -> NewPlay {
    NewPlay {
        guild: GUILD.parse().unwrap(),
        time_ms,
        user: "5".parse().unwrap(),
        user_tag: "cleo".into(),
        source: LOCAL,
        sound: sound.into(),
    }
}

/// Guild 7's log, newest first, and its statistics.
async fn history(app: &App) -> (Vec<String>, Vec<(String, i64)>) {
    let guild: GuildId = GUILD.parse().unwrap();
    let log = app
        .db
        .run(move |conn| plays::page(conn, guild, 0, 100))
        .await;
    let log = log.unwrap();
    assert_eq!(log.total, log.entries.len() as i64);
    let log = log.entries.iter().map(|play| {
        let time = play.time_ms / 1_000 % 1_000;
        format!("{time} {} {} {}", play.user_tag, play.source, play.sound)
    });
    let stats = app
        .db
        .run(move |conn| plays::top_sounds(conn, guild, 100))
        .await;
    let stats = stats.unwrap();
    assert_eq!(stats.total, stats.entries.len() as i64);
    (log.collect(), stats.entries)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_its_database_is_taken_over_once() {
    let bench = Bench::new();
    bench.add("sounds/nice.wav", &fixture("tone.wav"));
    let database = bench.from.path().join("yuri.db.sqlite3");
    original(&database, &format!("{TABLES}{ROWS}"));
    // The new server has been played with already.
    let process = bench.house.start();
    let newer = [
        play(1_554_576_483_000, "nice"),
        play(1_900_000_000_000, "new"),
    ];
    let write = process
        .app
        .db
        .write(move |conn| newer.iter().try_for_each(|play| plays::append(conn, play)));
    write.await.unwrap();
    process.stop().await;

    let before = bench.files("");
    let (status, told) = bench.run(bench.from.path(), &["--dry-run"]);
    assert_eq!(status, 1);
    assert!(told.contains("would take"), "{told}");
    assert!(bench.files("") == before, "a dry run changes nothing");

    let (status, told) = bench.run(bench.from.path(), &[]);
    insta::assert_snapshot!(told, @r"
    added        nice.wav, from sounds/nice.wav
    refused      yuri.db.sqlite3: guilds row 4: its guild is no id
    refused      yuri.db.sqlite3: guilds row 5: its volume is above 1000
    refused      yuri.db.sqlite3: guilds row 6: its prefix is not 1 to 10 characters without white space
    refused      yuri.db.sqlite3: guilds row 7: its volume is no number
    refused      yuri.db.sqlite3: users row 3: its user is no id
    refused      yuri.db.sqlite3: users row 4: it is not written in UTF-8
    refused      yuri.db.sqlite3: sounds_log row 6: its time is none
    refused      yuri.db.sqlite3: sounds_log row 7: its guild is no id
    refused      yuri.db.sqlite3: sounds_log row 8: its source is not local, youtube or http
    refused      yuri.db.sqlite3: sounds_log row 9: it names no sound
    refused      yuri.db.sqlite3: sounds_stats row 3: its count is no number
    took         yuri.db.sqlite3: 5 plays, 4 counted without a row, 2 guilds, 3 favourites, 1 fast triggers
    1 added, 0 there already, 11 refused, 0 passed over
    ");
    assert_eq!(status, 1);
    let process = bench.house.start();
    let app = &process.app;
    let taken = history(app).await;
    assert_eq!(
        taken.0,
        [
            "0 cleo local new",
            "483 cleo local nice",
            "483 ben#0001 local nice",
            "483 ben#0001 local nice",
            "482 zekro#9131 local nice",
            "481 zekro#9131 youtube dQw4w9WgXcQ",
        ]
    );
    // Of 5 plays of `nice` the old log has 3.
    let counts = [("nice", 6), ("old", 2), ("new", 1)];
    let counts = counts.map(|(sound, count)| (sound.to_owned(), count));
    assert_eq!(taken.1, counts);
    let settings = async |guild: &str| app.settings.get(guild.parse().unwrap()).await.unwrap();
    let seven = settings("7").await;
    assert_eq!(
        (seven.volume.percent(), seven.prefix.as_deref()),
        (60, Some("!!"))
    );
    assert_eq!(settings("8").await.volume.percent(), 200);
    let liked = app.favourites.list("1".parse().unwrap()).await.unwrap();
    let names: Vec<&str> = liked.iter().map(|it| it.sound.as_str()).collect();
    assert_eq!(names, ["gone", "nice", "tür"]);
    let chosen = async |user: &str| {
        let choice = app
            .occasions
            .choice(user.parse().unwrap(), Occasion::FastTrigger);
        choice.await.unwrap()
    };
    assert_eq!(chosen("1").await, Choice::Sound("nice".into()));
    assert_eq!(chosen("2").await, Choice::Any);

    // Chosen since: it stays.
    let (user, guild) = ("1".parse().unwrap(), "7".parse().unwrap());
    let choice = app
        .occasions
        .choose(None, user, Occasion::FastTrigger, Choice::Nothing);
    choice.await.unwrap();
    app.settings
        .update(guild, |settings| settings.prefix = None)
        .await
        .unwrap();
    let gone = Favourite {
        guild: None,
        sound: "nice".into(),
    };
    app.favourites.remove(user, gone).await.unwrap();
    process.stop().await;
    let (_, told) = bench.run(&database, &[]);
    assert!(
        told.contains("took         yuri.db.sqlite3: 0 plays, 0 counted without a row, 0 guilds, 1 favourites, 0 fast triggers"),
        "{told}"
    );
    let process = bench.house.start();
    assert_eq!(history(&process.app).await, taken);
    let choice = process.app.occasions.choice(user, Occasion::FastTrigger);
    assert_eq!(choice.await.unwrap(), Choice::Nothing);
    assert_eq!(process.app.settings.get(guild).await.unwrap().prefix, None);
    process.stop().await;
}

#[test]
fn an_early_version_and_other_databases() {
    let bench = Bench::new();
    let early = bench.from.path().join("early.sqlite3");
    original(
        &early,
        "CREATE TABLE users (user_id text, fast_trigger text);
         INSERT INTO users VALUES ('1', 'nice')",
    );
    let (status, told) = bench.run(&early, &[]);
    assert_eq!(status, 0, "{told}");
    assert!(told.contains("0 favourites, 1 fast triggers"), "{told}");

    let other = bench.from.path().join("other.sqlite3");
    original(&other, "CREATE TABLE users (name text)");
    let (status, told) = bench.run(&other, &[]);
    assert_eq!(status, 1);
    assert!(
        told.contains("other.sqlite3: it cannot be read as a database of the original server"),
        "{told}"
    );
    let broken = bench.add("broken.sqlite3", b"SQLite format 3\0 and then nothing");
    assert_eq!(bench.run(&broken, &[]).0, 1);
}
