//! Who administers this installation, and the roles of its users: the one place that routes, the
//! library and live channels ask. Those whom the configuration names are administrators, and those
//! who have the role [`ADMIN`]; other roles give no right here. Contract 2, seed 002.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::db::roles::{self, Role};
use crate::db::{AnyConnection, Db, QueryResult, users};
use crate::discord::user_tag;
use crate::error::Error;
use crate::ids::UserId;

/// The role whose holders are administrators.
pub const ADMIN: &str = "admin";

/// Roles that there may be, and users who may have one of them.
const ROLES_MAX: usize = 100;
const HOLDERS_MAX: usize = 1_000;
/// Longest name of a role, in bytes.
const NAME_MAX_BYTES: usize = 32;

const UNKNOWN: Error = Error::NotFound("there is no role of this name");

/// What a role is called: 1 to 32 of `a` to `z`, `0` to `9`, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleName(String);

impl RoleName {
    /// Reads a name.
    ///
    /// # Errors
    /// 400 where it is none.
    pub fn read(text: &str) -> Result<Self, Error> {
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if (1..=NAME_MAX_BYTES).contains(&text.len()) && text.bytes().all(is_plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::Invalid(
            "a role's name has 1 to 32 of the letters a to z, digits, - and _",
        ))
    }

    /// The same as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_admin(&self) -> bool {
        self.0 == ADMIN
    }
}

/// Who has a role, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The user.
    pub user: UserId,
    /// The name at the last login; none before the first.
    pub user_tag: Option<String>,
    /// Who gave the role, and when, in Unix milliseconds; `None` where the configuration alone
    /// says so.
    pub given: Option<(UserId, i64)>,
    /// Whether the configuration names this administrator.
    pub is_configured: bool,
}

impl Holder {
    fn of(row: roles::Holder, configured: &[UserId]) -> Self {
        Self {
            user: row.user,
            user_tag: row.name.map(|(name, digits)| user_tag(&name, &digits)),
            given: Some((row.given_by, row.given_ms)),
            is_configured: configured.contains(&row.user),
        }
    }
}

/// The administrators, and all roles.
pub struct Admins {
    configured: Vec<UserId>,
    /// Who has the role [`ADMIN`].
    holders: RwLock<HashSet<UserId>>,
    db: Db,
    clock: Clock,
    /// Held from the check of who changes something to the end of the change: whoever has just
    /// lost the right gives it to nobody else.
    changing: Mutex<()>,
}

impl Admins {
    /// Reads who has the role; `configured` are administrators whatever the rows say. Blocks.
    ///
    /// # Errors
    /// The database's.
    pub fn open(db: Db, mut configured: Vec<UserId>, clock: Clock) -> Result<Self, Error> {
        configured.sort_unstable();
        configured.dedup();
        let rows = db.run_blocking(|conn| match roles::find(conn, ADMIN)? {
            Some(role) => roles::list_holders(conn, role),
            None => Ok(Vec::new()),
        })?;
        let holders = rows.into_iter().map(|row| row.user).collect();
        Ok(Self {
            configured,
            holders: RwLock::new(holders),
            db,
            clock,
            changing: Mutex::default(),
        })
    }

    /// Whether a user administers this installation now.
    pub fn is_admin(&self, user: UserId) -> bool {
        self.configured.contains(&user) || self.has_role(user)
    }

    /// Passes administrators.
    ///
    /// # Errors
    /// 403 for others.
    pub fn check(&self, user: UserId) -> Result<(), Error> {
        if self.is_admin(user) {
            return Ok(());
        }
        Err(Error::Forbidden("forbidden"))
    }

