//! One track from its start to its end. songbird has no event for a first packet and tells of
//! errors twice; here each thing is known once. Called by `voice`.

use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use songbird::events::EventData;
use songbird::input::codecs::{get_codec_registry, get_probe};
use songbird::input::{AudioStream, Input, LiveInput};
use songbird::tracks::{PlayMode, Track, TrackHandle};
use songbird::{Event, EventContext, EventHandler, TrackEvent};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::audio::Prepared;
use crate::domain::voice::VoiceError;

/// A mixer's tick is 20 ms; at the second one the first packet has been sent.
const TWO_TICKS: Duration = Duration::from_millis(40);
/// How long a track may take to start.
const START_PATIENCE: Duration = Duration::from_secs(3);

/// Parses a prepared sound, before anything else is touched. It is in memory: nothing blocks here,
/// nor on songbird's threads, which many guilds share.
pub(super) fn parse(audio: &Prepared) -> Result<Input, VoiceError> {
    let raw = LiveInput::Raw(AudioStream {
        input: Box::new(Cursor::new(audio.ogg.clone())),
    });
    let parsed = raw.promote(get_codec_registry(), get_probe());
    let parsed = parsed.map_err(|error| {
        tracing::error!(%error, "a prepared sound cannot be read");
        VoiceError::Unreadable
    })?;
    Ok(Input::Live(parsed, None))
}

/// A track that songbird plays.
pub(super) struct Playing {
    handle: TrackHandle,
    ends: Ends,
    peak: f32,
}

/// Both ends of a track, each to be told once.
#[derive(Clone)]
pub(super) struct Ends(Arc<Mutex<Signals>>);

struct Signals {
    started: Option<oneshot::Sender<Result<(), VoiceError>>>,
    ended: Option<oneshot::Sender<()>>,
}

/// Resolves when a track's audio is on its way.
pub(super) struct Starting(oneshot::Receiver<Result<(), VoiceError>>);

/// Makes a track of an input: what to give to songbird, what to end it with, and what tells of its
/// start and of its end.
pub(super) fn new(input: Input) -> (Track, Ends, Starting, oneshot::Receiver<()>) {
    let (started, starting) = oneshot::channel();
    let (ended, ending) = oneshot::channel();
    let signals = Signals {
        started: Some(started),
        ended: Some(ended),
    };
    let ends = Ends(Arc::new(Mutex::new(signals)));
    let mut track = Track::from(input);
    for event in [
        Event::Delayed(TWO_TICKS),
        Event::Track(TrackEvent::End),
        Event::Track(TrackEvent::Error),
    ] {
        track
            .events
            .add_event(EventData::new(event, ends.clone()), Duration::ZERO);
    }
    (track, ends, Starting(starting), ending)
}

impl Starting {
    /// Waits for the first packet.
    ///
    /// # Errors
    /// What kept the track from starting.
    pub(super) async fn wait(self) -> Result<(), VoiceError> {
        match timeout(START_PATIENCE, self.0).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(VoiceError::Stopped),
            Err(_) => Err(VoiceError::TimedOut),
        }
    }
}

impl Playing {
    /// `peak` is its largest sample, where 1 is full scale.
    pub(super) fn new(handle: TrackHandle, ends: Ends, peak: f32) -> Self {
        Self { handle, ends, peak }
    }

    /// Its largest sample.
    pub(super) fn peak(&self) -> f32 {
        self.peak
    }

    /// Whether the track is not over yet.
    pub(super) fn is_on(&self) -> bool {
        self.ends.signals().ended.is_some()
    }

    /// Tells that the track is over, unless that has been told.
    pub(super) fn end(&self) {
        self.ends.end();
    }

    /// Multiplies its samples with `factor` from now on.
    pub(super) fn set_volume(&self, factor: f32) {
        if let Err(error) = self.handle.set_volume(factor) {
            // It has just ended.
            tracing::debug!(%error, "no volume");
        }
    }
}

impl Ends {
    /// Tells that the track is over, unless that has been told.
    pub(super) fn end(&self) {
        let mut signals = self.signals();
        signals.started = None;
        if let Some(ended) = signals.ended.take() {
            let _nobody_listens = ended.send(());
        }
    }

    fn start(&self, result: Result<(), VoiceError>) {
        if let Some(started) = self.signals().started.take() {
            let _nobody_listens = started.send(result);
        }
    }

    fn signals(&self) -> std::sync::MutexGuard<'_, Signals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventHandler for Ends {
    async fn act(&self, context: &EventContext<'_>) -> Option<Event> {
        let EventContext::Track([(state, _)]) = context else {
            return None;
        };
        match &state.playing {
            PlayMode::Errored(error) => {
                tracing::error!(%error, "a track failed");
                self.start(Err(VoiceError::Unreadable));
                self.end();
            }
            mode => {
                // Even one that is over by now has been heard.
                self.start(Ok(()));
                if mode.is_done() {
                    self.end();
                }
            }
        }
        None
    }
}
