//! What was prepared is found again: in memory, in its folder, by the next process.

use std::fs;
use std::time::Duration;

use yuri::audio::{Origin, Original, Outcome, Settings, Transcoder};

use super::{Bench, fixture, original, packets, reason, until, worker};

/// The same file, looked at anew.
fn again(sound: &Original) -> Original {
    original(sound.path())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_content_is_decoded_once() {
    let bench = Bench::new();
    let transcoder = bench.transcoder();
    let sound = bench.add("a.mp3", &fixture("tone.mp3"));
    let at_once: Vec<_> = (0..8)
        .map(|_| {
            let (transcoder, sound) = (transcoder.clone(), again(&sound));
            tokio::spawn(async move { transcoder.prepare(&sound).await.unwrap() })
        })
        .collect();
    for prepared in at_once {
        assert_eq!(prepared.await.unwrap().length_ms, 2_000);
    }
    // A copy by another name.
    let copy = bench.add("b.wav", &fixture("tone.mp3"));
    let prepared = transcoder.prepare(&copy).await.unwrap();
    assert_eq!((bench.starts(), bench.cached()), (1, 1));

    // Another content under the same name.
    let changed = bench.add("a.mp3", &fixture("tone.wav"));
    let other = transcoder.prepare(&changed).await.unwrap();
    assert_ne!(other.ogg, prepared.ogg);
    assert_eq!(bench.starts(), 2);
    // The old one is gone, but what it was is still here.
    let late = transcoder.prepare(&copy).await.unwrap();
    assert_eq!((late.ogg, late.origin), (prepared.ogg, Origin::Memory));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_disk_and_decoder_are_asked_in_this_order() {
    let bench = Bench::new();
    let transcoder = bench.transcoder();
    let sound = bench.add("a.mp3", &fixture("tone.mp3"));
    let made = transcoder.prepare(&sound).await.unwrap();
    assert_eq!(made.origin, Origin::Made);
    assert_eq!(packets(&made.ogg).len(), 101);
    let played = transcoder.prepare(&sound).await.unwrap();
    assert_eq!((played.origin, &played.ogg), (Origin::Memory, &made.ogg));

    // The next process knows nothing, or what a database told it.
    let next = bench.transcoder();
    let found = next.prepare(&again(&sound)).await.unwrap();
    assert_eq!((found.origin, &found.ogg), (Origin::Disk, &made.ogg));
    let told = again(&sound);
    told.remember(sound.examined().unwrap().clone());
    fs::remove_file(sound.path()).unwrap();
    let found = bench.transcoder().prepare(&told).await.unwrap();
    assert_eq!((found.origin, &found.ogg), (Origin::Disk, &made.ogg));
    assert_eq!(bench.starts(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_damaged_is_made_again() {
    let bench = Bench::new();
    let sound = bench.add("a.mp3", &fixture("tone.mp3"));
    let prepared = bench.transcoder().prepare(&sound).await.unwrap();
    let cache = bench.folder.path().join("cache");
    let path = fs::read_dir(&cache)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(prepared.ogg, bytes);
    let next = bench.transcoder();
    fs::remove_file(&path).unwrap();
    assert_eq!(next.prepare(&sound).await.unwrap().origin, Origin::Made);
    let next = bench.transcoder();
    fs::remove_dir_all(&cache).unwrap();
    assert_eq!(next.prepare(&sound).await.unwrap().origin, Origin::Made);
    // What was played lately does not need it.
    fs::remove_dir_all(&cache).unwrap();
    assert_eq!(next.prepare(&sound).await.unwrap().origin, Origin::Memory);
    fs::create_dir(&cache).unwrap();
    assert_eq!(bench.starts(), 3);

    // One that was cut is not believed, nor one that was altered.
    let mut altered = bytes.clone();
    altered[5_000] ^= 1;
    for wrong in [&bytes[..bytes.len() - 1], &altered] {
        fs::write(&path, wrong).unwrap();
        let mended = bench.transcoder().prepare(&again(&sound)).await.unwrap();
        assert_eq!(mended.origin, Origin::Made);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    // Where only shorter sounds are allowed by now, it is too long.
    let settings = Settings {
        max_length: Duration::from_secs(1),
        ..bench.settings()
    };
    let strict = Transcoder::new(settings).unwrap();
    assert_eq!(
        reason(strict.prepare(&again(&sound)).await),
        "the file is longer than 1 second"
    );
    assert_eq!(bench.starts(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_keeps_to_its_size_and_to_what_is_played() {
    let bench = Bench::new();
    let one = bench.add("one", &fixture("tone.mp3"));
    let size = bench.transcoder().prepare(&one).await.unwrap().ogg.len();
    let settings = Settings {
        cache_max_bytes: u64::try_from(size * 5 / 2).unwrap(),
        ..bench.settings()
    };
    let transcoder = Transcoder::new(settings).unwrap();
    let sounds = ["tone.wav", "tone.flac", "tone-opus.ogg", "tone.m4a"]
        .map(|name| bench.add(name, &fixture(name)));
    let hash = |sound: &Original| sound.examined().unwrap().hash.unwrap();
    // Only two fit, and what is played again and again is one of them.
    for sound in &sounds {
        assert_ne!(transcoder.prepare(&one).await.unwrap().origin, Origin::Made);
        assert_eq!(transcoder.examine(sound).await.unwrap(), Outcome::Made);
        assert!(transcoder.is_cached(hash(sound)));
        assert!(transcoder.is_cached(hash(&one)));
    }
    assert_eq!(bench.cached(), 2);
    // What was evicted is made again when it is played.
    assert!(!transcoder.is_cached(hash(&sounds[0])));
    let prepared = transcoder.prepare(&sounds[0]).await.unwrap();
    assert_eq!((prepared.origin, bench.cached()), (Origin::Made, 2));
    assert!(!transcoder.is_cached(hash(&one)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_play_does_not_wait_for_what_nobody_waits_for() {
    // Every decoder waits for a sign.
    let bench = Bench::with_worker(&format!(
        "until [ -e \"$0.gate\" ]; do sleep 0.01; done; exec '{}' \"$@\"",
        worker().display()
    ));
    let transcoder = bench.transcoder();
    let slow = bench.add("slow", &fixture("tone.wav"));
    let background = tokio::spawn({
        let transcoder = transcoder.clone();
        async move { transcoder.examine(&slow).await.unwrap() }
    });
    until(|| bench.starts() == 1).await;
    // Two plays at once, while the background is at work: each has a worker of its own.
    let plays = ["tone.mp3", "tone.flac"].map(|name| {
        let (transcoder, sound) = (transcoder.clone(), bench.add(name, &fixture(name)));
        tokio::spawn(async move { transcoder.prepare(&sound).await.unwrap() })
    });
    until(|| bench.starts() == 3).await;
    assert!(!background.is_finished());
    fs::write(bench.folder.path().join("worker.gate"), "").unwrap();
    for play in plays {
        assert_eq!(play.await.unwrap().origin, Origin::Made);
    }
    assert_eq!(background.await.unwrap(), Outcome::Made);
}
