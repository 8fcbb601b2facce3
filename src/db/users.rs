//! Queries on `users` and `user_guilds`. `domain::login` writes them, `domain::guilds` and the
//! page read them.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::{user_guilds, users};
use crate::ids::{GuildId, UserId};

/// A Discord user as seen at the last login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Discord's id.
    pub id: UserId,
    /// The account's name.
    pub username: String,
    /// The name shown, where one is set.
    pub global_name: Option<String>,
    /// The four digits of an old account, else `0`.
    pub discriminator: String,
    /// Hash of the avatar image.
    pub avatar: Option<String>,
}

/// Keeps a user and the guilds shared with the bot, in place of what was kept before.
///
/// # Errors
/// The database's.
pub fn upsert(
    conn: &mut AnyConnection,
    user: &User,
    guilds: &[GuildId],
    now_ms: i64,
) -> QueryResult<()> {
    let id = user.id.to_db();
    let values = (
        users::username.eq(&user.username),
        users::global_name.eq(&user.global_name),
        users::discriminator.eq(&user.discriminator),
        users::avatar.eq(&user.avatar),
        users::updated_ms.eq(now_ms),
    );
    let known = diesel::update(users::table.find(id))
        .set(values)
        .execute(conn)?;
    if known == 0 {
        diesel::insert_into(users::table)
            .values((users::id.eq(id), values))
            .execute(conn)?;
    }
    diesel::delete(user_guilds::table.filter(user_guilds::user_id.eq(id))).execute(conn)?;
    for guild in guilds {
        diesel::insert_into(user_guilds::table)
            .values((
                user_guilds::user_id.eq(id),
                user_guilds::guild_id.eq(guild.to_db()),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// The user of an id, if there was a login.
///
/// # Errors
/// The database's.
pub fn find(conn: &mut AnyConnection, id: UserId) -> QueryResult<Option<User>> {
    type Row = (String, Option<String>, String, Option<String>);
    let row: Option<Row> = users::table
        .find(id.to_db())
        .select((
            users::username,
            users::global_name,
            users::discriminator,
            users::avatar,
        ))
        .first(conn)
        .optional()?;
    Ok(
        row.map(|(username, global_name, discriminator, avatar)| User {
            id,
            username,
            global_name,
            discriminator,
            avatar,
        }),
    )
}

/// The guilds shared with the bot at the last login.
///
/// # Errors
/// The database's.
pub fn list_guilds(conn: &mut AnyConnection, user: UserId) -> QueryResult<Vec<GuildId>> {
    let ids: Vec<i64> = user_guilds::table
        .filter(user_guilds::user_id.eq(user.to_db()))
        .order(user_guilds::guild_id)
        .select(user_guilds::guild_id)
        .load(conn)?;
    Ok(ids.into_iter().map(GuildId::from_db).collect())
}

/// Whether a user shared a guild with the bot at the last login.
///
/// # Errors
/// The database's.
pub fn was_in_guild(conn: &mut AnyConnection, user: UserId, guild: GuildId) -> QueryResult<bool> {
    let found: Option<i64> = user_guilds::table
        .find((user.to_db(), guild.to_db()))
        .select(user_guilds::guild_id)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
}
