//! Who hears of an event: every bot of a guild that asked for its kind, or one of them.
//!
//! Called by every change of the world.

use serde_json::Value;

use super::State;

impl State {
    /// Sends an event of a guild to every bot in it that asked for it; an `intent` of 0 is
    /// asked for by all.
    pub(crate) fn broadcast(&mut self, guild: u64, intent: u64, event: &str, data: &Value) {
        let Some(entry) = self.guilds.iter().find(|entry| entry.id == guild) else {
            return;
        };
        for session in self.sessions.by_id.values_mut() {
            let asked = intent == 0 || session.intents & intent != 0;
            if asked && session.covers(guild) && entry.members.contains_key(&session.application) {
                session.send(event, data);
            }
        }
    }

    /// Sends an event of a guild to one bot if it asked for it; an `intent` of 0 is asked
    /// for by all. False if no connection takes it.
    pub(crate) fn tell(
        &mut self,
        application: u64,
        guild: u64,
        intent: u64,
        event: &str,
        data: &Value,
    ) -> bool {
        let mut taken = false;
        for session in self.sessions.by_id.values_mut() {
            let asked = intent == 0 || session.intents & intent != 0;
            if asked && session.application == application && session.covers(guild) {
                session.send(event, data);
                taken |= session.outlet.is_some();
            }
        }
        taken
    }
}
