//! The database, the same tests on both backends.

mod commands;
mod grants;
mod guilds;
mod history;
mod logs;
mod plays;
mod roles;
mod session_starts;
mod sound_files;
mod tokens;

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection as _;
use tempfile::TempDir;
use yuri::config::DatabaseUrl;
use yuri::db::{Db, OpenError};

/// Runs a test on a fresh SQLite file and on a fresh schema of the PostgreSQL server that
/// `TEST_POSTGRES_URL` names. Without that variable the second half is skipped, and says so; under
/// `CI` that is a failure.
async fn on_each_backend<F: Future<Output = ()>>(test: impl Fn(Db) -> F) {
    let folder = tempfile::tempdir().unwrap();
    test(sqlite(&folder)).await;
    match std::env::var("TEST_POSTGRES_URL") {
        Ok(url) => test(postgres(&url).await).await,
        Err(_) => skip_postgres(),
    }
}

fn skip_postgres() {
    assert!(
        std::env::var_os("CI").is_none(),
        "TEST_POSTGRES_URL is not set"
    );
    eprintln!("skipped on PostgreSQL: TEST_POSTGRES_URL is not set");
}

fn sqlite(folder: &TempDir) -> Db {
    Db::open(&DatabaseUrl::Sqlite(folder.path().join("test.sqlite3"))).unwrap()
}

/// A database in a schema of its own; the server it is on is thrown away after the tests.
async fn postgres(url: &str) -> Db {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    let schema = format!("test_{}_{number}", std::process::id());
    let separator = if url.contains('?') { '&' } else { '?' };
    let own = format!("{url}{separator}options=-csearch_path%3D{schema}");
    let (tx, rx) = tokio::sync::oneshot::channel();
    let url = url.to_owned();
    tokio::task::spawn_blocking(move || {
        use diesel::Connection as _;
        let mut conn = diesel::PgConnection::establish(&url).unwrap();
        conn.batch_execute(&format!(
            "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}"
        ))
        .unwrap();
        tx.send(Db::open(&DatabaseUrl::parse(&own).unwrap()).unwrap())
            .ok()
            .unwrap();
    })
    .await
    .unwrap();
    rx.await.unwrap()
}

#[tokio::test]
async fn a_second_process_on_one_sqlite_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = sqlite(&folder);
    let url = DatabaseUrl::Sqlite(folder.path().join("test.sqlite3"));
    let refused = Db::open(&url).err().unwrap();
    assert!(matches!(refused, OpenError::InUse(_)), "{refused}");
    drop(first);
    Db::open(&url).unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "dear diary, today").unwrap();
    let refused = Db::open(&DatabaseUrl::Sqlite(path.clone())).err().unwrap();
    assert!(matches!(refused, OpenError::Connect(_)), "{refused}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "dear diary, today");
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    drop(sqlite(&folder));
    sqlite(&folder).check().await.unwrap();
}

#[tokio::test]
async fn a_failed_change_leaves_nothing_behind() {
    on_each_backend(|db| async move {
        let failed = db
            .write(|conn| {
                conn.batch_execute("INSERT INTO guild_counters VALUES (1, 1, 1, 1)")?;
                Err::<(), _>(diesel::result::Error::NotFound)
            })
            .await;
        assert!(failed.is_err());
        let page = db
            .run(|conn| yuri::db::plays::page(conn, "1".parse().unwrap(), 0, 10))
            .await
            .unwrap();
        assert_eq!(page.total, 0);
        db.check().await.unwrap();
    })
    .await;
}
