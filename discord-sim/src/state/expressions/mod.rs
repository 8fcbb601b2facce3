//! The sounds of soundboards, and emojis.
//!
//! Called by REST on behalf of bots, and by the library's people and administrators.

mod emojis;
pub(crate) mod image;
mod sound_file;
mod sounds;

pub(crate) use emojis::EmojiDraft;
pub(crate) use sounds::SoundDraft;

use super::standing::Standing;
use crate::protocol::api_error::ApiError;
use crate::world::permissions::{CREATE_GUILD_EXPRESSIONS, MANAGE_GUILD_EXPRESSIONS};

impl Standing {
    /// Whether it may know who made an expression.
    fn knows_makers(self) -> bool {
        self.bits & (CREATE_GUILD_EXPRESSIONS | MANAGE_GUILD_EXPRESSIONS) != 0
    }

    /// Refuses who may not change an expression: those of others need more than one's own.
    fn demand_expression(self, maker: Option<u64>) -> Result<(), ApiError> {
        if maker == Some(self.bot) && self.has(CREATE_GUILD_EXPRESSIONS) {
            Ok(())
        } else {
            self.demand(MANAGE_GUILD_EXPRESSIONS)
        }
    }
}
