//! When bots have started sessions.

use yuri::db::session_starts;
use yuri::ids::UserId;

use super::on_each_backend;

#[tokio::test(flavor = "multi_thread")]
async fn each_bot_has_its_own_and_old_ones_go() {
    on_each_backend(|db| async move {
        let bot = |id: u64| UserId::try_from(id).unwrap();
        let insert = move |conn: &mut yuri::db::AnyConnection| {
            for at_ms in [3_000, 1_000, 2_000] {
                session_starts::insert(conn, bot(7), at_ms)?;
            }
            session_starts::insert(conn, bot(8), 1_500)
        };
        db.write(insert).await.unwrap();
        let list = |id, after_ms| {
            let db = db.clone();
            async move {
                db.quick(move |conn| session_starts::list(conn, bot(id), after_ms))
                    .await
                    .unwrap()
            }
        };
        assert_eq!(list(7, 0).await, [1_000, 2_000, 3_000]);
        assert_eq!(list(7, 1_000).await, [2_000, 3_000]);
        assert_eq!(list(8, 0).await, [1_500]);
        assert_eq!(list(9, 0).await, [0; 0]);
        db.write(|conn| session_starts::delete_until(conn, 2_000))
            .await
            .unwrap();
        assert_eq!(list(7, 0).await, [3_000]);
        assert_eq!(list(8, 0).await, [0; 0]);
    })
    .await;
}
