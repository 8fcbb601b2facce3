//! Queries on `tokens`. Called by `domain::tokens` alone.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::tokens;
use crate::ids::UserId;

/// SHA-256 of a token.
pub type Hash = [u8; 32];

/// What a token is for. One kind is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A login in a browser: the cookies.
    Session,
    /// A token for programs: the Basic header.
    Api,
    /// A login on another site's page: the session that the Bearer header's JWE names. Seed 002.
    Bearer,
}

impl Kind {
    pub(super) fn to_db(self) -> i16 {
        match self {
            Self::Session => 0,
            Self::Api => 1,
            Self::Bearer => 2,
        }
    }

    fn from_db(kind: i16) -> Self {
        match kind {
            0 => Self::Session,
            2 => Self::Bearer,
            _ => Self::Api,
        }
    }
}

/// A token about to be kept.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Whose it is.
    pub user: UserId,
    /// What it is for.
    pub kind: Kind,
    /// The name its owner gave it, else empty.
    pub name: String,
    /// SHA-256 of the token.
    pub hash: Hash,
    /// When it was issued.
    pub created_ms: i64,
    /// When it ends unless it is used before.
    pub expires_ms: i64,
    /// When it ends in any case.
    pub cap_ms: i64,
}

/// A token that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = tokens)]
pub struct Token {
    /// Its number.
    pub id: i64,
    user_id: i64,
    kind: i16,
    /// The name its owner gave it, else empty.
    pub name: String,
    /// When it was issued.
    pub created_ms: i64,
    /// When it was last used, to the minute.
    pub used_ms: i64,
    /// When it ends unless it is used before.
    pub expires_ms: i64,
    /// When it ends in any case.
    pub cap_ms: i64,
}

impl Token {
    /// Whose it is.
    pub fn user(&self) -> UserId {
        UserId::from_db(self.user_id)
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        Kind::from_db(self.kind)
    }
}

/// Keeps a token and gives its number.
///
/// # Errors
/// The database's.
pub fn insert(conn: &mut AnyConnection, token: &NewToken) -> QueryResult<i64> {
    diesel::insert_into(tokens::table)
        .values((
            tokens::user_id.eq(token.user.to_db()),
            tokens::kind.eq(token.kind.to_db()),
            tokens::name.eq(&token.name),
            tokens::hash.eq(&token.hash[..]),
            tokens::created_ms.eq(token.created_ms),
            tokens::used_ms.eq(token.created_ms),
            tokens::expires_ms.eq(token.expires_ms),
            tokens::cap_ms.eq(token.cap_ms),
        ))
        .returning(tokens::id)
        .get_result(conn)
}

/// The token of a hash, whether it still lives or not.
///
/// # Errors
/// The database's.
pub fn find(conn: &mut AnyConnection, hash: &Hash) -> QueryResult<Option<Token>> {
    tokens::table
        .filter(tokens::hash.eq(&hash[..]))
        .select(Token::as_select())
        .first(conn)
        .optional()
}

/// A user's living tokens, oldest first.
///
/// # Errors
/// The database's.
pub fn list(conn: &mut AnyConnection, user: UserId, now_ms: i64) -> QueryResult<Vec<Token>> {
    tokens::table
        .filter(tokens::user_id.eq(user.to_db()))
        .filter(tokens::expires_ms.gt(now_ms))
        .order(tokens::id)
        .select(Token::as_select())
        .load(conn)
}

/// How many living tokens of a user have a name.
///
/// # Errors
/// The database's.
pub fn count_named(conn: &mut AnyConnection, user: UserId, now_ms: i64) -> QueryResult<i64> {
    tokens::table
        .filter(tokens::user_id.eq(user.to_db()))
        .filter(tokens::expires_ms.gt(now_ms))
        .filter(tokens::name.ne(""))
        .count()
        .get_result(conn)
}

/// How many living tokens of a kind a user has.
///
/// # Errors
/// The database's.
pub fn count_of_kind(
    conn: &mut AnyConnection,
    user: UserId,
    kind: Kind,
    now_ms: i64,
) -> QueryResult<i64> {
    tokens::table
        .filter(tokens::user_id.eq(user.to_db()))
        .filter(tokens::kind.eq(kind.to_db()))
        .filter(tokens::expires_ms.gt(now_ms))
        .count()
        .get_result(conn)
}

/// Removes a user's token and gives its hash, if there was one of this number.
///
/// # Errors
/// The database's.
pub fn delete(conn: &mut AnyConnection, user: UserId, id: i64) -> QueryResult<Option<Hash>> {
    let own = tokens::table
        .filter(tokens::id.eq(id))
        .filter(tokens::user_id.eq(user.to_db()));
    let hash: Option<Vec<u8>> = own.select(tokens::hash).first(conn).optional()?;
    diesel::delete(
        tokens::table
            .filter(tokens::id.eq(id))
            .filter(tokens::user_id.eq(user.to_db())),
    )
    .execute(conn)?;
    Ok(hash.and_then(|hash| hash.try_into().ok()))
}

/// Writes when a token was last used and when it ends now.
///
/// # Errors
/// The database's.
pub fn extend(conn: &mut AnyConnection, id: i64, used_ms: i64, expires_ms: i64) -> QueryResult<()> {
    diesel::update(tokens::table.filter(tokens::id.eq(id)))
        .set((
            tokens::used_ms.eq(used_ms),
            tokens::expires_ms.eq(expires_ms),
        ))
        .execute(conn)
        .map(drop)
}

/// Removes the tokens that ended before an instant.
///
/// # Errors
/// The database's.
pub fn purge(conn: &mut AnyConnection, before_ms: i64) -> QueryResult<usize> {
    diesel::delete(tokens::table.filter(tokens::expires_ms.le(before_ms))).execute(conn)
}
