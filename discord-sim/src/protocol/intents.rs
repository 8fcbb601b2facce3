//! Gateway intents: the kinds of events a bot asks to hear.
//!
//! The bits and the events they stand for are those of Discord's documentation, "List of
//! Intents". What changes the world names the intent of each event it sends.

/// Guilds, their channels and roles; also scheduled stages and threads.
pub(crate) const GUILDS: u64 = 1;
/// Members coming, going and changing. Privileged.
pub(crate) const GUILD_MEMBERS: u64 = 1 << 1;
/// Bans and the audit log.
pub(crate) const GUILD_MODERATION: u64 = 1 << 2;
/// The emojis and the soundboard of guilds.
pub(crate) const GUILD_EXPRESSIONS: u64 = 1 << 3;
/// Who sits where in voice, and the effects sent there.
pub(crate) const GUILD_VOICE_STATES: u64 = 1 << 7;
/// Who is online and does what. Privileged.
pub(crate) const GUILD_PRESENCES: u64 = 1 << 8;
/// Messages in guilds.
pub(crate) const GUILD_MESSAGES: u64 = 1 << 9;
/// Reactions to messages in guilds.
pub(crate) const GUILD_MESSAGE_REACTIONS: u64 = 1 << 10;
/// Who is typing in guilds.
pub(crate) const GUILD_MESSAGE_TYPING: u64 = 1 << 11;
/// Direct messages.
pub(crate) const DIRECT_MESSAGES: u64 = 1 << 12;
/// Reactions to direct messages.
pub(crate) const DIRECT_MESSAGE_REACTIONS: u64 = 1 << 13;
/// Who is typing in direct messages.
pub(crate) const DIRECT_MESSAGE_TYPING: u64 = 1 << 14;
/// What messages of others say. Privileged; no event of its own.
pub(crate) const MESSAGE_CONTENT: u64 = 1 << 15;

/// Those that must be switched on in the developer portal first.
pub(crate) const PRIVILEGED: u64 = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT;
/// Every bit that has a meaning.
pub(crate) const KNOWN: u64 = ((1 << 17) - 1) | (0b11 << 20) | (0b11 << 24);
