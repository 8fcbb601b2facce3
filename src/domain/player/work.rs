//! What a guild's player does with Discord, for as long as it takes: in tasks of their own, one at
//! a time, beside the [`actor`](super::actor).

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::order::{Command, Order, Outcome, Parts, Reply};
use super::screen::Screen;
use super::view::{NowPlaying, Queued, State};
use crate::domain::voice::{Line, Started, VoiceError};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId};

/// How late a track's end may be.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// What is being started, and whoever waits for it.
pub(super) struct Starting {
    pub(super) queued: Queued,
    pub(super) reply: Option<Reply<Outcome>>,
}

/// Whether a sound that is being started is still wanted.
#[derive(Default)]
pub(super) struct Wish(AtomicU8);

impl Wish {
    const OPEN: u8 = 0;
    const GRANTED: u8 = 1;
    const WITHDRAWN: u8 = 2;

    /// From now on it is too late to withdraw it unheard; whether it still is wanted.
    pub(super) fn grant(&self) -> bool {
        self.0
            .compare_exchange(
                Self::OPEN,
                Self::GRANTED,
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .is_ok()
    }

    /// It is not wanted any more; whether nothing of it will be heard.
    pub(super) fn withdraw(&self) -> bool {
        self.0.swap(Self::WITHDRAWN, Ordering::AcqRel) == Self::OPEN
    }

    /// Whether it has been withdrawn.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::WITHDRAWN
    }
}

/// Something to be done with Discord, for as long as it takes.
pub(super) enum Task {
    Play(Order),
    Join(Reply<()>),
    Leave,
}

/// What came of it.
pub(super) struct Done {
    pub(super) task: Task,
    pub(super) entered: Entered,
    pub(super) started: Result<Option<Started>, VoiceError>,
}

/// What has become of the connection.
pub(super) enum Entered {
    /// It is the one that was there before, if there was one.
    Same,
    /// It leads into a channel that was joined.
    New(ChannelId, Line),
    /// There is none.
    Failed,
}

/// A task of its own, so that the actor can wait for other things of Discord's meanwhile.
pub(super) type Work = JoinHandle<Done>;

/// Tells whoever waits for a sound, if anybody does, that nothing will come of it.
pub(super) fn refuse(reply: Option<Reply<Outcome>>, reason: &str) {
    if let Some(reply) = reply {
        answer(reply, Err(Error::Conflict(reason.to_owned())));
    }
}

/// Goes into a channel and waits until those in it can decrypt what is sent.
///
/// # Errors
/// The connection's; there is none then.
pub(super) async fn enter(
    parts: &Parts,
    shown: &Screen,
    guild: GuildId,
    channel: ChannelId,
) -> Result<Line, VoiceError> {
    shown.busy(State::Joining);
    let line = parts.voice.join(guild, channel).await?;
    if !parts.settle.is_zero() && parts.guilds.gateway().has_ears(guild, channel) {
        shown.busy(State::Securing);
        tokio::time::sleep(parts.settle).await;
    }
    Ok(line)
}

/// Waits for the end of a track, and tells the player then; tells everybody when it is overdue.
pub(super) async fn follow_track(
    started: Started,
    now: NowPlaying,
    (parts, shown): (Arc<Parts>, Screen),
    player: mpsc::WeakSender<Command>,
) {
    let number = now.number;
    let length = Duration::from_millis(now.length_ms);
    let overdue_at = parts.clock.monotonic() + length + STUCK_AFTER;
    let mut ended = started.ended;
    tokio::select! {
        biased;
        _over_either_way = &mut ended => {}
        () = parts.clock.sleep_until(overdue_at) => {
            shown.stuck(&now, STUCK_AFTER);
            let _over_either_way = ended.await;
        }
    }
    tell(&player, Command::Ended(number)).await;
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
