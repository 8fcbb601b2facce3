//! Running the DAVE group of a channel: one task for each channel with a client that speaks it.
//!
//! Started by the handshake of the channel's first such client; ends when the last has gone.
//! While a bot is alone, the task does nothing.

use std::sync::Arc;

use tokio::time::Instant;

use crate::audio::dave::Refusal;
use crate::audio::dave::group::{Effect, Group, What};
use crate::protocol::voice_close as close;
use crate::state::Shared;
use crate::state::dave::Inbox;
use crate::stop::Stop;

/// Runs the group of a channel until nobody needs it, or the simulator stops.
pub(super) async fn run(
    shared: Arc<Shared>,
    guild: u64,
    channel: u64,
    mut inbox: Inbox,
    mut stop: Stop,
) {
    let mut group = Group::new(channel, shared.dave_gateway.clone());
    loop {
        let mut reports = Vec::new();
        let due = group.due().map(Instant::from_std);
        tokio::select! {
            () = stop.requested() => return,
            () = inbox.changed.notified() => {}
            Some(report) = inbox.reports.recv() => reports.push(report),
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
        while let Ok(report) = inbox.reports.try_recv() {
            reports.push(report);
        }
        let Some(view) = shared.change(|state| state.dave_view(guild, channel)) else {
            return;
        };
        let now = Instant::now().into_std();
        // Milliseconds of public-key cryptography, kept away from everyone else.
        let stepping = tokio::task::spawn_blocking(move || {
            let effects = group.step(view, reports, now);
            (group, effects)
        });
        let Ok((back, effects)) = stepping.await else {
            tracing::error!(channel, "the DAVE group has failed");
            return;
        };
        group = back;
        match effects {
            Ok(effects) if effects.is_empty() => {}
            Ok(effects) => shared.change(|state| {
                state.set_dave_group(channel, group.status());
                for Effect {
                    user,
                    session,
                    what,
                } in effects
                {
                    match what {
                        What::Tell(message) => {
                            state.tickets.tell_session(guild, user, session, message);
                        }
                        What::Close(refusal) => {
                            let code = match refusal {
                                Refusal::Unreadable => close::DECODE_ERROR,
                                Refusal::Invalid => close::BAD_REQUEST,
                            };
                            state.tickets.end_session(guild, user, session, code.into());
                        }
                    }
                }
            }),
            // Whatever it is, the clients can begin again.
            Err(error) => {
                tracing::error!(channel, %error, "the DAVE group begins again");
                shared.change(|state| state.restart_dave(channel));
            }
        }
    }
}
