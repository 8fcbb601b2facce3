//! Tokens and users as rows.

use yuri::db::Db;
use yuri::db::tokens::{self, Kind, NewToken};
use yuri::db::users::{self, User};
use yuri::ids::{GuildId, UserId};

use super::on_each_backend;

fn user(id: i64) -> User {
    User {
        id: UserId::from_db(id),
        username: "ada".into(),
        global_name: Some("Ada".into()),
        discriminator: "0".into(),
        avatar: None,
    }
}

fn token(user: i64, hash: u8, name: &str) -> NewToken {
    NewToken {
        user: UserId::from_db(user),
        kind: Kind::Api,
        name: name.into(),
        hash: [hash; 32],
        created_ms: 1000,
        expires_ms: 5000,
        cap_ms: 9000,
    }
}

async fn insert(db: &Db, token: NewToken) -> i64 {
    db.write(move |conn| tokens::insert(conn, &token))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_user_is_kept_once_with_the_guilds_of_the_last_login() {
    on_each_backend(|db| async move {
        let guild = GuildId::from_db;
        for guilds in [vec![guild(1), guild(2)], vec![guild(2), guild(i64::MAX)]] {
            db.write(move |conn| users::upsert(conn, &user(7), &guilds, 1))
                .await
                .unwrap();
        }
        let id = UserId::from_db(7);
        let kept = db.run(move |conn| users::find(conn, id)).await.unwrap();
        assert_eq!(kept, Some(user(7)));
        let guilds = db
            .run(move |conn| users::list_guilds(conn, id))
            .await
            .unwrap();
        assert_eq!(guilds, [guild(2), guild(i64::MAX)]);
        assert!(
            !db.run(move |conn| users::was_in_guild(conn, id, guild(1)))
                .await
                .unwrap()
        );
        assert!(
            db.run(move |conn| users::was_in_guild(conn, id, guild(2)))
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn tokens_are_found_by_hash_and_ended_by_their_owner() {
    on_each_backend(|db| async move {
        for id in [7, 8] {
            db.write(move |conn| users::upsert(conn, &user(id), &[], 1))
                .await
                .unwrap();
        }
        let id = insert(&db, token(7, 1, "deck")).await;
        insert(&db, token(7, 2, "")).await;
        insert(&db, token(8, 3, "other")).await;
        let owner = UserId::from_db(7);

        let found = db
            .run(|conn| tokens::find(conn, &[1; 32]))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.id, found.user(), found.kind()),
            (id, owner, Kind::Api)
        );
        assert_eq!(
            db.run(|conn| tokens::find(conn, &[9; 32])).await.unwrap(),
            None
        );
        assert_eq!(
            db.run(move |conn| tokens::count_named(conn, owner, 0))
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            db.run(move |conn| tokens::list(conn, owner, 4999))
                .await
                .unwrap()
                .len(),
            2
        );
        assert_eq!(
            db.run(move |conn| tokens::list(conn, owner, 5000))
                .await
                .unwrap()
                .len(),
            0
        );

        let stranger = UserId::from_db(8);
        assert_eq!(
            db.write(move |conn| tokens::delete(conn, stranger, id))
                .await
                .unwrap(),
            None
        );
        let hash = db
            .write(move |conn| tokens::delete(conn, owner, id))
            .await
            .unwrap();
        assert_eq!(hash, Some([1; 32]));
        assert_eq!(
            db.run(|conn| tokens::find(conn, &[1; 32])).await.unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn extended_tokens_outlive_the_purge() {
    on_each_backend(|db| async move {
        db.write(|conn| users::upsert(conn, &user(7), &[], 1))
            .await
            .unwrap();
        let extended = insert(&db, token(7, 1, "")).await;
        insert(&db, token(7, 2, "")).await;
        db.write(move |conn| tokens::extend(conn, extended, 4000, 8000))
            .await
            .unwrap();
        assert_eq!(db.write(|conn| tokens::purge(conn, 5000)).await.unwrap(), 1);
        let left = db
            .run(|conn| tokens::find(conn, &[1; 32]))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (left.used_ms, left.expires_ms, left.cap_ms),
            (4000, 8000, 9000)
        );
    })
    .await;
}

#[tokio::test]
async fn one_hash_is_one_token() {
    on_each_backend(|db| async move {
        db.write(|conn| users::upsert(conn, &user(7), &[], 1))
            .await
            .unwrap();
        insert(&db, token(7, 1, "")).await;
        assert!(
            db.write(|conn| tokens::insert(conn, &token(7, 1, "")))
                .await
                .is_err()
        );
        assert!(
            db.write(|conn| tokens::insert(conn, &token(99, 2, "")))
                .await
                .is_err()
        );
    })
    .await;
}
