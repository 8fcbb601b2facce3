//! Grants as rows.

use yuri::db::grants::{self, Sealed};
use yuri::db::tokens::{self, Kind, NewToken};
use yuri::db::users::{self, User};
use yuri::db::{AnyConnection, QueryResult};
use yuri::ids::UserId;

use super::on_each_backend;

fn user(id: i64) -> UserId {
    UserId::from_db(id)
}

fn sealed(key: &str, byte: u8) -> Sealed {
    Sealed {
        key_id: key.into(),
        bytes: vec![byte, 0, 255],
    }
}

/// A user with a grant.
fn put(conn: &mut AnyConnection, id: i64, grant: &Sealed, now_ms: i64) -> QueryResult<()> {
    let known = User {
        id: user(id),
        username: "ada".into(),
        global_name: None,
        discriminator: "0".into(),
        avatar: None,
    };
    users::upsert(conn, &known, &[], now_ms)?;
    grants::put(conn, user(id), grant, now_ms)
}

fn session(conn: &mut AnyConnection, id: i64, kind: Kind, expires_ms: i64) -> QueryResult<i64> {
    let number = u8::try_from(id).unwrap() * 10 + u8::try_from(expires_ms / 1000).unwrap();
    let token = NewToken {
        user: user(id),
        kind,
        name: String::new(),
        hash: [number; 32],
        created_ms: 0,
        expires_ms,
        cap_ms: 9000,
    };
    tokens::insert(conn, &token)
}

#[tokio::test]
async fn a_grant_is_replaced_and_removed_only_where_it_is_still_the_same() {
    on_each_backend(|db| async move {
        let find = || db.run(|conn| grants::find(conn, user(7)));
        assert_eq!(find().await.unwrap(), None);
        let [old, new, newest] = [("a", 1), ("a", 2), ("b", 3)].map(|(key, it)| sealed(key, it));
        for grant in [&new, &old] {
            let grant = grant.clone();
            let kept = db.write(move |conn| put(conn, 7, &grant, 1)).await;
            kept.unwrap();
        }
        assert_eq!(find().await.unwrap(), Some(old.clone()));

        let (from, to) = (old.clone(), new.clone());
        let replace = move |conn: &mut AnyConnection| {
            let first = grants::replace(conn, user(7), &from, &to, 2)?;
            let again = grants::replace(conn, user(7), &from, &newest, 3)?;
            Ok((first, again, grants::delete(conn, user(7), &from)?))
        };
        assert_eq!(db.write(replace).await.unwrap(), (true, false, false));
        assert_eq!(find().await.unwrap(), Some(new.clone()));
        let delete = move |conn: &mut AnyConnection| {
            let others = grants::delete(conn, user(8), &new)?;
            Ok((others, grants::delete(conn, user(7), &new)?))
        };
        assert_eq!(db.write(delete).await.unwrap(), (false, true));
        assert_eq!(find().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn those_under_old_keys_are_listed_page_by_page() {
    on_each_backend(|db| async move {
        db.write(|conn| {
            for (id, key) in [(1, "old"), (2, "new"), (3, "older"), (4, "old")] {
                put(conn, id, &sealed(key, 1), 0)?;
            }
            Ok(())
        })
        .await
        .unwrap();
        let list = |after: Option<i64>| {
            let db = db.clone();
            async move {
                let list = move |conn: &mut AnyConnection| {
                    grants::list_under_other_keys(conn, "new", after.map(user), 2)
                };
                let list = db.run(list).await.unwrap();
                list.into_iter()
                    .map(|(id, _)| id.to_db())
                    .collect::<Vec<_>>()
            }
        };
        assert_eq!(list(None).await, [1, 3]);
        assert_eq!(list(Some(3)).await, [4]);
        assert_eq!(list(Some(4)).await, [0; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_grant_is_needed_while_a_session_of_its_kind_lives() {
    on_each_backend(|db| async move {
        let fill = |conn: &mut AnyConnection| {
            for id in 1..=4 {
                put(conn, id, &sealed("a", 1), id)?;
            }
            session(conn, 1, Kind::Bearer, 5000)?;
            session(conn, 2, Kind::Bearer, 1000)?;
            session(conn, 3, Kind::Session, 5000)?;
            session(conn, 4, Kind::Bearer, 1000)?;
            session(conn, 4, Kind::Bearer, 2000)
        };
        db.write(fill).await.unwrap();
        let list = |now_ms, limit| {
            let db = db.clone();
            async move {
                let list =
                    move |conn: &mut AnyConnection| grants::list_unneeded(conn, now_ms, limit);
                let list = db.run(list).await.unwrap();
                list.into_iter().map(UserId::to_db).collect::<Vec<_>>()
            }
        };
        assert_eq!(list(1999, 10).await, [2, 3]);
        assert_eq!(list(2000, 10).await, [2, 3, 4]);
        assert_eq!(list(9999, 2).await, [1, 2]);
        let count = |now_ms| {
            let db = db.clone();
            async move {
                let count = move |conn: &mut AnyConnection| {
                    tokens::count_of_kind(conn, user(4), Kind::Bearer, now_ms)
                };
                db.run(count).await.unwrap()
            }
        };
        assert_eq!((count(999).await, count(1000).await), (2, 1));
    })
    .await;
}
