//! Bringing sounds into a guild, without Discord: limits, names, the bin, and what a crash leaves.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use yuri::app::App;
use yuri::domain::labels::Label;
use yuri::domain::library::Sound;
use yuri::domain::uploads::{Change, Wanted};
use yuri::error::Error;
use yuri::ids::{GuildId, UserId};

use crate::audio::vectors::flac_bomb;
use crate::audio::{fixture, worker};
use crate::support::house::House;

const ADA: u64 = 1;
const BEN: u64 = 2;

fn guild(id: u64) -> GuildId {
    GuildId::try_from(id).unwrap()
}

fn user(id: u64) -> UserId {
    UserId::try_from(id).unwrap()
}

/// Brings a file into guild 7 in pieces.
async fn bring(app: &App, content: &[u8], wanted: Wanted<'_>) -> Result<Arc<Sound>, Error> {
    let mut incoming = app.uploads.begin(guild(7), user(ADA)).await?;
    for piece in content.chunks(1_000) {
        incoming.write(piece).await?;
    }
    app.uploads.finish(incoming, wanted).await
}

/// Another name, and nothing else.
fn named(name: &str) -> Change {
    Change {
        name: Some(name.to_owned()),
        ..Change::default()
    }
}

fn names(app: &App, of: u64) -> Vec<String> {
    let own = app.library.list_own(guild(of));
    own.iter().map(|sound| sound.name.clone()).collect()
}

