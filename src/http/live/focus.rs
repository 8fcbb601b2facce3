//! Somebody looks at a client of a live channel: a play is likely to follow, and the bot may join
//! before it comes.

use crate::app::App;
use crate::domain::player::{Asker, Who};
use crate::ids::UserId;

/// Has the bot join the user's voice channel, where the guild wants that. Whatever is in the way
/// is left for the play to tell: nobody has asked for anything yet.
pub(super) async fn focus(app: &App, user: UserId) {
    let Some(guild) = app.guilds.gateway().voice_guild(user) else {
        return;
    };
    let asker = Asker {
        guild,
        user,
        who: Who::Member(None),
    };
    if let Err(error) = app.player.expect_play(&asker).await {
        tracing::debug!(?error, "the bot did not join early");
    }
}
