//! Sounds are prepared before anybody asks, and what is known of them outlives the process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use yuri::audio::{Facts, Level, Reason};
use yuri::db::sound_files;
use yuri::domain::settings::GuildSettings;
use yuri::ids::GuildId;

use super::vectors::flac_bomb;
use super::{fixture, until, worker};
use crate::support::house::{House, Process};

impl House {
    fn sounds(&self) -> PathBuf {
        self.0.path().join("sounds")
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join("data/cache")
    }

    fn add(&self, name: &str, content: &[u8]) {
        fs::write(self.sounds().join(name), content).unwrap();
    }

    /// A worker that is a piece of shell.
    fn script(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("worker");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn prepared(&self) -> usize {
        fs::read_dir(self.cache()).map_or(0, Iterator::count)
    }
}

impl Process {
    /// What is known of a sound; waits until something is.
    async fn verdict(&self, name: &str) -> Result<Facts, Reason> {
        let known = || {
            let sound = self.app.library.find(name)?;
            Some(sound.original.examined()?.verdict.clone())
        };
        until(|| known().is_some()).await;
        known().unwrap()
    }

    /// Waits until so many looks at the folder were worked off.
    async fn passed(&self, passes: u64) {
        let mut progress = self.app.ingest.progress();
        let done = progress.wait_for(|progress| progress.passes >= passes);
        let done = tokio::time::timeout(Duration::from_secs(20), done).await;
        done.expect("it was worked off").unwrap();
    }

