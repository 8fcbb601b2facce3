//! Messages as they are kept, and what hangs on them.
//!
//! Written by the state when somebody posts; shown to bots as JSON by `wire`, and to tests
//! as they are.

use serde_json::Value;

/// Set on messages that only one person sees.
pub(crate) const EPHEMERAL: u64 = 1 << 6;
/// Set on the empty message that clients show as "thinking...".
pub(crate) const LOADING: u64 = 1 << 7;
/// Set on messages without notification.
pub(crate) const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;
/// Set on messages whose embeds are not shown.
pub(crate) const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// Set on messages that consist of components alone.
pub(crate) const COMPONENTS_V2: u64 = 1 << 15;

/// A message in a channel.
#[derive(Clone, Debug)]
pub struct Message {
    /// Snowflake.
    pub id: u64,
    /// The channel's id.
    pub channel: u64,
    /// Who wrote it, by user id.
    pub author: u64,
    /// Its text, in Discord's markdown.
    pub content: String,
    /// Embeds as Discord shows them.
    pub embeds: Vec<Value>,
    /// Components as Discord shows them: rows of buttons and select menus.
    pub components: Vec<Value>,
    /// The files that hang on it.
    pub attachments: Vec<Attachment>,
    /// Who has reacted with what, in the order in which the emojis came.
    pub reactions: Vec<Reaction>,
    /// [Message flags](https://docs.discord.com/developers/resources/message#message-object-message-flags)
    /// as bits.
    pub flags: u64,
    /// The only person who sees it, if it is ephemeral.
    pub only_for: Option<u64>,
    /// The message it is a reply to.
    pub reply_to: Option<u64>,
    /// Whom it mentions.
    pub mentions: Mentions,
    /// When it was last edited, in Unix milliseconds.
    pub edited_at_ms: Option<u64>,
    /// When it was pinned, in Unix milliseconds.
    pub pinned_at_ms: Option<u64>,
    pub(crate) kind: MessageKind,
    pub(crate) tts: bool,
    /// What its author told it apart by: text or a number.
    pub(crate) nonce: Value,
    pub(crate) interaction: Option<Box<Trace>>,
}

impl Message {
    /// An empty message.
    pub(crate) fn new(id: u64, channel: u64, author: u64) -> Message {
        Message {
            id,
            channel,
            author,
            content: String::new(),
            embeds: Vec::new(),
            components: Vec::new(),
            attachments: Vec::new(),
            reactions: Vec::new(),
            flags: 0,
            only_for: None,
            reply_to: None,
            mentions: Mentions::default(),
            edited_at_ms: None,
            pinned_at_ms: None,
            kind: MessageKind::Plain,
            tts: false,
            nonce: Value::Null,
            interaction: None,
        }
    }

    /// Whether the person sees it, as far as the message itself goes.
    pub(crate) fn is_for(&self, user: u64) -> bool {
        self.only_for.is_none_or(|only| only == user)
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.content.is_empty()
            && self.embeds.is_empty()
            && self.components.is_empty()
            && self.attachments.is_empty()
    }
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    Plain,
    Pinned,
    Reply,
    ChatInputCommand,
    ContextMenuCommand,
}

impl MessageKind {
    /// Discord's number for it.
    pub(crate) fn number(self) -> u8 {
        match self {
            MessageKind::Plain => 0,
            MessageKind::Pinned => 6,
            MessageKind::Reply => 19,
            MessageKind::ChatInputCommand => 20,
            MessageKind::ContextMenuCommand => 23,
        }
    }

    /// Whether Discord wrote it: nobody may edit it.
    pub(crate) fn is_system(self) -> bool {
        self == MessageKind::Pinned
    }
}

/// Whom a message mentions, so that they are notified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// User ids, the author of the message replied to among them.
    pub users: Vec<u64>,
    /// Role ids.
    pub roles: Vec<u64>,
    /// Whether `@everyone` or `@here` was used by someone who may.
    pub everyone: bool,
}

/// A file on a message, or one given to a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    /// Snowflake.
    pub id: u64,
    /// Its name, as far as Discord keeps it.
    pub filename: String,
    /// What the sender said of it.
    pub description: Option<String>,
    /// Its media type, if it is known.
    pub content_type: Option<String>,
    /// In bytes.
    pub size: u64,
    /// Where the simulator serves it.
    pub url: String,
    /// Whether it belongs to a message that only one person sees, or to a command.
    pub ephemeral: bool,
    /// The title shown instead of its name.
    pub title: Option<String>,
}

/// What people have reacted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// With which emoji.
    pub emoji: EmojiName,
    /// Who has, in the order in which they did.
    pub users: Vec<u64>,
}

/// An emoji as it is named in reactions and sounds: a character, or one that a guild made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmojiName {
    /// The id of a guild's or an application's emoji; none for a Unicode character.
    pub id: Option<u64>,
    /// Its name, or the Unicode character itself.
    pub name: String,
    /// Whether it moves.
    pub animated: bool,
}

impl EmojiName {
    /// Reads `name:id`, or a Unicode emoji. What is neither is `None`.
    pub(crate) fn read(text: &str) -> Option<EmojiName> {
        if let Some((name, id)) = text.rsplit_once(':') {
            let name = name.strip_prefix("a:").unwrap_or(name);
            let name = name.trim_matches(':').to_owned();
            return Some(EmojiName {
                id: Some(id.parse().ok()?),
                name,
                animated: false,
            });
        }
        is_emoji(text).then(|| EmojiName {
            id: None,
            name: text.to_owned(),
            animated: false,
        })
    }
}

/// Whether the text can be a Unicode emoji. Not the whole of the standard: letters of any
/// script are none, and digits only as part of a keycap.
fn is_emoji(text: &str) -> bool {
    const LONGEST: usize = 16;
    const KEYCAP: char = '\u{20e3}';
    let keycap = text.ends_with(KEYCAP);
    let may = |c: char| {
        if c.is_ascii() {
            keycap && matches!(c, '0'..='9' | '#' | '*')
        } else {
            let letter = c.is_alphabetic() && !matches!(c, 'ℹ' | 'Ⓜ' | '\u{1f000}'..);
            !letter && !c.is_whitespace() && !c.is_control()
        }
    };
    !text.is_empty() && text.chars().count() <= LONGEST && text.chars().all(may)
}

/// Which interaction a message answers.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) application: u64,
    /// `interaction_metadata`.
    pub(crate) metadata: Value,
    /// The older `interaction`, only of commands.
    pub(crate) legacy: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emojis_are_characters_or_named() {
        for text in ["🎺", "❤️", "1️⃣", "👩‍💻", "🇩🇪", "ℹ️", "©️", "🅰️"]
        {
            let emoji = EmojiName::read(text).unwrap();
            assert_eq!((emoji.id, emoji.name.as_str()), (None, text));
        }
        let custom = EmojiName::read("horn:81").unwrap();
        assert_eq!((custom.id, custom.name.as_str()), (Some(81), "horn"));
        for text in ["", "a", "12", "horn", "horn:x", "é", " "] {
            assert_eq!(EmojiName::read(text), None, "{text:?}");
        }
    }
}
