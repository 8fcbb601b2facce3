//! Preparing sounds, with the real worker process and with some that misbehave.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use yuri::audio::{Prepared, Settings, Transcoder};
use yuri::error::Error;

use super::stage::{fixture, worker};
use super::unplayable::{flac_bomb, panicking_id3};

/// A folder of sounds and caches, and a worker that counts how often it is started.
struct Bench {
    folder: TempDir,
    worker: PathBuf,
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
        Self { folder, worker }
    }

    fn transcoder(&self) -> Transcoder {
        self.transcoder_for(Duration::from_secs(20))
    }

    fn transcoder_for(&self, max_length: Duration) -> Transcoder {
        let settings = Settings {
            cache_dir: self.folder.path().join("cache"),
            worker: self.worker.clone(),
            max_length,
        };
        Transcoder::new(settings).unwrap()
    }

    fn add(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
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

#[tokio::test(flavor = "multi_thread")]
async fn every_content_is_decoded_once() {
    let bench = Bench::new();
    let transcoder = bench.transcoder();
    let path = bench.add("a.mp3", &fixture("tone.mp3"));
    let at_once: Vec<_> = (0..8)
        .map(|_| {
            let (transcoder, path) = (transcoder.clone(), path.clone());
            tokio::spawn(async move { transcoder.prepare(&path).await.unwrap() })
        })
        .collect();
    for prepared in at_once {
        assert_eq!(prepared.await.unwrap().length_ms, 2_000);
    }
    // A copy by another name, and another process later.
    let copy = bench.add("b.wav", &fixture("tone.mp3"));
    let prepared = transcoder.prepare(&copy).await.unwrap();
    assert_eq!(bench.transcoder().prepare(&path).await.unwrap(), prepared);
    assert_eq!((bench.starts(), bench.cached()), (1, 1));

    // Another content under the same name; then somebody cleans up.
    bench.add("a.mp3", &fixture("tone.wav"));
    assert_ne!(transcoder.prepare(&path).await.unwrap().path, prepared.path);
    assert_eq!(bench.starts(), 2);
    fs::remove_file(&prepared.path).unwrap();
    assert_eq!(transcoder.prepare(&copy).await.unwrap(), prepared);
    assert!(prepared.path.exists());
    assert_eq!(bench.starts(), 3);
    // Where only shorter sounds are allowed by now, it is too long.
    let strict = bench.transcoder_for(Duration::from_secs(1));
    assert_eq!(
        reason(strict.prepare(&copy).await),
        "the file is longer than 1 second"
    );
    // A prepared file that was cut is not believed.
    let bytes = fs::read(&prepared.path).unwrap();
    fs::write(&prepared.path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(bench.transcoder().prepare(&copy).await.unwrap(), prepared);
    assert_eq!(fs::read(&prepared.path).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_has_its_exact_length() {
    let bench = Bench::new();
    let transcoder = bench.transcoder();
    for name in [
        "tone.mp3",
        "tone.wav",
        "tone.flac",
        "tone-vorbis.ogg",
        "tone-opus.ogg",
    ] {
        // The name says nothing.
        let path = bench.add("sound", &fixture(name));
        assert_eq!(
            transcoder.prepare(&path).await.unwrap().length_ms,
            2_000,
            "{name}"
        );
    }
    let both = [fixture("tone-vorbis.ogg"), fixture("tone-opus.ogg")].concat();
    let chained = bench.add("chained.ogg", &both);
    assert_eq!(transcoder.prepare(&chained).await.unwrap().length_ms, 4_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_sound_is_refused_and_remembered() {
    let bench = Bench::new();
    let transcoder = bench.transcoder();
    let no_audio = "the file holds no audio that is supported (mp3, ogg, wav, flac)";
    let mut damaged = fixture("tone-opus.ogg");
    damaged[4_000] ^= 0x55;
    let pipe = bench.folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let huge = bench.add("huge.wav", b"RIFF");
    fs::File::options()
        .write(true)
        .open(&huge)
        .unwrap()
        .set_len((64 << 20) + 1)
        .unwrap();
    for (path, expected, starts) in [
        (bench.add("empty", b""), "the file is empty", 0),
        (huge, "the file is larger than 64 MiB", 0),
        (pipe, "it is not a regular file", 0),
        (
            bench.folder.path().to_owned(),
            "it is not a regular file",
            0,
        ),
        (PathBuf::from("/dev/zero"), "it is not a regular file", 0),
        (bench.add("text", b"hello, world"), no_audio, 1),
        (bench.add("id3", &panicking_id3()), no_audio, 2),
        (
            bench.add("bomb", &flac_bomb(400)),
            "the file is longer than 20 seconds",
            3,
        ),
        (bench.add("damaged", &damaged), "the file is damaged", 4),
        (bench.add("memory", &greedy_flac()), "its decoder failed", 5),
    ] {
        for _ in 0..2 {
            assert_eq!(
                reason(transcoder.prepare(&path).await),
                expected,
                "{}",
                path.display()
            );
            assert_eq!(bench.starts(), starts, "{}", path.display());
        }
    }
    assert_eq!(bench.cached(), 0);
    let missing = transcoder.prepare(Path::new("/nowhere/at all")).await;
    assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
}

/// A picture in a FLAC file that claims to have 1.8 GB.
fn greedy_flac() -> Vec<u8> {
    let tone = fixture("tone.flac");
    let mut bytes = b"fLaC\0".to_vec();
    bytes.extend(&tone[5..42]);
    bytes.extend(b"\x06\0\0\x11\0\0\0\x03\x70\0\0\0image/png");
    bytes.extend(&tone[42..]);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_die_of_their_own_are_the_files_fault() {
    for (script, expected) in [
        ("kill -SEGV $$", "its decoder failed"),
        ("kill -ABRT $$", "its decoder failed"),
        ("kill -XCPU $$", "its decoder failed"),
        ("exit 101", "its decoder failed"),
    ] {
        let bench = Bench::with_worker(script);
        let transcoder = bench.transcoder();
        let path = bench.add("a.mp3", &fixture("tone.mp3"));
        for _ in 0..2 {
            assert_eq!(
                reason(transcoder.prepare(&path).await),
                expected,
                "{script}"
            );
            assert_eq!(bench.starts(), 1, "{script}");
        }
        assert_eq!(bench.cached(), 0, "{script}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_ends_of_a_worker_are_tried_again() {
    for script in [
        "kill -KILL $$",
        "kill -TERM $$",
        "exit 1",
        "exit 0",
        "echo no stream",
    ] {
        let bench = Bench::with_worker(script);
        let transcoder = bench.transcoder();
        let path = bench.add("a.mp3", &fixture("tone.mp3"));
        for starts in 1..3 {
            let failed = transcoder.prepare(&path).await;
            assert!(
                matches!(failed, Err(Error::Unavailable(_) | Error::Internal(_))),
                "{script}: {failed:?}"
            );
            assert_eq!(bench.starts(), starts, "{script}");
        }
        assert_eq!(bench.cached(), 0, "{script}");
    }
    let bench = Bench::new();
    fs::remove_file(&bench.worker).unwrap();
    let path = bench.add("a.mp3", &fixture("tone.mp3"));
    let failed = bench.transcoder().prepare(&path).await;
    assert!(matches!(failed, Err(Error::Internal(_))), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_sees_no_secrets_and_a_file_that_changes_is_not_kept() {
    let bench =
        Bench::with_worker("env >\"$0.env\"; cat >/dev/null; echo x >>\"$0.sound\"; exit 45");
    let path = bench.folder.path().join("worker.sound");
    fs::write(&path, fixture("tone.mp3")).unwrap();
    let changed = bench.transcoder().prepare(&path).await;
    assert_eq!(reason(changed), "its file is being written, try again");
    let seen = fs::read_to_string(bench.folder.path().join("worker.env")).unwrap();
    for line in seen.lines() {
        let name = line.split('=').next().unwrap();
        assert!(
            ["MIMALLOC_ARENA_RESERVE", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name),
            "{line}"
        );
    }
}
