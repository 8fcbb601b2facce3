//! The guilds of a user: all of them where Discord tells us, else those that can be proven.
//! Called by `http::users`.

use std::sync::Arc;

use futures_util::future::join_all;

use super::grants::Grants;
use super::guilds::{Guild, Guilds};
use crate::error::Error;
use crate::ids::{GuildId, UserId};

const ADMINISTRATOR: u64 = 1 << 3;
const MANAGE_GUILD: u64 = 1 << 5;
/// The bits that Discord gives a meaning to.
const KNOWN: u64 = (1 << 53) - 1;
/// How many memberships are asked for at once.
const ASKED_AT_ONCE: usize = 8;

/// A guild, as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Its id.
    pub id: GuildId,
    /// Its name: untrusted text.
    pub name: String,
    /// The hash of its picture.
    pub icon: Option<String>,
    /// Whether the user owns it.
    pub is_owner: bool,
    /// What the user may do there: Discord's bits.
    pub permissions: u64,
    /// Whether the bot is there; `None` while it is not connected.
    pub has_bot: Option<bool>,
}

impl Membership {
    /// Whether the user manages it, for showing only: what is done there is checked then.
    pub fn is_manageable(&self) -> bool {
        self.is_owner || self.permissions & (ADMINISTRATOR | MANAGE_GUILD) != 0
    }
}

/// Where they are known from.
pub struct UserGuilds {
    grants: Arc<Grants>,
    guilds: Arc<Guilds>,
}

impl UserGuilds {
    /// From the users' grants, and from what the bot knows.
    pub fn new(grants: Arc<Grants>, guilds: Arc<Guilds>) -> Self {
        Self { grants, guilds }
    }

    /// All of the user's guilds, a minute old at most; `None` without a grant to read them with.
    ///
    /// # Errors
    /// 502, 503 and 504 for Discord's failures, the database's otherwise.
    pub async fn find_all(&self, user: UserId) -> Result<Option<Vec<Membership>>, Error> {
        let Some(told) = self.grants.list_guilds(user).await? else {
            return Ok(None);
        };
        let bots = self.guilds.gateway().guilds();
        let is_bots = |id| bots.as_ref().map(|bots| bots.iter().any(|it| it.id == id));
        let guilds = told.iter().map(|guild| Membership {
            id: guild.id,
            name: guild.name.clone(),
            icon: guild.icon.clone(),
            is_owner: guild.is_owner,
            permissions: guild.permissions,
            has_bot: is_bots(guild.id),
        });
        Ok(Some(guilds.collect()))
    }

    /// Those that the user shared with the bot at the last login, that the bot is in now, and that
    /// have the user as a member.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_proven(&self, user: UserId) -> Result<Vec<Membership>, Error> {
        let mutual = self.guilds.list_mutual(user).await?;
        let mut proven = Vec::new();
        for some in mutual.chunks(ASKED_AT_ONCE) {
            let asked = some.iter().map(|guild| self.prove(guild, user));
            proven.extend(join_all(asked).await.into_iter().flatten());
        }
        Ok(proven)
    }

    /// `None` for one of which it is not known now.
    async fn prove(&self, guild: &Guild, user: UserId) -> Option<Membership> {
        let member = self.guilds.recall_member(guild.id, user).await.ok()?;
        let details = self.guilds.get_details(guild.id).ok()?;
        Some(Membership {
            id: guild.id,
            name: guild.name.clone(),
            icon: details.icon.clone(),
            is_owner: details.owner == user,
            permissions: details.permissions(user, &member.rights.roles) & KNOWN,
            has_bot: Some(true),
        })
    }
}
