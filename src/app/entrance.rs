//! How people come in, and what they bring along. Built by `App`, with the keys for it.

use std::io;
use std::sync::Arc;

use super::keys;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::discord::oauth::OAuth;
use crate::domain::grants::Grants;
use crate::domain::guilds::Guilds;
use crate::domain::jwe::Jwe;
use crate::domain::login::Login;
use crate::domain::seal::Keyring;
use crate::domain::tokens::Tokens;

/// How people come in, and what they bring along.
pub(super) struct Entrance {
    pub(super) login: Login,
    pub(super) jwe: Arc<Jwe>,
    pub(super) grants: Arc<Grants>,
}

impl Entrance {
    /// `oauth` is `None` while no application is configured.
    pub(super) fn open(
        config: &Config,
        oauth: Option<&Arc<OAuth>>,
        guilds: &Arc<Guilds>,
        tokens: &Arc<Tokens>,
        db: &Db,
        clock: &Clock,
    ) -> io::Result<Self> {
        let auth = &config.auth;
        let jwe_key = match &auth.jwe_key {
            Some(key) => key.clone(),
            None => keys::jwe_key(&config.data_dir)?,
        };
        let grant_key = match &auth.grant_key {
            Some(key) => key.clone(),
            None => keys::grant_key(&config.data_dir)?,
        };
        let jwe = Arc::new(Jwe::new(
            &jwe_key,
            config.public_url.join(""),
            clock.clone(),
        ));
        let grants = Arc::new(Grants::new(
            oauth.cloned(),
            Keyring::new(&grant_key, &auth.old_grant_keys),
            db.clone(),
            clock.clone(),
        ));
        let login = Login::new(
            oauth.cloned(),
            Arc::clone(guilds),
            Arc::clone(tokens),
            Arc::clone(&grants),
            Arc::clone(&jwe),
            auth.callback_uris.clone(),
            clock.clone(),
        );
        Ok(Self { login, jwe, grants })
    }
}
