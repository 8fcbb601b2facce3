//! The signal by which all server tasks of a simulator end.
//!
//! Given when [`Sim::shutdown`](crate::Sim::shutdown) is called or the last handle dropped.

use tokio::sync::watch;

/// Gives the signal; dropping it does too.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// Waits for the signal.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stopper {
    pub(crate) fn new() -> (Stopper, Stop) {
        let (stopper, stop) = watch::channel(false);
        (Stopper(stopper), Stop(stop))
    }

    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns once the signal is given, at once if it was. Cancel safe.
    pub(crate) async fn requested(&mut self) {
        // An error means that the sender is gone, which is the signal as well.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}
