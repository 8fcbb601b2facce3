//! Emojis of guilds and of applications: made, changed and removed.

use serde_json::{Value, json};

use super::image::Image;
use crate::error::SimError;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::protocol::intents;
use crate::state::State;
use crate::state::audit::{Action, changes};
use crate::world::expressions::EmojiHome;
use crate::world::{Emoji, EmojiName, MOST_ROLES, permissions, wire};

/// The largest image that may be sent, and the largest that may stay: Discord makes those in
/// between smaller, nobody does here.
const LARGEST_SENT_KIB: usize = 2_048;
const LARGEST_BYTES: usize = 256 * 1_024;
/// How many an application holds.
const MOST_OF_APPLICATION: usize = 2_000;
/// What the audit log tells of an emoji.
const AUDITED: [&str; 1] = ["name"];

/// What a client says of an emoji; what it left out is `None`.
#[derive(Debug)]
pub(crate) struct EmojiDraft {
    name: Option<String>,
    roles: Option<Vec<u64>>,
    bytes: Vec<u8>,
    animated: bool,
}

impl EmojiDraft {
    /// Reads what shall become an emoji.
    pub(crate) fn read_new(body: &Value) -> Result<EmojiDraft, ApiError> {
        let mut form = Form::new(body);
        form.require("name");
        form.require("image");
        let bytes = form.file("image", LARGEST_SENT_KIB).unwrap_or_default();
        let image = Image::of(&bytes);
        if image.is_none() && !bytes.is_empty() {
            form.fault("image", "IMAGE_INVALID", "Invalid image data");
        }
        let mut draft = EmojiDraft::read(&mut form);
        form.finish()?;
        if bytes.len() > LARGEST_BYTES {
            return Err(ApiError::ASSET_TOO_LARGE);
        }
        draft.animated = image == Some(Image::Gif);
        draft.bytes = bytes;
        Ok(draft)
    }

    /// Reads what shall become of an emoji.
    pub(crate) fn read_change(body: &Value) -> Result<EmojiDraft, ApiError> {
        let mut form = Form::new(body);
        let draft = EmojiDraft::read(&mut form);
        form.finish()?;
        Ok(draft)
    }

    fn read(form: &mut Form<'_>) -> EmojiDraft {
        let name = form.text("name", 2..=32);
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.as_ref().is_some_and(|name| !name.chars().all(allowed)) {
            let message = "String value did not match validation regex.";
            form.fault("name", "STRING_TYPE_REGEX", message);
        }
        let roles = form.ids("roles", MOST_ROLES);
        EmojiDraft {
            name,
            // Null stands for no restriction.
            roles: roles.or_else(|| form.has("roles").then(Vec::new)),
            bytes: Vec::new(),
            animated: false,
        }
    }
}

impl State {
    /// The emojis that a guild or an application has.
    pub(crate) fn emojis(&self, home: EmojiHome) -> &[Emoji] {
        let emojis = match home {
            EmojiHome::Guild(id) => self.find_guild(id).map(|guild| &guild.emojis),
            EmojiHome::Application(id) => self.find_application(id).map(|own| &own.emojis),
        };
        emojis.map_or(&[], Vec::as_slice)
    }

    fn emojis_mut(&mut self, home: EmojiHome) -> Result<&mut Vec<Emoji>, SimError> {
        match home {
            EmojiHome::Guild(id) => {
                let guild = self.find_guild_mut(id).ok_or(SimError::UnknownGuild(id))?;
                Ok(&mut guild.emojis)
            }
            EmojiHome::Application(id) => {
                let mut applications = self.applications.iter_mut();
                let own = applications.find(|application| application.id == id);
                Ok(&mut own.ok_or(SimError::UnknownUser(id))?.emojis)
            }
        }
    }

    pub(crate) fn find_emoji(&self, home: EmojiHome, id: u64) -> Option<&Emoji> {
        self.emojis(home).iter().find(|emoji| emoji.id == id)
    }

    /// The emojis of a home as a bot is shown them.
    pub(crate) fn read_emojis(&self, bot: u64, home: EmojiHome) -> Result<Vec<Value>, ApiError> {
        let knows = self.knows_makers(bot, home)?;
        let emojis = self.emojis(home).iter();
        Ok(emojis.map(|emoji| self.emoji_for(emoji, knows)).collect())
    }