    async fn rows(&self) -> Vec<(String, Option<i16>)> {
        let rows = self.app.db.run(sound_files::list).await.unwrap();
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        rows.iter()
            .map(|row| (name(&row.path), row.reason))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_prepares_everything_and_the_next_asks_the_database() {
    let house = House::new();
    house.add("a.wav", &fixture("tone.wav"));
    house.add("b.webm", &fixture("tone.webm"));
    house.add("copy.mp3", &fixture("tone.wav"));
    house.add("text.mp3", b"hello, world");
    house.add("empty.ogg", b"");
    let first = house.start();
    first.passed(1).await;
    let facts = first.verdict("a").await.unwrap();
    assert_eq!(facts.length_ms, 2_000);
    assert_eq!(first.verdict("copy").await, Ok(facts.clone()));
    assert_eq!(first.verdict("text").await, Err(Reason::NoAudio));
    assert_eq!(first.verdict("empty").await, Err(Reason::Empty));
    assert_eq!(house.prepared(), 2);
    let webm = first.verdict("b").await;
    let rows = first.rows().await;
    assert_eq!(rows.len(), 5);
    first.stop().await;

    // A process that cannot decode anything knows all the same.
    let next = house.start_with(Path::new("/nowhere"), &[]);
    next.passed(1).await;
    assert_eq!(next.verdict("a").await, Ok(facts.clone()));
    assert_eq!(next.verdict("b").await, webm);
    assert_eq!(next.verdict("text").await, Err(Reason::NoAudio));
    assert_eq!(next.rows().await, rows);
    next.stop().await;

    // What somebody threw away is made again, and so is everything for another loudness.
    fs::remove_dir_all(house.cache()).unwrap();
    let next = house.start();
    next.passed(1).await;
    assert_eq!(house.prepared(), 2);
    next.stop().await;
    let louder = house.start_with(&worker(), &[("YURI_SOUNDS__LOUDNESS_LUFS", "-11.5")]);
    louder.passed(1).await;
    assert_eq!(house.prepared(), 4);
    louder.stop().await;

    // Another limit is another verdict, without a look at the file.
    let strict = house.start_with(Path::new("/nowhere"), &[("YURI_SOUNDS__MAX_LENGTH_S", "1")]);
    assert_eq!(strict.verdict("a").await, Err(Reason::TooLong));
    strict.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sounds_are_prepared_as_loud_as_any_guild_wants_them() {
    let house = House::new();
    house.add("a.wav", &fixture("tone.wav"));
    let process = house.start();
    process.passed(1).await;
    assert_eq!(house.prepared(), 1);
    for guild in [1_u64, 2, 3] {
        let lufs = if guild == 3 { -9.0 } else { -23.0 };
        let guild = GuildId::try_from(guild).unwrap();
        let choose = move |it: &mut GuildSettings| it.loudness = Some(Level::from_db(lufs));
        process.app.settings.update(guild, choose).await.unwrap();
    }
    until(|| house.prepared() == 3).await;
    // A new sound as well, and by the next process.
    house.add("b.mp3", &fixture("tone.mp3"));
    until(|| house.prepared() == 6).await;
    process.stop().await;
    fs::remove_dir_all(house.cache()).unwrap();
    let process = house.start();
    process.passed(1).await;
    assert_eq!(house.prepared(), 6);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_into_the_folder_is_prepared_at_once() {
    let house = House::new();
    let process = house.start_with(&worker(), &[("YURI_SOUNDS__MAX_LENGTH_S", "20")]);
    process.passed(1).await;
    house.add("a.wav", &fixture("tone.wav"));
    process.verdict("a").await.unwrap();
    // Another content, another name, and nothing.
    house.add("a.wav", b"hello, world");
    let is_refused = || {
        process
            .app
            .library
            .find("a")
            .is_some_and(|it| !it.is_playable())
    };
    until(is_refused).await;
    house.add("b.wav", &flac_bomb(400));
    assert_eq!(process.verdict("b").await, Err(Reason::TooLong));
    fs::rename(house.sounds().join("b.wav"), house.sounds().join("c.wav")).unwrap();
    assert_eq!(process.verdict("c").await, Err(Reason::TooLong));
    fs::remove_file(house.sounds().join("a.wav")).unwrap();
    let too_long = i16::from(Reason::TooLong.code());
    let rows = vec![("c.wav".to_owned(), Some(too_long))];
    let mut left = process.rows().await;
    for _ in 0..1_000 {
        if left == rows {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        left = process.rows().await;
    }
    assert_eq!(left, rows);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_vanishes_is_not_forgotten() {
    let house = House::new();
    house.add("a.wav", &fixture("tone.wav"));
    let process = house.start();
    process.verdict("a").await.unwrap();
    process.passed(1).await;
    let elsewhere = house.0.path().join("elsewhere");
    fs::rename(house.sounds(), &elsewhere).unwrap();
    until(|| process.app.library.find("a").is_none()).await;
    process.passed(2).await;
    assert_eq!(process.rows().await, [("a.wav".to_owned(), None)]);
    fs::rename(&elsewhere, house.sounds()).unwrap();
    process.verdict("a").await.unwrap();
    assert_eq!(house.prepared(), 1);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_reasons_of_ours_is_tried_three_times() {
    let house = House::new();
    house.add("a.wav", &fixture("tone.wav"));
    let broken = house.script("echo started >>\"$0.count\"; exit 1");
    let starts = || {
        let count = fs::read_to_string(house.0.path().join("worker.count"));
        count.map_or(0, |count| count.lines().count())
    };
    let process = house.start_with(&broken, &[]);
    for passes in 1..=5 {
        process.passed(passes).await;
        assert_eq!(starts(), usize::try_from(passes).unwrap().min(3));
        // A minute later, or when something else comes.
        if passes < 3 {
            process.clock.advance(Duration::from_mins(1));
        } else {
            house.add(&format!("empty-{passes}"), b"");
        }
    }
    assert!(process.rows().await.iter().all(|row| row.0 != "a.wav"));
    process.stop().await;
    // The next process tries again.
    let process = house.start();
    process.verdict("a").await.unwrap();
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decoder_that_hangs_costs_one_process_and_a_line_in_the_list() {
    let house = House::new();
    house.add("a.wav", &fixture("tone.wav"));
    let count = house.0.path().join("worker.count");
    let starts = || fs::read_to_string(&count).map_or(0, |count| count.lines().count());
    let hangs = house.script("echo started >>\"$0.count\"; exec sleep 1000");
    let process = house.start_with(&hangs, &[]);
    until(|| starts() == 1).await;
    process.clock.advance(Duration::from_mins(10));
    assert_eq!(process.verdict("a").await, Err(Reason::TimedOut));
    process.passed(1).await;
    house.add("empty.wav", b"");
    process.verdict("empty").await.unwrap_err();
    process.passed(2).await;
    assert_eq!(starts(), 1);
    assert_eq!(process.rows().await.len(), 1);
    process.stop().await;
    // It may have been the machine.
    let process = house.start();
    process.verdict("a").await.unwrap();
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_prepared_ahead_where_nobody_wants_that() {
    let house = House::new();
    house.add("a.wav", &fixture("tone.wav"));
    let process = house.start_with(&worker(), &[("YURI_SOUNDS__PREPARE_AHEAD", "false")]);
    process.passed(1).await;
    let sound = process.app.library.find("a").unwrap();
    assert!(sound.original.examined().is_none() && sound.is_playable());
    assert_eq!((house.prepared(), process.rows().await.len()), (0, 0));
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_process_does_not_wait_for_decoders() {
    let house = House::new();
    house.add("a.wav", &fixture("tone.wav"));
    let slow = house.script("echo started >\"$0.count\"; exec sleep 1000");
    let process = house.start_with(&slow, &[]);
    until(|| house.0.path().join("worker.count").exists()).await;
    let stopped = tokio::time::timeout(Duration::from_secs(20), process.stop());
    stopped.await.expect("it stops");
    until(|| house.prepared() == 0).await;
}
