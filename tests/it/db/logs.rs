//! What was logged.

use tracing::Level;
use yuri::db::logs::{self, LogEntry};

use super::on_each_backend;

fn entry(level: Level, time_ms: i64) -> LogEntry {
    LogEntry {
        level,
        message: format!("at {time_ms}"),
        time_ms,
        stacktrace: (level == Level::ERROR).then(|| "in a\nin b".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_are_kept_and_listed_by_how_bad_they_are() {
    on_each_backend(|db| async move {
        let levels = [
            Level::INFO,
            Level::ERROR,
            Level::WARN,
            Level::DEBUG,
            Level::ERROR,
        ];
        let entries: Vec<_> = (1..)
            .zip(levels)
            .map(|(time_ms, level)| entry(level, time_ms))
            .collect();
        let rows = entries.clone();
        db.write(move |conn| logs::insert(conn, &rows, 4))
            .await
            .unwrap();
        let page = |level, from, limit| {
            let db = db.clone();
            async move {
                let page = db
                    .run(move |conn| logs::page(conn, level, from, limit))
                    .await;
                let page = page.unwrap();
                (page.entries, page.total)
            }
        };
        let newest_first: Vec<_> = entries[1..].iter().rev().cloned().collect();
        assert_eq!(page(Level::TRACE, 0, 10).await, (newest_first.clone(), 4));
        assert_eq!(
            page(Level::TRACE, 1, 2).await,
            (newest_first[1..3].to_vec(), 4)
        );
        let errors = vec![entry(Level::ERROR, 5), entry(Level::ERROR, 2)];
        assert_eq!(page(Level::ERROR, 0, 10).await, (errors, 2));
        assert_eq!(page(Level::WARN, 9, 10).await, (vec![], 3));

        db.write(|conn| logs::delete_before(conn, 4)).await.unwrap();
        assert_eq!(
            page(Level::TRACE, 0, 10).await,
            (newest_first[..2].to_vec(), 2)
        );
    })
    .await;
}