impl House {
    /// The files of guild 7, and those on their way.
    fn files(&self) -> (usize, usize) {
        let count = |path: PathBuf| fs::read_dir(path).map_or(0, Iterator::count);
        let sounds = self.0.path().join("data/sounds");
        (count(sounds.join("7")), count(sounds.join("incoming")))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_comes_in_and_outlives_the_process() {
    let house = House::new();
    fs::write(house.0.path().join("sounds/horn.wav"), fixture("tone.wav")).unwrap();
    let process = house.start();
    let app = &process.app;
    let sound = bring(app, &fixture("tone.mp3"), Wanted::Name("Horn"))
        .await
        .unwrap();
    assert_eq!(
        (sound.name.as_str(), sound.stem.as_str()),
        ("Horn.mp3", "Horn")
    );
    assert_eq!(sound.guild(), Some(guild(7)));
    assert!((2_000..2_100).contains(&sound.facts().unwrap().length_ms));
    // In its guild it is meant before the operator's; elsewhere there is only that one.
    let meant = |of, name| {
        app.library
            .find_in(guild(of), name)
            .map(|it| it.name.clone())
    };
    assert_eq!(meant(7, "horn").as_deref(), Some("Horn.mp3"));
    assert_eq!(meant(7, "horn.wav").as_deref(), Some("horn.wav"));
    assert_eq!(meant(8, "Horn").as_deref(), Some("horn.wav"));
    assert!(app.library.find("Horn.mp3").is_none());
    let label = Label::read(&["brass"], Some("music")).unwrap();
    app.labels.set(&sound, label.clone()).await.unwrap();
    assert_eq!(house.files(), (1, 0));
    process.stop().await;

    let process = house.start();
    let app = &process.app;
    assert_eq!(names(app, 7), ["Horn.mp3"]);
    let sound = app.library.find_in(guild(7), "Horn").unwrap();
    assert_eq!(*app.labels.get(&sound), label);
    let by_name = app.library.find("horn").unwrap();
    assert_eq!(*app.labels.get(&by_name), Label::default());
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_sound_leaves_nothing() {
    let house = House::new();
    let settings = [
        ("YURI_UPLOADS__MAX_MIB", "1"),
        ("YURI_UPLOADS__MAX_LENGTH_S", "1"),
        // Nothing longer is decoded, either.
        ("YURI_SOUNDS__MAX_LENGTH_S", "5"),
        ("YURI_UPLOADS__PER_HOUR", "100"),
    ];
    let process = house.start_with(&worker(), &settings);
    let app = &process.app;
    let refused = async |content: &[u8], wanted| {
        let refused = bring(app, content, wanted).await.unwrap_err();
        assert_eq!(house.files(), (0, 0), "{refused}");
        refused
    };
    let after = Wanted::After("x.mp3");
    let cases: [(&[u8], &str); 5] = [
        (b"", "the file is empty"),
        (
            b"no sound at all",
            "the file holds no audio that is supported (mp3, ogg, wav, flac, aac, m4a, mp4, webm)",
        ),
        (&fixture("tone.flac")[..20_000], "the file ends too early"),
        (&vec![0; (1 << 20) + 1], "a sound may have 1 MiB at most"),
        (&flac_bomb(1_000), "the file is longer than 1 second"),
    ];
    for (content, reason) in cases {
        assert_eq!(refused(content, after).await.to_string(), reason);
    }
    let error = refused(&fixture("tone.mp3"), after).await;
    assert!(matches!(&error, Error::TooLarge(text) if text == "the file is longer than 1 second"));
    for name in ["", "../x", ".x", "a/b"] {
        let error = refused(&fixture("tone.wav"), Wanted::Name(name)).await;
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    }
    assert!(names(app, 7).is_empty());
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_contents_are_there_once() {
    let house = House::new();
    let process = house.start();
    let app = &process.app;
    bring(app, &fixture("tone.wav"), Wanted::Name("nice"))
        .await
        .unwrap();
    let error = bring(app, &fixture("tone.mp3"), Wanted::Name("NICE"))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "there is a sound called NICE already");
    let error = bring(app, &fixture("tone.wav"), Wanted::Name("other"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "this sound is here already, it is called nice"
    );
    let named = bring(app, &fixture("tone.mp3"), Wanted::After("dir/Nice.MP3"))
        .await
        .unwrap();
    assert_eq!(named.name, "Nice 2.mp3");
    // Many at once are one after the other.
    let (a, b) = (fixture("tone.flac"), fixture("tone.aac"));
    let (a, b) = tokio::join!(
        bring(app, &a, Wanted::After("same.flac")),
        bring(app, &b, Wanted::After("same.aac"))
    );
    let mut both = [a.unwrap().stem.clone(), b.unwrap().stem.clone()];
    both.sort();
    assert_eq!(both, ["same", "same 2"]);
    assert_eq!(house.files(), (4, 0));
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_and_a_member_have_their_bounds() {
    let house = House::new();
    let settings = [
        ("YURI_UPLOADS__GUILD_SOUNDS", "2"),
        ("YURI_UPLOADS__PER_HOUR", "4"),
    ];
    let process = house.start_with(&worker(), &settings);
    let app = &process.app;
    let after = Wanted::After("x");
    bring(app, &fixture("tone.wav"), after).await.unwrap();
    bring(app, &fixture("tone.mp3"), after).await.unwrap();
    let error = bring(app, &fixture("tone.aac"), after).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "this server has 2 sounds, delete one first"
    );
    // What was refused at once has not been counted.
    for _ in 0..2 {
        app.uploads.begin(guild(8), user(ADA)).await.unwrap();
    }
    let error = app.uploads.begin(guild(8), user(ADA)).await.unwrap_err();
    assert!(
        matches!(error, Error::Limited(wait) if wait == Duration::from_mins(15)),
        "{error:?}"
    );
    app.uploads.begin(guild(8), user(BEN)).await.unwrap();
    process.clock.advance(Duration::from_mins(15));
    app.uploads.begin(guild(8), user(ADA)).await.unwrap();
    process.stop().await;

    let full = [("YURI_UPLOADS__DISK_FREE_MIB", "16777216")];
    let process = house.start_with(&worker(), &full);
    let error = process
        .app
        .uploads
        .begin(guild(7), user(ADA))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::StorageFull));
    process.stop().await;
    let large = [("YURI_UPLOADS__GUILD_MIB", "1")];
    let process = house.start_with(&worker(), &large);
    let mut wav = fixture("tone.wav");
    let seconds = wav[44..].repeat(20);
    wav.truncate(44);
    wav[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    wav.extend(seconds);
    let error = bring(&process.app, &wav, after).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sounds of this server fill their 1 MiB, delete one first"
    );
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_sounds_can_be_restored_until_they_are_purged() {
    const DAY: Duration = Duration::from_hours(24);
    let house = House::new();
    let process = house.start();
    let app = &process.app;
    let tone = fixture("tone.wav");
    let sound = bring(app, &tone, Wanted::Name("nice")).await.unwrap();
    app.labels
        .set(&sound, Label::read(&["a"], None).unwrap())
        .await
        .unwrap();
    app.uploads.delete(&sound).await.unwrap();
    assert!(names(app, 7).is_empty());
    let gone = app.uploads.delete(&sound).await.unwrap_err();
    assert_eq!(gone.to_string(), "there is no such sound");
    let bin = app.uploads.list_deleted(guild(7)).await.unwrap();
    assert_eq!((bin.len(), bin[0].name.as_str()), (1, "nice"));
    // Of another guild it is not.
    assert!(app.uploads.restore(guild(8), bin[0].id).await.is_err());
    let back = app.uploads.restore(guild(7), bin[0].id).await.unwrap();
    assert_eq!(app.labels.get(&back).tags, ["a"]);
    assert!(app.uploads.restore(guild(7), bin[0].id).await.is_err());

    app.uploads.delete(&back).await.unwrap();
    bring(app, &fixture("tone.mp3"), Wanted::Name("Nice"))
        .await
        .unwrap();
    let taken = app.uploads.restore(guild(7), bin[0].id).await.unwrap_err();
    assert_eq!(taken.to_string(), "there is a sound called nice already");
    process.clock.advance(DAY * 30 - Duration::from_secs(1));
    app.uploads.purge().await.unwrap();
    assert_eq!(house.files(), (2, 0));
    process.clock.advance(Duration::from_secs(2));
    app.uploads.purge().await.unwrap();
    assert_eq!(house.files(), (1, 0));
    assert!(app.uploads.list_deleted(guild(7)).await.unwrap().is_empty());
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_sound_keeps_what_was_said_of_it() {
    let house = House::new();
    let process = house.start();
    let app = &process.app;
    let sound = bring(app, &fixture("tone.wav"), Wanted::Name("old"))
        .await
        .unwrap();
    bring(app, &fixture("tone.mp3"), Wanted::Name("taken"))
        .await
        .unwrap();
    app.labels
        .set(&sound, Label::read(&["a"], None).unwrap())
        .await
        .unwrap();
    app.favourites.add(user(BEN), &sound).await.unwrap();
    for name in ["TAKEN", "", "a/b"] {
        assert!(
            app.uploads.change(&sound, &named(name)).await.is_err(),
            "{name}"
        );
    }
    let renamed = app.uploads.change(&sound, &named("new")).await.unwrap();
    assert_eq!(
        (renamed.name.as_str(), names(app, 7)),
        ("new.wav", vec!["new.wav".into(), "taken.mp3".into()])
    );
    assert!(renamed.facts().is_some());
    assert_eq!(app.labels.get(&renamed).tags, ["a"]);
    let liked = app.favourites.list_in(user(BEN), guild(7)).await.unwrap();
    assert_eq!(liked.len(), 1);
    // Only the letter case.
    app.uploads.change(&renamed, &named("NEW")).await.unwrap();
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_leaves_is_cleaned_up() {
    let house = House::new();
    let process = house.start();
    let kept = bring(&process.app, &fixture("tone.wav"), Wanted::Name("kept"))
        .await
        .unwrap();
    let lost = bring(&process.app, &fixture("tone.mp3"), Wanted::Name("lost"))
        .await
        .unwrap();
    let incoming = house.0.path().join("data/sounds/incoming");
    process.stop().await;
    fs::write(incoming.join("5"), "half").unwrap();
    fs::remove_file(lost.original.path()).unwrap();
    let stray = kept.original.path().with_file_name("0123456789abcdef.wav");
    fs::write(&stray, "a row was never written").unwrap();

    let process = house.start();
    assert_eq!(names(&process.app, 7), ["kept.wav"]);
    // The stray one is young: perhaps the database was put back.
    assert_eq!(house.files(), (2, 0));
    process.stop().await;
    let keep_nothing = [("YURI_UPLOADS__KEEP_DELETED_DAYS", "0")];
    let process = house.start_with(&worker(), &keep_nothing);
    assert!(!stray.exists());
    assert_eq!(house.files(), (1, 0));
    process.stop().await;
}
