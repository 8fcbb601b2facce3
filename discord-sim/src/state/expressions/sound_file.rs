//! How long a sound file is: MP3, or Vorbis or Opus in Ogg.

use std::io::Cursor;
use std::time::Duration;

use symphonia::core::formats::FormatOptions;
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::probe::{Hint, Probe};
use symphonia::default::formats::{MpaReader, OggReader};

/// How long the file plays; `None` if it is none of these.
pub(super) fn length(bytes: &[u8]) -> Option<Duration> {
    let mut probe = Probe::default();
    probe.register_all::<MpaReader>();
    probe.register_all::<OggReader>();
    let source = MediaSourceStream::new(
        Box::new(Cursor::new(bytes.to_vec())),
        symphonia::core::io::MediaSourceStreamOptions::default(),
    );
    let probed = probe.format(
        &Hint::new(),
        source,
        &FormatOptions::default(),
        &MetadataOptions::default(),
    );
    let mut format = probed.ok()?.format;
    let track = format.default_track()?;
    let (id, rate_hz) = (track.id, track.codec_params.sample_rate?);
    let mut samples: u64 = 0;
    // A file ends in an error, be it the end of the file or a fault in it.
    while let Ok(packet) = format.next_packet() {
        if packet.track_id() == id {
            samples = samples.saturating_add(packet.dur());
        }
    }
    if samples == 0 || rate_hz == 0 {
        return None;
    }
    let ms = samples.saturating_mul(1_000) / u64::from(rate_hz);
    Some(Duration::from_millis(ms))
}
