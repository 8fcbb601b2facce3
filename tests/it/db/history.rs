//! Putting old plays among new ones, against plain counting.

use yuri::db::Db;
use yuri::db::history::merge;
use yuri::db::plays::{LOCAL, NewPlay, append, page, top_sounds};
use yuri::ids::GuildId;

use super::on_each_backend;

fn play(time_ms: i64, sound: &str) -> NewPlay {
    NewPlay {
        guild: GuildId::from_db(1),
        time_ms,
        user: "5".parse().unwrap(),
        user_tag: "cleo".into(),
        source: if sound == "link" { "http" } else { LOCAL },
        sound: sound.into(),
    }
}

async fn log(db: &Db) -> Vec<(i64, String)> {
    let page = db
        .run(|conn| page(conn, GuildId::from_db(1), 0, 1_000))
        .await;
    let page = page.unwrap();
    assert_eq!(page.total, page.entries.len() as i64);
    let entries = page.entries.into_iter().rev();
    entries.map(|play| (play.time_ms, play.sound)).collect()
}

async fn stats(db: &Db) -> Vec<(String, i64)> {
    let page = db
        .run(|conn| top_sounds(conn, GuildId::from_db(1), 100))
        .await;
    let page = page.unwrap();
    assert_eq!(page.total, page.entries.len() as i64);
    page.entries
}

#[tokio::test]
async fn old_plays_come_among_the_new_ones_once() {
    on_each_backend(|db| async move {
        let new = [play(50, "a"), play(20, "b"), play(90, "a")];
        db.write(move |conn| new.iter().try_for_each(|play| append(conn, play)))
            .await
            .unwrap();
        let old = [
            play(30, "a"),
            play(10, "c"),
            play(50, "link"),
            play(10, "c"),
            play(95, "b"),
            play(50, "a"),
        ];
        for (brought, counted) in [(5, 7), (0, 0)] {
            let old = old.clone();
            let merged = db.write(move |conn| {
                let counts = [("a".to_owned(), 4), ("d".to_owned(), 3)];
                merge(conn, GuildId::from_db(1), &old, &counts)
            });
            assert_eq!(merged.await.unwrap(), (brought, counted));
            // Those that were there stay in their order, although a clock was set back.
            let expected = [
                (10, "c"),
                (10, "c"),
                (30, "a"),
                (50, "link"),
                (50, "a"),
                (20, "b"),
                (90, "a"),
                (95, "b"),
            ];
            let expected = expected.map(|(time_ms, sound)| (time_ms, sound.to_owned()));
            assert_eq!(log(&db).await, expected);
            let expected = [("a", 7), ("d", 3), ("b", 2), ("c", 2)];
            let expected = expected.map(|(sound, count)| (sound.to_owned(), count));
            assert_eq!(stats(&db).await, expected);
        }
        // The log goes on behind.
        db.write(|conn| append(conn, &play(99, "e"))).await.unwrap();
        assert_eq!(log(&db).await.last(), Some(&(99, "e".to_owned())));
        assert_eq!(stats(&db).await.len(), 5);
    })
    .await;
}
