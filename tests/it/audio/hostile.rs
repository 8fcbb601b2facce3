//! Files that cannot be played, or were made to harm: each costs one worker, and says why.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use yuri::audio::Reason;
use yuri::error::Error;

use super::vectors::{
    flac_bomb, flac_with_picture, greedy_flac, m4a_box, m4a_with, many_channels, mp3_with_picture,
    mp4_box, panicking_id3, patched,
};
use super::{Bench, fixture, original, reason, until};

const NO_AUDIO: &str =
    "the file holds no audio that is supported (mp3, ogg, wav, flac, aac, m4a, mp4, webm)";
const TOO_EARLY: &str = "the file ends too early";
const DAMAGED: &str = "the file is damaged";
const FAILED: &str = "its decoder failed";
const CODING: &str =
    "its audio is coded in a way that is not supported (of AAC, only LC in mono or stereo is)";

/// Each is refused with its reason, twice, and costs one worker.
async fn assert_refused(cases: impl IntoIterator<Item = (&str, Vec<u8>, &str)>) {
    let bench = Bench::new();
    let transcoder = bench.transcoder();
    for (number, (name, content, expected)) in cases.into_iter().enumerate() {
        let sound = bench.add(name, &content);
        for _ in 0..2 {
            let refused = reason(transcoder.prepare(&sound).await);
            assert_eq!(refused, expected, "{name}");
            // Known by its content, too.
            let copy = original(sound.path());
            assert_eq!(reason(transcoder.prepare(&copy).await), expected, "{name}");
            assert_eq!(bench.starts(), number + 1, "{name}");
        }
    }
    assert_eq!(bench.cached(), 0);
}