    /// One emoji of a home as a bot is shown it.
    pub(crate) fn read_emoji(&self, bot: u64, home: EmojiHome, id: u64) -> Result<Value, ApiError> {
        let knows = self.knows_makers(bot, home)?;
        let emoji = self.find_emoji(home, id).ok_or(ApiError::NO_EMOJI)?;
        Ok(self.emoji_for(emoji, knows))
    }

    fn emoji_for(&self, emoji: &Emoji, knows_makers: bool) -> Value {
        if knows_makers {
            wire::emoji_of(self, emoji)
        } else {
            wire::emoji(emoji)
        }
    }

    /// Whether a bot may know who made the emojis of a home that is open to it.
    fn knows_makers(&self, bot: u64, home: EmojiHome) -> Result<bool, ApiError> {
        match home {
            EmojiHome::Guild(guild) => Ok(self.standing(guild, bot)?.knows_makers()),
            EmojiHome::Application(id) if id == bot => Ok(true),
            EmojiHome::Application(_) => Err(ApiError::NOT_YOUR_APPLICATION),
        }
    }

    /// A bot makes an emoji.
    pub(crate) fn create_emoji_as_bot(
        &mut self,
        bot: u64,
        home: EmojiHome,
        draft: EmojiDraft,
    ) -> Result<Value, ApiError> {
        self.knows_makers(bot, home)?;
        if let EmojiHome::Guild(guild) = home {
            let standing = self.standing(guild, bot)?;
            standing.demand(permissions::CREATE_GUILD_EXPRESSIONS)?;
        }
        self.check_roles(home, &draft)?;
        let same = self.emojis(home).iter();
        let same = same.filter(|emoji| emoji.animated == draft.animated);
        let most = match home {
            EmojiHome::Guild(guild) => self.home(guild, bot)?.emoji_slots(),
            EmojiHome::Application(_) => MOST_OF_APPLICATION,
        };
        if same.count() >= most {
            return Err(if draft.animated {
                ApiError::TOO_MANY_ANIMATED_EMOJIS
            } else {
                ApiError::TOO_MANY_EMOJIS
            });
        }
        let name = draft.name.unwrap_or_default();
        let emoji = Emoji {
            roles: draft.roles.unwrap_or_default(),
            animated: draft.animated,
            user: Some(bot),
            ..Emoji::new(self.next_id(), &name, draft.bytes)
        };
        let id = self
            .add_emoji(home, emoji)
            .map_err(|_| ApiError::UNKNOWN_GUILD)?;
        self.read_emoji(bot, home, id)
    }

    /// A bot changes an emoji.
    pub(crate) fn change_emoji_as_bot(
        &mut self,
        bot: u64,
        home: EmojiHome,
        id: u64,
        draft: EmojiDraft,
    ) -> Result<Value, ApiError> {
        self.demand_emoji(bot, home, id)?;
        self.check_roles(home, &draft)?;
        self.change_emoji(home, id, |emoji| {
            if let Some(name) = draft.name {
                emoji.name = name;
            }
            if let Some(roles) = draft.roles {
                emoji.roles = roles;
            }
        })
        .map_err(|_| ApiError::NO_EMOJI)?;
        self.read_emoji(bot, home, id)
    }

    /// A bot removes an emoji.
    pub(crate) fn remove_emoji_as_bot(
        &mut self,
        bot: u64,
        home: EmojiHome,
        id: u64,
    ) -> Result<(), ApiError> {
        self.demand_emoji(bot, home, id)?;
        self.remove_emoji(home, id).map_err(|_| ApiError::NO_EMOJI)
    }

    /// Refuses who may not change this emoji.
    fn demand_emoji(&self, bot: u64, home: EmojiHome, id: u64) -> Result<(), ApiError> {
        self.knows_makers(bot, home)?;
        let emoji = self.find_emoji(home, id).ok_or(ApiError::NO_EMOJI)?;
        match home {
            EmojiHome::Guild(guild) => self.standing(guild, bot)?.demand_expression(emoji.user),
            EmojiHome::Application(_) => Ok(()),
        }
    }

    /// Only roles of the guild can be those that may use an emoji.
    fn check_roles(&self, home: EmojiHome, draft: &EmojiDraft) -> Result<(), ApiError> {
        let EmojiHome::Guild(guild) = home else {
            return Ok(());
        };
        let guild = self.find_guild(guild).ok_or(ApiError::UNKNOWN_GUILD)?;
        let known = |id: &u64| guild.roles.iter().any(|role| role.id == *id);
        if draft.roles.iter().flatten().all(known) {
            Ok(())
        } else {
            Err(ApiError::INVALID_ROLE)
        }
    }

