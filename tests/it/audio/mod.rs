//! Preparing sounds: any file becomes evenly loud Opus, once, in a process of its own. With the
//! real worker, and with some that misbehave.

mod cache;
mod formats;
mod hostile;
mod ingest;
mod loudness;
pub mod vectors;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ebur128::{EbuR128, Mode};
use num_traits::ToPrimitive as _;
use tempfile::TempDir;
use yuri::audio::{Level, Original, Prepared, Settings, Stamp, Transcoder};
use yuri::clock::Clock;
use yuri::error::Error;

/// Two seconds of 440 Hz in every format.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio")
}

/// One of them.
pub fn fixture(name: &str) -> Vec<u8> {
    fs::read(fixtures().join(name)).unwrap()
}

/// The program that decodes.
pub fn worker() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_yuri"))
}

/// Waits until something is so.
async fn until(so: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it became so");
}

/// A file as the library would find it.
fn original(path: &Path) -> Original {
    let stamp = Stamp::new(&fs::metadata(path).unwrap());
    Original::new(path.to_owned(), stamp)
}

/// A folder of sounds and caches, and a worker that counts how often it is started.
struct Bench {
    folder: TempDir,
    worker: PathBuf,
    clock: Clock,
}

impl Bench {
    /// Starts the real worker.
    fn new() -> Self {
        Self::with_worker(&format!("exec '{}' \"$@\"", worker().display()))
    }

    /// Runs a piece of shell instead.
    fn with_worker(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let worker = folder.path().join("worker");
        let count = folder.path().join("count");
        let text = format!(
            "#!/bin/sh\necho started >>'{}'\n{script}\n",
            count.display()
        );
        fs::write(&worker, text).unwrap();
        fs::set_permissions(&worker, fs::Permissions::from_mode(0o755)).unwrap();
        let clock = Clock::manual(0);
        Self {
            folder,
            worker,
            clock,
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            cache_dir: self.folder.path().join("cache"),
            cache_max_bytes: 100 << 20,
            worker: self.worker.clone(),
            max_length: Duration::from_secs(20),
            target: Level::from_db(-16.0),
            clock: self.clock.clone(),
        }
    }

    fn transcoder(&self) -> Transcoder {
        Transcoder::new(self.settings()).unwrap()
    }

    fn add(&self, name: &str, content: &[u8]) -> Original {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        original(&path)
    }

    /// Prepares a content with the real worker.
    async fn prepare(content: &[u8]) -> Result<Prepared, Error> {
        let bench = Self::new();
        // What is prepared is in memory: the folder may go.
        bench
            .transcoder()
            .prepare(&bench.add("sound", content))
            .await
    }

    fn starts(&self) -> usize {
        fs::read_to_string(self.folder.path().join("count")).map_or(0, |text| text.lines().count())
    }

    fn cached(&self) -> usize {
        fs::read_dir(self.folder.path().join("cache"))
            .unwrap()
            .count()
    }
}

fn reason(result: Result<Prepared, Error>) -> String {
    match result {
        Err(Error::Conflict(text)) => text.replace("this sound cannot be played: ", ""),
        other => panic!("{other:?}"),
    }
}

/// A WAVE file of 16 bits from `sample(frame, channel)`, with the usual order of loudspeakers.
pub fn wav(rate: u32, channels: u16, frames: u32, sample: impl Fn(u32, u16) -> f64) -> Vec<u8> {
    let data: Vec<u8> = (0..frames)
        .flat_map(|frame| (0..channels).map(move |channel| (frame, channel)))
        .flat_map(|(frame, channel)| {
            let value = (sample(frame, channel) * 32_768.0).round();
            let value = value.clamp(-32_768.0, 32_767.0).to_i16();
            value.unwrap().to_le_bytes()
        })
        .collect();
    let mask: u32 = match channels {
        1 => 0x4,
        2 => 0x3,
        6 => 0x3f,
        _ => panic!("no such arrangement"),
    };
    let mut format = vec![0xfe, 0xff];
    format.extend(channels.to_le_bytes());
    format.extend(rate.to_le_bytes());
    format.extend((rate * u32::from(channels) * 2).to_le_bytes());
    format.extend((channels * 2).to_le_bytes());
    format.extend([16, 0, 22, 0, 16, 0]);
    format.extend(mask.to_le_bytes());
    format.extend(*b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    let chunk = |name: &[u8], content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        [name, &length, content].concat()
    };
    let content = [
        b"WAVE".to_vec(),
        chunk(b"fmt ", &format),
        chunk(b"data", &data),
    ];
    chunk(b"RIFF", &content.concat())
}

/// A sine of an amplitude.
pub fn sine(hertz: f64, rate: u32, amplitude: f64) -> impl Fn(u32, u16) -> f64 {
    move |frame, _| {
        let phase = std::f64::consts::TAU * hertz * f64::from(frame) / f64::from(rate);
        amplitude * phase.sin()
    }
}

/// The packets of a prepared sound, without the two of its head.
pub fn packets(ogg: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = ogg::PacketReader::new(std::io::Cursor::new(ogg));
    let packets = std::iter::from_fn(|| reader.read_packet().unwrap());
    packets.skip(2).map(|packet| packet.data).collect()
}

/// What a listener hears of a prepared sound: both sides, interleaved at 48 kHz.
fn heard(prepared: &Prepared) -> Vec<f32> {
    let mut decoder = opus2::Decoder::new(48_000, opus2::Channels::Stereo).unwrap();
    let mut stereo = Vec::new();
    let mut packet_of_20_ms = vec![0.0; 1_920];
    assert!((0.0..0.9).contains(&prepared.peak));
    for packet in packets(&prepared.ogg) {
        let frames = decoder
            .decode_float(&packet, &mut packet_of_20_ms, false)
            .unwrap();
        assert_eq!(frames, 960);
        stereo.extend_from_slice(&packet_of_20_ms);
    }
    // The encoder's delay.
    stereo.drain(..312 * 2);
    stereo
}

/// Integrated loudness and true peak of what is heard, after EBU R 128.
fn measured(stereo: &[f32]) -> (f64, f64) {
    let mut meter = EbuR128::new(2, 48_000, Mode::I | Mode::TRUE_PEAK).unwrap();
    meter.add_frames_f32(stereo).unwrap();
    let peak = meter.true_peak(0).unwrap().max(meter.true_peak(1).unwrap());
    (meter.loudness_global().unwrap(), 20.0 * peak.log10())
}

/// How strong a tone is on one side.
pub fn strength(stereo: &[f32], side: usize, hertz: f64) -> f64 {
    let (mut real, mut imaginary, mut count) = (0.0, 0.0, 0.0);
    for sample in stereo.iter().skip(side).step_by(2) {
        let phase = std::f64::consts::TAU * hertz * count / 48_000.0;
        real += f64::from(*sample) * phase.sin();
        imaginary += f64::from(*sample) * phase.cos();
        count += 1.0;
    }
    2.0 * real.hypot(imaginary) / count
}
