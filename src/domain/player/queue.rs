//! What waits in a guild's player, the next one first. The [`actor`](super::actor) owns it.

use std::collections::VecDeque;

use super::link::Move;
use super::order::{Order, Outcome, Reply};
use super::view::Queued;
use super::work::refuse;
use crate::ids::ChannelId;

/// A sound that waits, and whoever waits for it.
pub(super) struct Waiting {
    pub(super) order: Order,
    /// Nobody any more once they have been told that it is queued.
    pub(super) reply: Option<Reply<Outcome>>,
}

impl Waiting {
    /// Tells whoever waits that nothing will come of it.
    pub(super) fn refuse(self, reason: &str) {
        refuse(self.reply, reason);
    }
}

/// All that waits.
#[derive(Default)]
pub(super) struct Queue(VecDeque<Waiting>);

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.0.push_back(waiting);
    }

    /// The next one that is meant for a channel in which it can be heard. Those before it have had
    /// their turn.
    pub(super) fn next(&mut self, can_be_heard: impl Fn(ChannelId) -> bool) -> Option<Waiting> {
        loop {
            let waiting = self.0.pop_front()?;
            if can_be_heard(waiting.order.channel) {
                return Some(waiting);
            }
            waiting.refuse("the bot may not join the voice channel any more, or it is gone");
        }
    }

    /// What it is made of.
    pub(super) fn orders(&self) -> impl Iterator<Item = &Order> {
        self.0.iter().map(|waiting| &waiting.order)
    }

    /// Forgets all of it, and says why.
    pub(super) fn clear(&mut self, reason: &str) {
        for waiting in self.0.drain(..) {
            waiting.refuse(reason);
        }
    }

    /// What was meant for a channel out of which the bot was moved is heard where it is now.
    pub(super) fn follow(&mut self, moved: &Move) {
        let orders = self.0.iter_mut().map(|waiting| &mut waiting.order);
        for order in orders.filter(|order| order.channel == moved.from) {
            order.channel = moved.to;
        }
    }

    /// What callers see of it.
    pub(super) fn shown(&self) -> impl Iterator<Item = Queued> {
        self.0.iter().map(|waiting| waiting.order.queued())
    }
}
