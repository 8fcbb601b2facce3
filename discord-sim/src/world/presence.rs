//! Presences: who is online and does what, as plain values, and their JSON.
//!
//! Set by bots over the gateway and by the library for people; shown to bots with the
//! presences intent.

use serde::Deserialize;
use serde_json::{Value, json};

/// Where streams must be; Discord shows no other address.
const STREAMS: [&str; 4] = [
    "https://twitch.tv/",
    "https://www.twitch.tv/",
    "https://youtube.com/",
    "https://www.youtube.com/",
];

/// Discord's number of the last kind of activity, competing.
const LAST_KIND: u8 = 5;

/// Whether somebody is online.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Online.
    Online,
    /// Away from the keyboard.
    Idle,
    /// Not to be disturbed.
    DoNotDisturb,
    /// Offline, or invisible: nobody can tell which.
    #[default]
    Offline,
}

impl Status {
    /// Discord's word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Online => "online",
            Status::Idle => "idle",
            Status::DoNotDisturb => "dnd",
            Status::Offline => "offline",
        }
    }
}

/// What somebody does, as it is shown below the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Discord's number of its kind: 0 playing, 1 streaming, 2 listening, 3 watching,
    /// 4 a custom status, 5 competing.
    pub kind: u8,
    /// The game's, stream's or player's name; of a custom status it is not shown.
    pub name: String,
    /// The second line; of a custom status its text.
    pub state: Option<String>,
    /// The address of a stream, on `twitch.tv` or `youtube.com`.
    pub url: Option<String>,
}

impl Activity {
    /// An activity of one line.
    pub fn new(kind: u8, name: &str) -> Activity {
        Activity {
            kind,
            name: name.to_owned(),
            state: None,
            url: None,
        }
    }
}

/// The status and activities of a user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presence {
    pub(crate) status: Status,
    pub(crate) activities: Vec<Activity>,
    /// Since when it is so, in Unix milliseconds.
    pub(crate) since_ms: u64,
}

/// What a bot may set of a presence. `since` and `afk` change nothing that others see.
#[derive(Deserialize)]
struct SentPresence {
    status: SentStatus,
    activities: Option<Vec<SentActivity>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum SentStatus {
    Online,
    Idle,
    Dnd,
    Invisible,
    Offline,
}

impl From<SentStatus> for Status {
    fn from(status: SentStatus) -> Status {
        match status {
            SentStatus::Online => Status::Online,
            SentStatus::Idle => Status::Idle,
            SentStatus::Dnd => Status::DoNotDisturb,
            SentStatus::Invisible | SentStatus::Offline => Status::Offline,
        }
    }
}

/// What a bot may set of an activity; the rest is dropped, as Discord does.
#[derive(Deserialize)]
struct SentActivity {
    #[serde(rename = "type")]
    kind: u8,
    name: String,
    state: Option<String>,
    url: Option<String>,
}

impl SentActivity {
    /// `None` if there is no such kind.
    fn into_activity(self) -> Option<Activity> {
        let SentActivity {
            kind,
            name,
            state,
            url,
        } = self;
        let streams = |url: &String| kind == 1 && STREAMS.iter().any(|it| url.starts_with(it));
        (kind <= LAST_KIND).then_some(Activity {
            kind,
            name,
            state,
            url: url.filter(streams),
        })
    }
}

impl Presence {
    /// Reads what a bot sends with opcode 3 and with IDENTIFY.
    pub(crate) fn read(data: &Value, now_ms: u64) -> Option<Presence> {
        let sent = SentPresence::deserialize(data).ok()?;
        let activities = sent.activities.unwrap_or_default().into_iter();
        let activities = activities.map(SentActivity::into_activity);
        Some(Presence {
            status: sent.status.into(),
            activities: activities.collect::<Option<_>>()?,
            since_ms: now_ms,
        })
    }

    /// Whether nobody could tell the two apart.
    pub(crate) fn looks_like(&self, other: &Presence) -> bool {
        let offline = self.status == Status::Offline && other.status == Status::Offline;
        offline || (self.status == other.status && self.activities == other.activities)
    }

    /// The presence as the events carry it, its user included.
    pub(crate) fn value(&self, user: Value, is_bot: bool) -> Value {
        let online = self.status != Status::Offline;
        let platform = if is_bot { "web" } else { "desktop" };
        let client_status = if online {
            json!({ platform: self.status.name() })
        } else {
            json!({})
        };
        let activities = self.activities.iter().filter(|_| online);
        json!({
            "user": user,
            "status": self.status.name(),
            "activities": activities.map(|it| self.activity(it)).collect::<Vec<_>>(),
            "client_status": client_status,
        })
    }

    fn activity(&self, activity: &Activity) -> Value {
        let mut value = json!({
            "name": activity.name,
            "type": activity.kind,
            "created_at": self.since_ms,
        });
        if let Some(state) = &activity.state {
            value["state"] = json!(state);
        }
        if let Some(url) = &activity.url {
            value["url"] = json!(url);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bot_may_set_is_read_and_shown() {
        let sent = json!({
            "since": null, "afk": false, "status": "dnd",
            "activities": [
                { "name": "a horn", "type": 2, "state": "loud", "details": "dropped" },
                { "name": "live", "type": 1, "url": "https://twitch.tv/yuri" },
                { "name": "not live", "type": 1, "url": "https://example.com/" },
            ],
        });
        let presence = Presence::read(&sent, 7).unwrap();
        let shown = json!({
            "user": { "id": "21" },
            "status": "dnd",
            "activities": [
                { "name": "a horn", "type": 2, "created_at": 7, "state": "loud" },
                { "name": "live", "type": 1, "created_at": 7, "url": "https://twitch.tv/yuri" },
                { "name": "not live", "type": 1, "created_at": 7 },
            ],
            "client_status": { "web": "dnd" },
        });
        assert_eq!(presence.value(json!({ "id": "21" }), true), shown);
    }

    #[test]
    fn who_is_invisible_looks_offline() {
        let sent = json!({ "status": "invisible", "activities": [{ "name": "x", "type": 0 }] });
        let presence = Presence::read(&sent, 7).unwrap();
        assert!(presence.looks_like(&Presence::default()));
        let shown = presence.value(json!({}), true);
        assert_eq!(
            (&shown["status"], &shown["activities"]),
            (&json!("offline"), &json!([]))
        );
        assert_eq!(shown["client_status"], json!({}));
    }

    #[test]
    fn wrong_ones_are_not_read() {
        let wrong = [
            json!(null),
            json!({ "activities": [] }),
            json!({ "status": "away", "activities": [] }),
            json!({ "status": 1, "activities": [] }),
            json!({ "status": "online", "activities": {} }),
            json!({ "status": "online", "activities": [{ "name": "x" }] }),
            json!({ "status": "online", "activities": [{ "type": 0 }] }),
            json!({ "status": "online", "activities": [{ "name": "x", "type": 6 }] }),
            json!({ "status": "online", "activities": [{ "name": "x", "type": 0, "url": 1 }] }),
        ];
        for data in wrong {
            assert!(Presence::read(&data, 0).is_none(), "{data}");
        }
    }
}
