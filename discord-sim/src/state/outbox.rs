//! What a voice client was sent lately, so that it can be sent again when the client resumes.
//!
//! One for each voice session, held by its ticket.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::protocol::voice_message::Message;

/// How many messages are kept for a client that resumes.
pub(crate) const KEPT: usize = 256;

/// A message and its number in the session.
#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    pub(crate) sequence: u16,
    pub(crate) message: Arc<Message>,
}

/// The last messages of a session. Numbers begin at 1 and wrap around.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    last: u16,
    kept: VecDeque<Arc<Message>>,
    written: Arc<AtomicU16>,
}

impl Outbox {
    /// Numbers a message and keeps it.
    pub(super) fn push(&mut self, message: Message) -> Numbered {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let message = Arc::new(message);
        self.kept.push_back(message.clone());
        self.last = self.last.wrapping_add(1);
        Numbered {
            sequence: self.last,
            message,
        }
    }

    /// The number of the last message that a connection has written to its socket: what
    /// clients that do not count are taken to have received.
    pub(super) fn written(&self) -> Arc<AtomicU16> {
        self.written.clone()
    }

    /// The messages after this one; `None` if some of them are no longer kept or it was
    /// never sent.
    pub(super) fn after(&self, received: Option<u16>) -> Option<Vec<Numbered>> {
        let received = received.unwrap_or_else(|| self.written.load(Ordering::Relaxed));
        let missed = usize::from(self.last.wrapping_sub(received));
        let skipped = self.kept.len().checked_sub(missed)?;
        let numbers = (0..).map(|n: u16| received.wrapping_add(n).wrapping_add(1));
        let missed = self.kept.iter().skip(skipped).zip(numbers);
        Some(
            missed
                .map(|(message, sequence)| Numbered {
                    sequence,
                    message: message.clone(),
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(count: u32) -> Outbox {
        let mut outbox = Outbox::default();
        for _ in 0..count {
            outbox.push(Message::client_disconnect(1));
        }
        outbox
    }

    fn numbers(missed: Option<Vec<Numbered>>) -> Option<Vec<u16>> {
        Some(missed?.iter().map(|message| message.sequence).collect())
    }

    #[test]
    fn what_was_missed_is_sent_again_with_its_numbers() {
        let outbox = outbox(3);
        assert_eq!(numbers(outbox.after(Some(0))), Some(vec![1, 2, 3]));
        assert_eq!(numbers(outbox.after(Some(2))), Some(vec![3]));
        assert_eq!(numbers(outbox.after(Some(3))), Some(vec![]));
        assert_eq!(numbers(outbox.after(Some(4))), None, "never sent");
        outbox.written().store(2, Ordering::Relaxed);
        assert_eq!(numbers(outbox.after(None)), Some(vec![3]));
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let outbox = outbox(300);
        assert_eq!(numbers(outbox.after(Some(43))), None);
        assert_eq!(numbers(outbox.after(Some(44))).unwrap().len(), KEPT);
    }

    #[test]
    fn numbers_wrap_around() {
        let outbox = outbox(65_537);
        assert_eq!(
            numbers(outbox.after(Some(65_534))),
            Some(vec![65_535, 0, 1])
        );
    }
}