    /// Adds an emoji, even where there is no slot left for it; one with the id 0 gets a new
    /// one.
    pub(crate) fn add_emoji(&mut self, home: EmojiHome, mut emoji: Emoji) -> Result<u64, SimError> {
        if emoji.id == 0 {
            emoji.id = self.next_id();
        }
        let id = emoji.id;
        if self.find_any_emoji(id).is_some() {
            return Err(SimError::Taken(id));
        }
        let after = wire::emoji(&emoji);
        self.emojis_mut(home)?.push(emoji);
        self.tell_emojis(home, Action::EmojiCreate, id, [&Value::Null, &after]);
        Ok(id)
    }

    /// Changes an emoji; its id stays.
    pub(crate) fn change_emoji(
        &mut self,
        home: EmojiHome,
        id: u64,
        change: impl FnOnce(&mut Emoji),
    ) -> Result<(), SimError> {
        let before = self.show_emoji(home, id);
        let mut emojis = self.emojis_mut(home)?.iter_mut();
        let emoji = emojis.find(|emoji| emoji.id == id);
        let emoji = emoji.ok_or(SimError::UnknownEmoji(id))?;
        change(emoji);
        emoji.id = id;
        let after = self.show_emoji(home, id);
        self.tell_emojis(home, Action::EmojiUpdate, id, [&before, &after]);
        Ok(())
    }

    /// Removes an emoji.
    pub(crate) fn remove_emoji(&mut self, home: EmojiHome, id: u64) -> Result<(), SimError> {
        let before = self.show_emoji(home, id);
        let emojis = self.emojis_mut(home)?;
        let count = emojis.len();
        emojis.retain(|emoji| emoji.id != id);
        if emojis.len() == count {
            return Err(SimError::UnknownEmoji(id));
        }
        self.tell_emojis(home, Action::EmojiDelete, id, [&before, &Value::Null]);
        Ok(())
    }

    /// An emoji of any guild or application.
    pub(crate) fn find_any_emoji(&self, id: u64) -> Option<&Emoji> {
        let of_guilds = self.guilds.iter().flat_map(|guild| &guild.emojis);
        let own = self.applications.iter().flat_map(|own| &own.emojis);
        of_guilds.chain(own).find(|emoji| emoji.id == id)
    }

    /// An emoji as somebody uses it in a channel of a guild, or in direct messages, with what
    /// it may do there: a character, or one of a guild that it is in or of its application.
    /// `None` if it cannot.
    pub(in crate::state) fn usable_emoji(
        &self,
        user: u64,
        (guild, bits): (Option<u64>, u64),
        wanted: EmojiName,
    ) -> Option<EmojiName> {
        let Some(id) = wanted.id else {
            return Some(wanted);
        };
        let own = self.find_emoji(EmojiHome::Application(user), id);
        let homes = self
            .guilds
            .iter()
            .filter(|home| Some(home.id) == guild || bits & permissions::USE_EXTERNAL_EMOJIS != 0);
        let mut of_guilds = homes.filter_map(|home| {
            let member = home.members.get(&user)?;
            let emoji = home.emojis.iter().find(|emoji| emoji.id == id)?;
            let mut roles = emoji.roles.iter();
            let may = emoji.roles.is_empty() || roles.any(|role| member.roles.contains(role));
            may.then_some(emoji)
        });
        let emoji = own.or_else(|| of_guilds.next())?;
        Some(EmojiName {
            id: Some(id),
            name: emoji.name.clone(),
            animated: emoji.animated,
        })
    }

    fn show_emoji(&self, home: EmojiHome, id: u64) -> Value {
        let emoji = self.find_emoji(home, id);
        emoji.map_or(Value::Null, wire::emoji)
    }

    /// Tells the bots of a guild of all emojis that it now has.
    fn tell_emojis(
        &mut self,
        home: EmojiHome,
        action: Action,
        id: u64,
        [before, after]: [&Value; 2],
    ) {
        let EmojiHome::Guild(guild) = home else {
            return;
        };
        let emojis = self.emojis(home).iter();
        let emojis = emojis.map(|emoji| wire::emoji_of(self, emoji));
        let event = json!({
            "guild_id": guild.to_string(), "emojis": emojis.collect::<Vec<_>>(),
        });
        let name = "GUILD_EMOJIS_UPDATE";
        self.broadcast(guild, intents::GUILD_EXPRESSIONS, name, &event);
        self.audit_changes(guild, action, id, changes(before, after, &AUDITED));
    }
}
