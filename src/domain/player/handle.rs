//! The way to one guild's player, for whoever asks it for something.

use tokio::sync::{mpsc, oneshot, watch};

use super::order::{Command, Reply, View};
use crate::error::Error;

/// A guild's player as seen from outside; cheap to clone. It ends with the last of these.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) view: watch::Receiver<View>,
}

impl Handle {
    /// Gives a command and waits for what came of it.
    ///
    /// # Errors
    /// What came of it.
    pub(super) async fn ask<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, Error> {
        const ENDED: Error = Error::Unavailable("the player has ended");
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| ENDED)?;
        answer.await.map_err(|_| ENDED)?
    }
}
