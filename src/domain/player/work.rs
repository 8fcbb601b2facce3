//! What a guild's player does with Discord, for as long as it takes: in tasks of their own, one at
//! a time, beside the [`actor`](super::actor).

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::order::{Command, Order, Outcome, Parts, Reply, View};
use super::view::State;
use crate::domain::voice::{Line, Started, VoiceError};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId};

/// A sound that waits, and whoever waits for it.
pub(super) struct Waiting {
    pub(super) order: Order,
    /// Nobody any more once they have been told that it is queued.
    pub(super) reply: Option<Reply<Outcome>>,
}

/// Something to be done with Discord, for as long as it takes.
pub(super) enum Task {
    Play(Waiting),
    Join(Reply<()>),
    Leave,
}

/// What came of it.
pub(super) struct Done {
    pub(super) task: Task,
    /// A new connection, if one was made.
    pub(super) line: Option<Line>,
    pub(super) started: Result<Option<Started>, VoiceError>,
}

/// A task of its own, so that the actor can wait for other things of Discord's meanwhile.
pub(super) type Work = JoinHandle<Done>;

impl Waiting {
    /// Tells whoever waits that nothing will come of it.
    pub(super) fn refuse(self, reason: &str) {
        if let Some(reply) = self.reply {
            answer(reply, Err(Error::Conflict(reason.to_owned())));
        }
    }
}

/// Goes into a channel and waits until those in it can decrypt what is sent.
pub(super) async fn enter(
    parts: &Parts,
    shown: &watch::Sender<View>,
    guild: GuildId,
    channel: ChannelId,
) -> (Option<Line>, Result<(), VoiceError>) {
    let show = |state| {
        shown.send_modify(|view| {
            view.state = state;
            view.reason = None;
        });
    };
    show(State::Joining);
    let line = match parts.voice.join(guild, channel).await {
        Ok(line) => line,
        Err(error) => return (None, Err(error)),
    };
    if !parts.settle.is_zero() && parts.guilds.gateway().has_ears(guild, channel) {
        show(State::Securing);
        tokio::time::sleep(parts.settle).await;
    }
    (Some(line), Ok(()))
}

/// Tells whoever waits what came of a command.
pub(super) fn answer<T>(reply: Reply<T>, with: Result<T, Error>) {
    let _nobody_waits = reply.send(with);
}

/// Gives a command to a player that may have ended meanwhile.
pub(super) async fn tell(player: &mpsc::WeakSender<Command>, command: Command) {
    if let Some(player) = player.upgrade() {
        let _nobody_left = player.send(command).await;
    }
}
