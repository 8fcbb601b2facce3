//! Queries on `roles` and `user_roles`: the roles of this installation. Called by
//! `domain::admins`. Seed 002.

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::AnyConnection;
use super::schema::{roles, user_roles, users};
use crate::ids::UserId;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its number.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// How many users have it.
    pub users: i64,
}

/// A user who has a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The user.
    pub user: UserId,
    /// Name and discriminator at the last login; none before the first.
    pub name: Option<(String, String)>,
    /// Who gave the role.
    pub given_by: UserId,
    /// When, in Unix milliseconds.
    pub given_ms: i64,
}

/// All roles, by name.
///
/// # Errors
/// The database's.
pub fn list(conn: &mut AnyConnection) -> QueryResult<Vec<Role>> {
    let names: Vec<(i64, String)> = roles::table
        .order(roles::name)
        .select((roles::id, roles::name))
        .load(conn)?;
    let counts: Vec<(i64, i64)> = user_roles::table
        .group_by(user_roles::role_id)
        .select((user_roles::role_id, count_star()))
        .load(conn)?;
    let count = |role: i64| counts.iter().find(|(id, _)| *id == role);
    let role = |(id, name)| Role {
        id,
        name,
        users: count(id).map_or(0, |(_, users)| *users),
    };
    Ok(names.into_iter().map(role).collect())
}

/// The number of the role of a name.
///
/// # Errors
/// The database's.
pub fn find(conn: &mut AnyConnection, name: &str) -> QueryResult<Option<i64>> {
    roles::table
        .filter(roles::name.eq(name))
        .select(roles::id)
        .first(conn)
        .optional()
}

/// Makes a role. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's; a name that is taken among them.
pub fn insert(conn: &mut AnyConnection, name: &str) -> QueryResult<Role> {
    diesel::insert_into(roles::table)
        .values(roles::name.eq(name))
        .execute(conn)?;
    let id = roles::table
        .filter(roles::name.eq(name))
        .select(roles::id)
        .first(conn)?;
    Ok(Role {
        id,
        name: name.to_owned(),
        users: 0,
    })
}

/// Drops a role, whoever has it; says whether there was one. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn delete(conn: &mut AnyConnection, name: &str) -> QueryResult<bool> {
    let row = roles::table.filter(roles::name.eq(name));
    Ok(diesel::delete(row).execute(conn)? > 0)
}

/// Who has a role, by id.
///
/// # Errors
/// The database's.
pub fn list_holders(conn: &mut AnyConnection, role: i64) -> QueryResult<Vec<Holder>> {
    type Row = (i64, i64, i64, Option<String>, Option<String>);
    let rows: Vec<Row> = user_roles::table
        .left_join(users::table.on(users::id.eq(user_roles::user_id)))
        .filter(user_roles::role_id.eq(role))
        .order(user_roles::user_id)
        .select((
            user_roles::user_id,
            user_roles::given_by,
            user_roles::given_ms,
            users::username.nullable(),
            users::discriminator.nullable(),
        ))
        .load(conn)?;
    let holder = |(user, given_by, given_ms, username, discriminator): Row| Holder {
        user: UserId::from_db(user),
        name: username.zip(discriminator),
        given_by: UserId::from_db(given_by),
        given_ms,
    };
    Ok(rows.into_iter().map(holder).collect())
}

/// The names of a user's roles, in no order.
///
/// # Errors
/// The database's.
pub fn list_of(conn: &mut AnyConnection, user: UserId) -> QueryResult<Vec<String>> {
    roles::table
        .inner_join(user_roles::table.on(user_roles::role_id.eq(roles::id)))
        .filter(user_roles::user_id.eq(user.to_db()))
        .select(roles::name)
        .load(conn)
}

/// Gives a role to a user who does not have it. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn give(
    conn: &mut AnyConnection,
    role: i64,
    user: UserId,
    by: UserId,
    now_ms: i64,
) -> QueryResult<()> {
    diesel::insert_into(user_roles::table)
        .values((
            user_roles::user_id.eq(user.to_db()),
            user_roles::role_id.eq(role),
            user_roles::given_by.eq(by.to_db()),
            user_roles::given_ms.eq(now_ms),
        ))
        .execute(conn)
        .map(drop)
}

/// Takes a role away; says whether the user had it. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn take(conn: &mut AnyConnection, role: i64, user: UserId) -> QueryResult<bool> {
    let row = user_roles::table.find((role, user.to_db()));
    Ok(diesel::delete(row).execute(conn)? > 0)
}
