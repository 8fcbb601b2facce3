//! The sounds that are played: two seconds of a tone in every format, and long ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bench::product::output;
use bench::{Failed, tone};

use crate::Plan;
use crate::clients::Clients;

/// Every format, the file of the tests that has it, and what it is called here. Peers pass on as
/// it is what has `opus` in its name.
pub(crate) const FORMATS: [(&str, &str, &str); 9] = [
    ("MP3", "tone.mp3", "mp3.mp3"),
    ("Ogg Vorbis", "tone-vorbis.ogg", "vorbis.ogg"),
    ("Ogg Opus", "tone-opus.ogg", "opus.ogg"),
    ("WAV", "tone.wav", "wav.wav"),
    ("FLAC", "tone.flac", "flac.flac"),
    ("AAC (ADTS)", "tone.aac", "aac.aac"),
    ("M4A", "tone.m4a", "m4a.m4a"),
    ("MP4", "tone.mp4", "mp4.mp4"),
    ("WebM", "tone.webm", "webm.webm"),
];
/// The one that every bot passes on as it is.
pub(crate) const OPUS: &str = "opus.ogg";
/// Lasts for the whole of the section `cadence`.
pub(crate) const LONGEST: &str = "longest-opus.ogg";
/// Lasts for a case of the section `load`.
pub(crate) const LONG_OPUS: &str = "long-opus.ogg";
/// The same as an MP3; only beside peers, whose ffmpeg makes it.
pub(crate) const LONG_MP3: &str = "long-mp3.mp3";

/// What stands around what is measured: starting and being heard in every guild.
const AROUND: Duration = Duration::from_mins(1);

/// Where the sounds are.
#[derive(Debug)]
pub(crate) struct Sounds {
    /// One of every format.
    pub(crate) short: PathBuf,
    /// The same and the long ones.
    pub(crate) all: PathBuf,
}

/// Makes the folders.
pub(crate) fn make(
    folder: &Path,
    fixtures: &Path,
    clients: Option<&Clients>,
    plan: &Plan,
) -> Result<Sounds, Failed> {
    let sounds = Sounds {
        short: folder.join("sounds-short"),
        all: folder.join("sounds"),
    };
    for folder in [&sounds.short, &sounds.all] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        for (_, from, to) in FORMATS {
            let from = fixtures.join(from);
            fs::copy(&from, folder.join(to))
                .map_err(|error| format!("{}: {error}", from.display()))?;
        }
    }
    let long = sounds.all.join(LONG_OPUS);
    fs::write(&long, tone::ogg_opus(plan.window * 2 + AROUND, 440.0)?)?;
    let longest = tone::ogg_opus(plan.cadence + AROUND, 523.25)?;
    fs::write(sounds.all.join(LONGEST), longest)?;
    if let Some(clients) = clients {
        let mut ffmpeg = Command::new(clients.ffmpeg());
        ffmpeg
            .args(["-loglevel", "error", "-i"])
            .arg(&long)
            .args(["-b:a", "128k"])
            .arg(sounds.all.join(LONG_MP3));
        output(&mut ffmpeg).map_err(|error| format!("ffmpeg made no MP3: {error}"))?;
    }
    Ok(sounds)
}