/// Each is played all the same.
async fn assert_played(cases: impl IntoIterator<Item = (&str, Vec<u8>)>) {
    for (name, content) in cases {
        let prepared = Bench::prepare(&content).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(prepared.length_ms.abs_diff(2_000) < 50, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_sound_is_refused_unread() {
    let bench = Bench::new();
    let transcoder = bench.transcoder();
    let pipe = bench.folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    bench.add("huge.wav", b"RIFF");
    let huge = bench.folder.path().join("huge.wav");
    fs::File::options()
        .write(true)
        .open(&huge)
        .unwrap()
        .set_len((64 << 20) + 1)
        .unwrap();
    bench.add("empty", b"");
    for (path, expected) in [
        (bench.folder.path().join("empty"), "the file is empty"),
        (huge, "the file is larger than 64 MiB"),
        (pipe, "it is not a regular file"),
        (bench.folder.path().to_owned(), "it is not a regular file"),
        (PathBuf::from("/dev/zero"), "it is not a regular file"),
    ] {
        let refused = transcoder.prepare(&original(&path)).await;
        assert_eq!(reason(refused), expected, "{}", path.display());
    }
    assert_eq!(bench.starts(), 0);
    let gone = bench.add("gone", b"RIFF");
    fs::remove_file(gone.path()).unwrap();
    let missing = transcoder.prepare(&gone).await;
    assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_harm_decoders_are_refused() {
    let mut damaged = fixture("tone-opus.ogg");
    damaged[4_000] ^= 0x55;
    assert_refused([
        ("text", b"hello, world".to_vec(), NO_AUDIO),
        ("id3", panicking_id3(), NO_AUDIO),
        ("bomb", flac_bomb(400), "the file is longer than 20 seconds"),
        ("damaged", damaged, DAMAGED),
        ("memory", greedy_flac(), FAILED),
        ("channels", many_channels(), DAMAGED),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_aac_is_refused() {
    let tone = fixture("tone.aac");
    let mut noise = tone.clone();
    for byte in noise.iter_mut().skip(7).step_by(11) {
        *byte ^= 0x5a;
    }
    // Seven bytes a frame, each 23 ms of nothing.
    let hollow = [0xff, 0xf1, 0x50, 0x80, 0x00, 0xff, 0xfc].repeat(10_000);
    assert_refused([
        ("cut.aac", tone[..tone.len() - 5].to_vec(), TOO_EARLY),
        ("noise.aac", noise, NO_AUDIO),
        ("hollow.aac", hollow, "the file is longer than 20 seconds"),
        ("surround.m4a", fixture("../channels/surround.m4a"), CODING),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_mp4_is_refused() {
    let tone = fixture("tone.m4a");
    let count = |count: u32| [&0_u32.to_be_bytes()[..], &count.to_be_bytes()].concat();
    assert_refused([
        ("cut.m4a", tone[..tone.len() / 2].to_vec(), TOO_EARLY),
        ("head.m4a", tone[..200].to_vec(), TOO_EARLY),
        ("start.m4a", tone[..28].to_vec(), NO_AUDIO),
        // More samples than memory; samples larger than the file; none.
        (
            "count.m4a",
            patched("tone.m4a", b"stsz", 4, &count(u32::MAX)),
            FAILED,
        ),
        (
            "size.m4a",
            patched("tone.m4a", b"stsz", 4, &[0xff; 4]),
            FAILED,
        ),
        (
            "zero.m4a",
            patched("tone.m4a", b"stsz", 4, &count(0)),
            DAMAGED,
        ),
        // A chunk behind the end.
        (
            "chunk.m4a",
            patched("tone.m4a", b"stco", 8, &[0x7f; 4]),
            TOO_EARLY,
        ),
        // Boxes that are smaller than their header, and larger than what they are in.
        ("tiny.m4a", tone.clone().tap(b"trak", 4), DAMAGED),
        ("loop.m4a", tone.clone().tap(b"mdia", 7), DAMAGED),
        ("wide.m4a", tone.clone().tap(b"minf", 0x0fff_ffff), DAMAGED),
        // A film without sound, and one whose sound is of an unknown kind.
        (
            "mute.mp4",
            fixture("tone.mp4").renamed(b"mp4a", b"ac-4"),
            NO_AUDIO,
        ),
    ])
    .await;
}

/// Changes of boxes.
trait Boxes {
    /// Another length for the first box of a name.
    fn tap(self, name: &[u8], length: u32) -> Self;
    /// Another name for the first box of a name.
    fn renamed(self, name: &[u8], other: &[u8]) -> Self;
}

impl Boxes for Vec<u8> {
    fn tap(mut self, name: &[u8], length: u32) -> Self {
        let at = super::vectors::find(&self, name) - 4;
        self[at..at + 4].copy_from_slice(&length.to_be_bytes());
        self
    }

    fn renamed(mut self, name: &[u8], other: &[u8]) -> Self {
        let at = super::vectors::find(&self, name);
        self[at..at + other.len()].copy_from_slice(other);
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_webm_is_refused() {
    let tone = fixture("tone.webm");
    assert_refused([
        ("cut.webm", tone[..tone.len() / 2].to_vec(), TOO_EARLY),
        (
            "live.webm",
            fixture("live.webm")[..10_000].to_vec(),
            TOO_EARLY,
        ),
        ("start.webm", tone[..36].to_vec(), NO_AUDIO),
        (
            "other.webm",
            tone.clone().renamed(b"webmB", b"whatB"),
            NO_AUDIO,
        ),
        (
            "mute.webm",
            tone.clone().renamed(b"A_OPUS", b"A_NONE"),
            NO_AUDIO,
        ),
        (
            "head.webm",
            patched("tone.webm", b"OpusHead", 1, &[77]),
            "its channels or its sample rate are not supported",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_many_mib_do_no_harm() {
    const PICTURE_BYTES: usize = 12 << 20;
    let data = [&[0, 0, 0, 13, 0, 0, 0, 0][..], &vec![0x55; PICTURE_BYTES]].concat();
    let list = mp4_box(*b"ilst", &mp4_box(*b"covr", &mp4_box(*b"data", &data)));
    let handler = mp4_box(*b"hdlr", b"\0\0\0\0\0\0\0\0mdirappl\0\0\0\0\0\0\0\0\0");
    let meta = mp4_box(*b"meta", &[&[0; 4][..], &handler, &list].concat());
    assert_played([
        ("m4a", m4a_with(&mp4_box(*b"udta", &meta))),
        ("flac", flac_with_picture(PICTURE_BYTES)),
        ("mp3", mp3_with_picture(PICTURE_BYTES)),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_track_with_sound_is_played() {
    let track = mp4_box(*b"trak", &m4a_box(b"trak"));
    assert_played([
        ("film", fixture("tone.mp4")),
        ("many tracks", m4a_with(&track.repeat(100))),
        ("an empty box", m4a_with(&mp4_box(*b"free", b""))),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_die_of_their_own_are_the_files_fault() {
    for script in [
        "kill -SEGV $$",
        "kill -ABRT $$",
        "kill -XCPU $$",
        "exit 101",
    ] {
        let bench = Bench::with_worker(script);
        let transcoder = bench.transcoder();
        let sound = bench.add("a.mp3", &fixture("tone.mp3"));
        for _ in 0..2 {
            assert_eq!(reason(transcoder.prepare(&sound).await), FAILED, "{script}");
            assert_eq!(bench.starts(), 1, "{script}");
        }
        let examined = sound.examined().unwrap();
        assert_eq!(examined.verdict, Err(Reason::Failed));
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
        let sound = bench.add("a.mp3", &fixture("tone.mp3"));
        for starts in 1..3 {
            let failed = transcoder.prepare(&sound).await;
            assert!(
                matches!(failed, Err(Error::Unavailable(_) | Error::Internal(_))),
                "{script}: {failed:?}"
            );
            assert_eq!(bench.starts(), starts, "{script}");
        }
        assert_eq!(bench.cached(), 0, "{script}");
    }
    let bench = Bench::with_worker("exit 39");
    let sound = bench.add("a.mp3", &fixture("tone.mp3"));
    let full = bench.transcoder().prepare(&sound).await;
    assert!(matches!(full, Err(Error::StorageFull)), "{full:?}");
    fs::remove_file(&bench.worker).unwrap();
    let failed = bench.transcoder().prepare(&sound).await;
    assert!(matches!(failed, Err(Error::Internal(_))), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_hangs_is_killed() {
    let bench = Bench::with_worker("echo $$ >\"$0.pid\"; exec sleep 1000");
    let (transcoder, sound) = (bench.transcoder(), bench.add("a", b"anything"));
    let hung = tokio::spawn({
        let (transcoder, copy) = (transcoder.clone(), original(sound.path()));
        async move { transcoder.prepare(&copy).await }
    });
    let pid = bench.folder.path().join("worker.pid");
    until(|| fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'))).await;
    let process = format!("/proc/{}", fs::read_to_string(&pid).unwrap().trim());
    assert!(fs::exists(&process).unwrap());
    bench.clock.advance(Duration::from_secs(20));
    assert!(!hung.is_finished());
    bench.clock.advance(Duration::from_mins(1));
    assert_eq!(reason(hung.await.unwrap()), "its decoder took too long");
    until(|| {
        fs::read_to_string(format!("{process}/cmdline")).is_ok_and(|it| it.is_empty())
            || !fs::exists(&process).unwrap()
    })
    .await;
    // One worker is enough.
    let again = reason(transcoder.prepare(&sound).await);
    assert_eq!(
        (again.as_str(), bench.starts()),
        ("its decoder took too long", 1)
    );
    assert_eq!(bench.cached(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_sees_no_secrets_and_a_file_that_changes_is_not_kept() {
    let bench =
        Bench::with_worker("env >\"$0.env\"; cat >/dev/null; echo x >>\"$0.sound\"; exit 45");
    let path = bench.folder.path().join("worker.sound");
    fs::write(&path, fixture("tone.mp3")).unwrap();
    let sound = original(&path);
    let changed = bench.transcoder().prepare(&sound).await;
    assert_eq!(reason(changed), "its file is being written, try again");
    assert!(sound.examined().is_none());
    let seen = fs::read_to_string(bench.folder.path().join("worker.env")).unwrap();
    for line in seen.lines() {
        let name = line.split('=').next().unwrap();
        assert!(
            ["MIMALLOC_ARENA_RESERVE", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name),
            "{line}"
        );
    }
}
