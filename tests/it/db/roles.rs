//! Roles of the installation and who has them.

use yuri::db::roles::{self, Holder, Role};
use yuri::db::users::{self, User};
use yuri::ids::UserId;

use super::on_each_backend;

fn user(id: u64) -> UserId {
    UserId::try_from(id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_made_given_taken_and_dropped_with_all_who_have_them() {
    on_each_backend(|db| async move {
        let known = User {
            id: user(7),
            username: "zekro".into(),
            global_name: None,
            discriminator: "9131".into(),
            avatar: None,
        };
        let role = |id, name: &str, users| Role {
            id,
            name: name.into(),
            users,
        };
        let write = db.write(move |conn| {
            users::upsert(conn, &known, &[], 1)?;
            assert_eq!(roles::list(conn)?, [role(1, "admin", 0)]);
            assert_eq!(roles::insert(conn, "editor")?, role(2, "editor", 0));
            let (admin, editor) = (roles::find(conn, "admin")?, roles::find(conn, "editor")?);
            assert_eq!((admin, editor), (Some(1), Some(2)));
            assert_eq!(roles::find(conn, "Admin")?, None);
            roles::give(conn, 1, user(8), user(7), 10)?;
            roles::give(conn, 1, user(7), user(9), 11)?;
            roles::give(conn, 2, user(7), user(7), 12)?;
            let all = [role(1, "admin", 2), role(2, "editor", 1)];
            assert_eq!(roles::list(conn)?, all);
            let holder = |user, name: Option<(&str, &str)>, given_by, given_ms| Holder {
                user,
                name: name.map(|(name, digits)| (name.into(), digits.into())),
                given_by,
                given_ms,
            };
            let holders = [
                holder(user(7), Some(("zekro", "9131")), user(9), 11),
                holder(user(8), None, user(7), 10),
            ];
            assert_eq!(roles::list_holders(conn, 1)?, holders);
            let mut own = roles::list_of(conn, user(7))?;
            own.sort_unstable();
            assert_eq!(own, ["admin", "editor"]);
            assert_eq!(roles::list_of(conn, user(8))?, ["admin"]);
            assert!(roles::list_of(conn, user(9))?.is_empty());
            assert!(roles::take(conn, 1, user(8))?);
            assert!(!roles::take(conn, 1, user(8))?);
            assert!(roles::delete(conn, "editor")?);
            assert!(!roles::delete(conn, "editor")?);
            assert_eq!(roles::list_holders(conn, 2)?, []);
            assert_eq!(roles::list(conn)?, [role(1, "admin", 1)]);
            Ok(())
        });
        write.await.unwrap();
        // The name is taken: nothing of the transaction counts.
        let twice = db.write(|conn| {
            roles::take(conn, 1, user(7))?;
            roles::insert(conn, "admin")
        });
        assert!(twice.await.is_err());
        let holders = db.run(|conn| roles::list_holders(conn, 1)).await.unwrap();
        assert_eq!(holders.len(), 1);
    })
    .await;
}
