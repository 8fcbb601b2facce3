//! Queries on `user_sounds`: what members have chosen to be heard. Called by `domain::occasions`,
//! which gives the numbers their meaning.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::user_sounds;
use crate::ids::UserId;

/// A member's choice for an occasion: its number, and the name of a sound where it names one.
///
/// # Errors
/// The database's.
pub fn find(
    conn: &mut AnyConnection,
    user: UserId,
    occasion: i16,
) -> QueryResult<Option<(i16, Option<String>)>> {
    user_sounds::table
        .find((user.to_db(), occasion))
        .select((user_sounds::choice, user_sounds::sound))
        .first(conn)
        .optional()
}

/// Keeps a member's choice in place of the one before. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn replace(
    conn: &mut AnyConnection,
    user: UserId,
    occasion: i16,
    choice: i16,
    sound: Option<&str>,
) -> QueryResult<()> {
    diesel::delete(user_sounds::table.find((user.to_db(), occasion))).execute(conn)?;
    diesel::insert_into(user_sounds::table)
        .values((
            user_sounds::user_id.eq(user.to_db()),
            user_sounds::occasion.eq(occasion),
            user_sounds::choice.eq(choice),
            user_sounds::sound.eq(sound),
        ))
        .execute(conn)?;
    Ok(())
}
