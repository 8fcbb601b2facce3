//! The audit log of each guild: what administrators and bots have done, and why.
//!
//! Written by every change that they make; read by REST.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::State;
use crate::protocol::intents;
use crate::world::wire;

/// How many entries a guild keeps; the oldest are forgotten.
const KEPT: usize = 1_000;

/// On whose behalf something is changed.
#[derive(Clone, Debug)]
pub(crate) struct By {
    pub(crate) user: u64,
    /// What it says in `X-Audit-Log-Reason`.
    pub(crate) reason: Option<String>,
}

/// The logs of all guilds, and who acts at this moment.
#[derive(Debug, Default)]
pub(crate) struct AuditLogs {
    by_guild: BTreeMap<u64, VecDeque<Entry>>,
    acting: Option<By>,
}

/// What was done.
#[derive(Debug)]
struct Entry {
    id: u64,
    user: u64,
    target: Option<u64>,
    action: Action,
    changes: Vec<Value>,
    options: Option<Value>,
    reason: Option<String>,
}

/// Which entries are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) user: Option<u64>,
    pub(crate) action: Option<i64>,
    pub(crate) before: u64,
    /// Given this, the oldest come first.
    pub(crate) after: Option<u64>,
    pub(crate) limit: usize,
}

/// What an entry tells of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    GuildUpdate,
    ChannelCreate,
    ChannelUpdate,
    ChannelDelete,
    MemberKick,
    MemberBanAdd,
    MemberBanRemove,
    MemberUpdate,
    MemberRoleUpdate,
    MemberMove,
    MemberDisconnect,
    BotAdd,
    RoleCreate,
    RoleUpdate,
    RoleDelete,
    EmojiCreate,
    EmojiUpdate,
    EmojiDelete,
    SoundCreate,
    SoundUpdate,
    SoundDelete,
}

impl Action {
    fn number(self) -> u8 {
        match self {
            Action::GuildUpdate => 1,
            Action::ChannelCreate => 10,
            Action::ChannelUpdate => 11,
            Action::ChannelDelete => 12,
            Action::MemberKick => 20,
            Action::MemberBanAdd => 22,
            Action::MemberBanRemove => 23,
            Action::MemberUpdate => 24,
            Action::MemberRoleUpdate => 25,
            Action::MemberMove => 26,
            Action::MemberDisconnect => 27,
            Action::BotAdd => 28,
            Action::RoleCreate => 30,
            Action::RoleUpdate => 31,
            Action::RoleDelete => 32,
            Action::EmojiCreate => 60,
            Action::EmojiUpdate => 61,
            Action::EmojiDelete => 62,
            Action::SoundCreate => 130,
            Action::SoundUpdate => 131,
            Action::SoundDelete => 132,
        }
    }
}

impl Entry {
    fn show(&self) -> Value {
        let mut value = json!({
            "id": self.id.to_string(),
            "user_id": self.user.to_string(),
            "target_id": self.target.map(|id| id.to_string()),
            "action_type": self.action.number(),
            "changes": self.changes,
        });
        if let Some(options) = &self.options {
            value["options"] = options.clone();
        }
        if let Some(reason) = &self.reason {
            value["reason"] = json!(reason);
        }
        value
    }
}

impl State {
    /// Changes something on behalf of somebody, whom the audit log then names.
    pub(crate) fn on_behalf<R>(&mut self, by: By, change: impl FnOnce(&mut State) -> R) -> R {
        let before = self.audit_logs.acting.replace(by);
        let result = change(self);
        self.audit_logs.acting = before;
        result
    }

    /// Why whoever acts does so.
    pub(super) fn reason(&self) -> Option<String> {
        self.audit_logs.acting.as_ref()?.reason.clone()
    }

    /// Notes what was done to a target, and tells those who may read the log. Where nobody is
    /// said to act, the guild's owner does.
    pub(super) fn audit(&mut self, guild: u64, action: Action, target: u64) {
        self.audit_with(guild, action, Some(target), Vec::new(), None);
    }

    /// Notes it with what was changed.
    pub(super) fn audit_changes(
        &mut self,
        guild: u64,
        action: Action,
        target: u64,
        changes: Vec<Value>,
    ) {
        self.audit_with(guild, action, Some(target), changes, None);
    }

    /// Notes it with all that can be said of it.
    pub(super) fn audit_with(
        &mut self,
        guild: u64,
        action: Action,
        target: Option<u64>,
        changes: Vec<Value>,
        options: Option<Value>,
    ) {
        let Some(owner) = self.find_guild(guild).map(|guild| guild.owner) else {
            return;
        };
        let by = self.audit_logs.acting.clone();
        let (user, reason) = by.map_or((owner, None), |by| (by.user, by.reason));
        let entry = Entry {
            id: self.next_id(),
            user,
            target,
            action,
            changes,
            options,
            reason,
        };
        let mut event = entry.show();
        event["guild_id"] = json!(guild.to_string());
        let log = self.audit_logs.by_guild.entry(guild).or_default();
        if log.len() == KEPT {
            log.pop_front();
        }
        log.push_back(entry);
        let name = "GUILD_AUDIT_LOG_ENTRY_CREATE";
        self.broadcast(guild, intents::GUILD_MODERATION, name, &event);
    }

    /// A guild's log as REST shows it.
    pub(crate) fn show_audit_log(&self, guild: u64, wanted: Wanted) -> Value {
        let log = self.audit_logs.by_guild.get(&guild);
        let is_wanted = |entry: &&Entry| {
            wanted.user.is_none_or(|user| entry.user == user)
                && wanted
                    .action
                    .is_none_or(|action| i64::from(entry.action.number()) == action)
                && entry.id < wanted.before
                && wanted.after.is_none_or(|after| entry.id > after)
        };
        let mut found = log
            .into_iter()
            .flatten()
            .filter(is_wanted)
            .collect::<Vec<_>>();
        if wanted.after.is_none() {
            found.reverse();
        }
        found.truncate(wanted.limit);
        let mut named = found
            .iter()
            .flat_map(|entry| [Some(entry.user), entry.target])
            .flatten()
            .filter_map(|id| self.users.get(&id))
            .collect::<Vec<_>>();
        named.sort_unstable_by_key(|user| user.id);
        named.dedup_by_key(|user| user.id);
        json!({
            "audit_log_entries": found.iter().map(|entry| entry.show()).collect::<Vec<_>>(),
            "users": named.into_iter().map(wire::user).collect::<Vec<_>>(),
            "application_commands": [],
            "auto_moderation_rules": [],
            "guild_scheduled_events": [],
            "integrations": [],
            "threads": [],
            "webhooks": [],
        })
    }
}

/// What differs between two states of a thing, as the log writes it; one that is not there
/// before or after is null.
pub(super) fn changes(before: &Value, after: &Value, keys: &[&str]) -> Vec<Value> {
    let keys = keys.iter().filter(|key| before[**key] != after[**key]);
    let change = |key: &&str| {
        let mut change = json!({ "key": key });
        for (name, state) in [("old_value", before), ("new_value", after)] {
            if !state[*key].is_null() {
                change[name] = state[*key].clone();
            }
        }
        change
    };
    keys.map(change).collect()
}
