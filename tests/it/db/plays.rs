//! The play log against plain counting.

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use proptest::strategy::{Strategy as _, ValueTree as _};
use yuri::db::Db;
use yuri::db::plays::{LOCAL, NewPlay, append, page, top_sounds};
use yuri::domain::play_log::PlayLog;
use yuri::error::Error;
use yuri::ids::GuildId;

use super::on_each_backend;

fn play(guild: i64, sound: &str, local: bool) -> NewPlay {
    NewPlay {
        guild: GuildId::from_db(guild),
        time_ms: 1_554_576_482_123,
        user: "221905671296253953".parse().unwrap(),
        user_tag: "zekro#9131".into(),
        source: if local { LOCAL } else { "youtube" },
        sound: sound.into(),
    }
}

/// Compares every page of every guild with what counting by hand gives.
async fn check(db: &Db, plays: Vec<NewPlay>) {
    for guild in [1, 2] {
        let id = GuildId::from_db(guild);
        let newest_first: Vec<&NewPlay> =
            plays.iter().rev().filter(|play| play.guild == id).collect();
        for (from, limit) in [(0, 1), (0, 1000), (1, 2), (3, 5), (500, 10)] {
            let got = db
                .run(move |conn| page(conn, id, from, limit))
                .await
                .unwrap();
            let (from, limit) = (from as usize, limit as usize);
            let expected: Vec<_> = newest_first
                .iter()
                .skip(from)
                .take(limit)
                .map(|play| (play.time_ms, play.user, play.source, play.sound.as_str()))
                .collect();
            let entries: Vec<_> = got
                .entries
                .iter()
                .map(|play| {
                    (
                        play.time_ms,
                        play.user(),
                        play.source.as_str(),
                        play.sound.as_str(),
                    )
                })
                .collect();
            assert_eq!(entries, expected);
            assert_eq!(got.total, newest_first.len() as i64);
        }
        let mut counts = std::collections::BTreeMap::<&str, i64>::new();
        for play in newest_first.iter().filter(|play| play.source == LOCAL) {
            *counts.entry(&play.sound).or_default() += 1;
        }
        let mut expected: Vec<(String, i64)> = counts
            .into_iter()
            .map(|(sound, count)| (sound.to_owned(), count))
            .collect();
        expected.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        for limit in [1_u32, 3, 1000] {
            let got = db
                .run(move |conn| top_sounds(conn, id, limit))
                .await
                .unwrap();
            assert_eq!(got.total, expected.len() as i64);
            assert_eq!(got.entries, expected[..expected.len().min(limit as usize)]);
        }
    }
}

#[tokio::test]
async fn pages_and_counters_are_what_counting_gives() {
    let strategy = proptest::collection::vec(
        (1..=2_i64, "[a-cZä]{1,2}", proptest::bool::weighted(0.8)),
        0..60,
    );
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..12 {
        let plays = strategy.new_tree(&mut runner).unwrap().current();
        let plays: Vec<NewPlay> = plays
            .iter()
            .map(|(guild, sound, local)| play(*guild, sound, *local))
            .collect();
        on_each_backend(|db| {
            let plays = plays.clone();
            async move {
                let rows = plays.clone();
                db.write(move |conn| rows.iter().try_for_each(|play| append(conn, play)))
                    .await
                    .unwrap();
                check(&db, plays).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn plays_recorded_at_the_same_time_are_all_numbered() {
    on_each_backend(|db| async move {
        let log = PlayLog::start(db.clone());
        let records: Vec<_> = (0..500)
            .map(|number| {
                let log = log.clone();
                tokio::spawn(async move { log.record(play(1 + number % 2, "x", true)).await })
            })
            .collect();
        for record in records {
            record.await.unwrap().unwrap();
        }
        for guild in [1, 2] {
            let id = GuildId::from_db(guild);
            let got = db.run(move |conn| page(conn, id, 0, 1000)).await.unwrap();
            assert_eq!((got.total, got.entries.len()), (250, 250));
        }
    })
    .await;
}

#[tokio::test]
async fn a_flush_waits_for_what_nobody_waits_for() {
    on_each_backend(|db| async move {
        let log = PlayLog::start(db.clone());
        for _ in 0..300 {
            drop(log.record(play(1, "x", true)));
        }
        log.flush().await;
        let got = db
            .run(|conn| page(conn, GuildId::from_db(1), 0, 1))
            .await
            .unwrap();
        assert_eq!(got.total, 300);
    })
    .await;
}

#[tokio::test]
async fn one_play_that_cannot_be_written_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let db = super::sqlite(&folder);
    db.write(|conn| {
        conn.batch_execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON plays WHEN NEW.sound = 'poison' \
             BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
    })
    .await
    .unwrap();
    let log = PlayLog::start(db.clone());
    let sounds = ["a", "poison", "b", "poison", "c"];
    let records: Vec<_> = sounds
        .iter()
        .map(|sound| log.record(play(1, sound, true)))
        .collect();
    let mut logged = Vec::new();
    for record in records {
        logged.push(record.await.is_ok());
    }
    assert_eq!(logged, [true, false, true, false, true]);
    check(
        &db,
        ["a", "b", "c"].map(|sound| play(1, sound, true)).to_vec(),
    )
    .await;
}

#[tokio::test]
async fn plays_wait_for_a_database_that_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let db = super::sqlite(&folder);
    let log = PlayLog::start(db.clone());
    let path = folder.path().join("test.sqlite3").display().to_string();
    let (held, is_held) = tokio::sync::oneshot::channel();
    let (release, released) = std::sync::mpsc::channel();
    let holder = std::thread::spawn(move || {
        let mut conn = diesel::SqliteConnection::establish(&path).unwrap();
        conn.batch_execute("BEGIN IMMEDIATE").unwrap();
        held.send(()).unwrap();
        released.recv().unwrap();
        conn.batch_execute("COMMIT").unwrap();
    });
    is_held.await.unwrap();
    let record = log.record(play(1, "a", true));
    tokio::task::yield_now().await;
    // Changes go one after another: when this one has been refused, the log's has been too.
    let refused = db
        .write(|conn| conn.batch_execute("DELETE FROM plays"))
        .await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    release.send(()).unwrap();
    record.await.unwrap();
    holder.join().unwrap();
    check(&db, vec![play(1, "a", true)]).await;
}