    /// All roles, by name, with the number of their users; of [`ADMIN`] those are counted too whom
    /// the configuration names.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_roles(&self) -> Result<Vec<Role>, Error> {
        let all = self.db.run(roles::list).await?;
        Ok(all.into_iter().map(|role| self.count_all(role)).collect())
    }

    /// The names of a user's roles, in their order; [`ADMIN`] where the user is an administrator now.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_roles_of(&self, user: UserId) -> Result<Vec<String>, Error> {
        let rows = self.db.quick(move |conn| roles::list_of(conn, user));
        let mut names = rows.await?;
        // What counts is in memory, and in the configuration.
        names.retain(|name| name != ADMIN);
        if self.is_admin(user) {
            names.push(ADMIN.to_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Makes a role, which may be there already; says whether it is new.
    ///
    /// # Errors
    /// 403 unless `by` is an administrator; 409 when there are 100 roles; the database's.
    pub async fn create_role(&self, by: UserId, name: &RoleName) -> Result<(Role, bool), Error> {
        let _one_at_a_time = self.changing.lock().await;
        self.check(by)?;
        let wanted = name.0.clone();
        let change = self.db.write(move |conn| {
            let all = roles::list(conn)?;
            let is_full = all.len() >= ROLES_MAX;
            if let Some(known) = all.into_iter().find(|role| role.name == wanted) {
                return Ok(Ok((known, false)));
            }
            if is_full {
                let text = format!("there are {ROLES_MAX} roles, delete one first");
                return Ok(Err(Error::Conflict(text)));
            }
            roles::insert(conn, &wanted).map(|role| Ok((role, true)))
        });
        let (role, is_new) = change.await??;
        if is_new {
            tracing::warn!(%by, role = name.as_str(), "a role was made");
        }
        Ok((self.count_all(role), is_new))
    }

    /// Drops a role, whoever has it.
    ///
    /// # Errors
    /// 403 unless `by` is an administrator; 404; 409 for [`ADMIN`]; the database's.
    pub async fn delete_role(&self, by: UserId, name: &RoleName) -> Result<(), Error> {
        let _one_at_a_time = self.changing.lock().await;
        self.check(by)?;
        if name.is_admin() {
            let text = "the role admin cannot be deleted, take it from its users".to_owned();
            return Err(Error::Conflict(text));
        }
        let unwanted = name.0.clone();
        let was_there = self.db.write(move |conn| roles::delete(conn, &unwanted));
        if !was_there.await? {
            return Err(UNKNOWN);
        }
        tracing::warn!(%by, role = name.as_str(), "a role was deleted");
        Ok(())
    }

    /// Who has a role, by id; of [`ADMIN`] those too whom the configuration names.
    ///
    /// # Errors
    /// 404; the database's.
    pub async fn list_holders(&self, name: &RoleName) -> Result<Vec<Holder>, Error> {
        let configured = self.configured_as(name.as_str());
        let wanted = name.0.clone();
        let read = self.db.run(move |conn| {
            let Some(role) = roles::find(conn, &wanted)? else {
                return Ok(Err(UNKNOWN));
            };
            let mut holders: Vec<Holder> = roles::list_holders(conn, role)?
                .into_iter()
                .map(|row| Holder::of(row, &configured))
                .collect();
            for user in configured {
                if holders.iter().any(|holder| holder.user == user) {
                    continue;
                }
                holders.push(Holder {
                    user,
                    user_tag: find_tag(conn, user)?,
                    given: None,
                    is_configured: true,
                });
            }
            holders.sort_by_key(|holder| holder.user);
            Ok(Ok(holders))
        });
        read.await?
    }

    /// Gives a role to a user, who may have it already and need not have logged in yet; says
    /// whether it is new.
    ///
    /// # Errors
    /// 403 unless `by` is an administrator; 404 for an unknown role; 409 when 1000 users have it;
    /// the database's.
    pub async fn give(
        &self,
        by: UserId,
        name: &RoleName,
        user: UserId,
    ) -> Result<(Holder, bool), Error> {
        let _one_at_a_time = self.changing.lock().await;
        self.check(by)?;
        let configured = self.configured_as(name.as_str());
        let (wanted, now_ms) = (name.0.clone(), self.clock.now_ms());
        let change = self.db.write(move |conn| {
            let Some(role) = roles::find(conn, &wanted)? else {
                return Ok(Err(UNKNOWN));
            };
            let rows = roles::list_holders(conn, role)?;
            let is_full = rows.len() >= HOLDERS_MAX;
            if let Some(row) = rows.into_iter().find(|row| row.user == user) {
                return Ok(Ok((Holder::of(row, &configured), false)));
            }
            if is_full {
                let text = format!("{HOLDERS_MAX} users have this role, take it from one first");
                return Ok(Err(Error::Conflict(text)));
            }
            roles::give(conn, role, user, by, now_ms)?;
            let holder = Holder {
                user,
                user_tag: find_tag(conn, user)?,
                given: Some((by, now_ms)),
                is_configured: configured.contains(&user),
            };
            Ok(Ok((holder, true)))
        });
        let (holder, is_new) = change.await??;
        if is_new {
            if name.is_admin() {
                self.remember(user);
            }
            tracing::warn!(%by, %user, role = name.as_str(), "a role was given");
        }
        Ok((holder, is_new))
    }

    /// Takes a role from a user, who need not have it; says whether it was so. From the call on
    /// the user is no administrator.
    ///
    /// # Errors
    /// 403 unless `by` is an administrator; 404 for an unknown role; 409 for an administrator whom
    /// the configuration names; the database's. Nothing has changed then.
    pub async fn take(&self, by: UserId, name: &RoleName, user: UserId) -> Result<bool, Error> {
        let _one_at_a_time = self.changing.lock().await;
        self.check(by)?;
        if self.configured_as(name.as_str()).contains(&user) {
            let text = "YURI_ADMINS names this administrator: only whoever runs the server can \
                        change that";
            return Err(Error::Conflict(text.to_owned()));
        }
        // Before it is written: should this call be dropped in between, a right is lost too early
        // and not too late.
        let was_admin = name.is_admin() && self.forget(user);
        let unwanted = name.0.clone();
        let change = self
            .db
            .write(move |conn| match roles::find(conn, &unwanted)? {
                Some(role) => roles::take(conn, role, user).map(Ok),
                None => Ok(Err(UNKNOWN)),
            });
        let changed = change.await;
        if changed.is_err() && was_admin {
            self.remember(user);
        }
        let had_it = changed??;
        if had_it {
            tracing::warn!(%by, %user, role = name.as_str(), "a role was taken away");
        }
        Ok(had_it)
    }

    /// Whom the configuration gives a role.
    fn configured_as(&self, role: &str) -> Vec<UserId> {
        if role == ADMIN {
            return self.configured.clone();
        }
        Vec::new()
    }

    /// With those counted whom the configuration alone gives the role.
    fn count_all(&self, mut role: Role) -> Role {
        let configured = self.configured_as(&role.name).into_iter();
        let more = configured.filter(|user| !self.has_role(*user)).count();
        role.users = role
            .users
            .saturating_add(i64::try_from(more).unwrap_or(i64::MAX));
        role
    }

    fn has_role(&self, user: UserId) -> bool {
        let holders = self.holders.read().unwrap_or_else(PoisonError::into_inner);
        holders.contains(&user)
    }

    fn remember(&self, user: UserId) {
        let mut holders = self.holders.write().unwrap_or_else(PoisonError::into_inner);
        holders.insert(user);
    }

    fn forget(&self, user: UserId) -> bool {
        let mut holders = self.holders.write().unwrap_or_else(PoisonError::into_inner);
        holders.remove(&user)
    }
}

fn find_tag(conn: &mut AnyConnection, user: UserId) -> QueryResult<Option<String>> {
    let known = users::find(conn, user)?;
    Ok(known.map(|user| user_tag(&user.username, &user.discriminator)))
}
