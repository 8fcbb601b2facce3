//! `yuri import` as people start it: folders and archives, good and hostile.

mod hostile;
mod original;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use yuri::domain::labels::Label;
use yuri::ids::GuildId;
use zip::write::SimpleFileOptions;

use crate::audio::fixture;
use crate::cli::{terminal, yuri};
use crate::support::house::House;

/// An installation, and somewhere to take sounds from.
pub struct Bench {
    pub house: House,
    pub from: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self {
            house: House::new(),
            from: tempfile::tempdir().unwrap(),
        }
    }

    pub fn add(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.from.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, from: &Path, options: &[&str]) -> std::process::Command {
        let mut command = yuri(&["import"]);
        let at = |name: &str| self.house.0.path().join(name);
        command
            .arg(from)
            .args(options)
            .current_dir(self.house.0.path())
            .env("YURI_DATA_DIR", at("data"))
            .env("YURI_SOUNDS__DIR", at("sounds"));
        command
    }

    /// Runs it; answers its status, and what it printed.
    pub fn run(&self, from: &Path, options: &[&str]) -> (i32, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(from, options).output().unwrap();
        let told = [stdout, stderr].concat();
        (status.code().unwrap(), String::from_utf8(told).unwrap())
    }

    /// The files of a folder of the installation, with what is in them.
    pub fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.house.0.path().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.house.0.path()).unwrap();
                    files.push((name.display().to_string(), fs::read(&path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }

    /// The names in the operator's folder.
    pub fn sounds(&self) -> Vec<String> {
        let files = self.files("sounds").into_iter();
        files.map(|(name, _)| name.replace("sounds/", "")).collect()
    }
}

pub fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_500_000_000);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

pub fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_folder_comes_in_without_what_is_there_or_broken() {
    let bench = Bench::new();
    let there = bench.house.0.path().join("sounds/nice.wav");
    fs::write(&there, fixture("tone.m4a")).unwrap();
    bench.add("nice.wav", &fixture("tone.wav"));
    bench.add("memes/deep/Horn!.mp3", &fixture("tone.mp3"));
    bench.add("memes/copy.wav", &fixture("tone.wav"));
    bench.add("m4a again.m4a", &fixture("tone.m4a"));
    bench.add("broken.mp3", b"no sound at all");
    bench.add("cut.flac", &fixture("tone.flac")[..20_000]);
    bench.add("cover.jpg", b"no sound, and not meant to be one");
    bench.add(".hidden.wav", &fixture("tone.wav"));
    std::os::unix::fs::symlink("nice.wav", bench.from.path().join("link.wav")).unwrap();
    let (status, told) = bench.run(bench.from.path(), &[]);
    insta::assert_snapshot!(told, @r"
    refused      broken.mp3: the file holds no audio that is supported (mp3, ogg, wav, flac, aac, m4a, mp4, webm)
    passed over  cover.jpg: it is no sound
    refused      cut.flac: the file ends too early
    refused      link.wav: it is a link
    there        m4a again.m4a: the same as nice.wav
    added        nice 2.wav, from nice.wav
    there        memes/copy.wav: the same as nice 2.wav
    added        Horn!.mp3, from memes/deep/Horn!.mp3
    2 added, 2 there already, 3 refused, 1 passed over
    ");
    assert_eq!(status, 1);
    assert_eq!(bench.sounds(), ["Horn!.mp3", "nice 2.wav", "nice.wav"]);
    let sounds = bench.files("sounds");
    assert_eq!(sounds[1].1, fixture("tone.wav"));
    assert_eq!(sounds[2].1, fixture("tone.m4a"));

    // Again: nothing is added twice.
    let (status, told) = bench.run(bench.from.path(), &[]);
    assert_eq!(status, 1);
    assert!(
        told.contains("0 added, 4 there already, 3 refused"),
        "{told}"
    );
    assert_eq!(bench.files("sounds"), sounds);
}

#[test]
fn a_sound_is_known_by_its_audio_in_whatever_it_comes() {
    let bench = Bench::new();
    bench.add("a.flac", &fixture("tone.flac"));
    let mut tagged = fixture("tone.mp3");
    bench.add("b.mp3", &tagged);
    // Another title, behind the audio.
    tagged.extend(*b"TAG");
    tagged.resize(tagged.len() + 125, b' ');
    bench.add("c.mp3", &tagged);
    let (status, told) = bench.run(bench.from.path(), &[]);
    assert_eq!(status, 0, "{told}");
    assert!(told.contains("c.mp3: the same as b.mp3"), "{told}");
    assert_eq!(bench.sounds(), ["a.flac", "b.mp3"]);
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let bench = Bench::new();
    bench.add("nice.wav", &fixture("tone.wav"));
    bench.add("broken.mp3", b"no sound at all");
    for options in [vec!["--dry-run"], vec!["--dry-run", "--guild", "7"]] {
        let (status, told) = bench.run(bench.from.path(), &options);
        assert_eq!(status, 1, "{told}");
        assert!(told.contains("would add    nice"), "{told}");
        assert!(
            told.contains("1 to be added, 0 there already, 1 refused"),
            "{told}"
        );
        assert!(bench.files("").is_empty(), "{:?}", bench.files(""));
        assert!(!bench.house.0.path().join("data").exists());
    }
    bench.run(bench.from.path(), &["--guild", "7"]);
    let before = bench.files("");
    let (_, told) = bench.run(bench.from.path(), &["--guild", "7", "--dry-run"]);
    assert!(told.contains("0 to be added, 1 there already"), "{told}");
    let after = bench.files("");
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&before), names(&after));
    assert!(before == after);
}

#[test]
fn archives_come_in_like_folders() {
    let (wav, mp3) = (fixture("tone.wav"), fixture("tone.mp3"));
    let files: [(&str, &[u8]); 4] = [
        ("pack/nice.wav", &wav),
        ("pack/tür.mp3", &mp3),
        ("__MACOSX/pack/._nice.wav", b"a fork"),
        ("readme.txt", b"thank you"),
    ];
    for (name, content) in [
        ("pack.zip", zip_of(&files)),
        ("pack.tar", tar_of(&files)),
        ("pack.tar.gz", gzip(&tar_of(&files))),
        // The content decides.
        ("pack", gzip(&tar_of(&files))),
    ] {
        let bench = Bench::new();
        let (status, told) = bench.run(&bench.add(name, &content), &[]);
        assert_eq!(status, 0, "{name}: {told}");
        assert_eq!(bench.sounds(), ["nice.wav", "tür.mp3"], "{name}");
        assert!(
            told.contains("2 added, 0 there already, 0 refused, 1 passed over"),
            "{told}"
        );
        if name != "pack.zip" {
            let about = fs::metadata(bench.house.0.path().join("sounds/nice.wav")).unwrap();
            let packed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
            assert_eq!(about.modified().unwrap(), packed, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_gets_sounds_of_its_own_while_no_server_runs() {
    let bench = Bench::new();
    bench.add("Air Horn!.wav", &fixture("tone.wav"));
    bench.add("more/air_horn.mp3", &fixture("tone.mp3"));
    let process = bench.house.start();
    let (status, told) = bench.run(bench.from.path(), &["--guild", "7"]);
    assert_eq!(status, 2);
    assert_eq!(
        told,
        "yuri: this needs the database, and the server is running: stop it first\n"
    );
    // Only looking is possible.
    let (status, told) = bench.run(bench.from.path(), &["--guild", "7", "--dry-run"]);
    assert_eq!(status, 0, "{told}");
    process.stop().await;

    let (status, told) = bench.run(bench.from.path(), &["--guild", "7"]);
    assert_eq!(status, 0, "{told}");
    let (_, again) = bench.run(bench.from.path(), &["--guild", "7"]);
    assert!(again.contains("0 added, 2 there already"), "{again}");
    assert!(bench.sounds().is_empty());
    let process = bench.house.start();
    let guild: GuildId = "7".parse().unwrap();
    let own = process.app.library.list_own(guild);
    let names: Vec<&str> = own.iter().map(|sound| sound.name.as_str()).collect();
    assert_eq!(names, ["Air Horn.wav", "air_horn.mp3"]);
    process.stop().await;

    for guild in ["x", "0", "-1"] {
        let (status, _) = bench.run(bench.from.path(), &["--guild", guild]);
        assert_eq!(status, 2, "{guild}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_shows_what_comes_into_the_operators_folder() {
    let bench = Bench::new();
    let process = bench.house.start();
    let from = bench.add("nice.wav", &fixture("tone.wav"));
    let (status, told) = bench.run(from.parent().unwrap(), &[]);
    assert_eq!(status, 0, "{told}");
    let seen = async {
        while process.app.library.find("nice").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen)
        .await
        .unwrap();
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_successors_archive_brings_its_tags_along() {
    let meta = br#"[
      {"uid":"nice","display_name":"Nice!","created_date":"2022-10-01T12:00:00.5+02:00",
       "creator":{"id":"1"},"tags":["meme","Loud"]},
      {"uid":"other","display_name":"","created_date":"x","creator_id":"2","tags":null},
      {"uid":"bad","tags":["<b>"]},
      {"display_name":"no uid"}
    ]"#;
    let (wav, mp3) = (fixture("tone.wav"), fixture("tone.mp3"));
    let files: [(&str, &[u8]); 3] = [
        ("meta.json", meta),
        ("sounds/nice.oga", &wav),
        ("sounds/other.oga", &mp3),
    ];
    let bench = Bench::new();
    let archive = bench.add("sounds.tar.gz", &gzip(&tar_of(&files)));
    let (status, told) = bench.run(&archive, &[]);
    insta::assert_snapshot!(told, @r"
    refused      meta.json: the tags of bad: a tag has 1 to 32 letters, digits, spaces, dashes and underscores
    refused      meta.json: entry 3 cannot be read
    added        nice.oga, from sounds/nice.oga
    added        other.oga, from sounds/other.oga
    2 added, 0 there already, 2 refused, 0 passed over
    ");
    assert_eq!(status, 1);
    let about = fs::metadata(bench.house.0.path().join("sounds/nice.oga")).unwrap();
    let created = SystemTime::UNIX_EPOCH + Duration::from_millis(1_664_618_400_500);
    assert_eq!(about.modified().unwrap(), created);

    let process = bench.house.start();
    let app = &process.app;
    let nice = app.library.find("nice").unwrap();
    assert_eq!(app.labels.get(&nice).tags, ["loud", "meme"]);
    // What was said since stays.
    let label = Label::read(&["mine"], None).unwrap();
    app.labels.set(&nice, label.clone()).await.unwrap();
    process.stop().await;
    let (_, told) = bench.run(&archive, &[]);
    assert!(
        told.contains("0 added, 2 there already, 2 refused"),
        "{told}"
    );
    let process = bench.house.start();
    let nice = process.app.library.find("nice").unwrap();
    assert_eq!(*process.app.labels.get(&nice), label);
    process.stop().await;
}

#[test]
fn what_a_killed_import_left_is_removed() {
    let bench = Bench::new();
    let sounds = bench.house.0.path().join("sounds");
    fs::write(sounds.join(".yuri-import-abc"), "half").unwrap();
    let held = File::create(sounds.join(".yuri-import-def")).unwrap();
    held.try_lock().unwrap();
    fs::create_dir_all(bench.house.0.path().join("data/import/x")).unwrap();
    bench.add("nice.wav", &fixture("tone.wav"));
    let (status, told) = bench.run(bench.from.path(), &[]);
    assert_eq!(status, 0, "{told}");
    // What somebody still writes stays.
    assert_eq!(bench.sounds(), [".yuri-import-def", "nice.wav"]);
    assert!(!bench.house.0.path().join("data/import").exists());
}

#[test]
fn a_terminal_shows_how_far_it_is() {
    let bench = Bench::new();
    bench.add("nice.wav", &fixture("tone.wav"));
    let (written, mut seen) = terminal();
    let mut import = bench.command(bench.from.path(), &[]);
    let mut import = import.env("TERM", "xterm").stderr(written).spawn().unwrap();
    let mut screen = String::new();
    while !screen.contains("importing [") {
        let mut some = [0; 4_096];
        let length = seen.read(&mut some).expect("it goes on until it is shown");
        screen.push_str(&String::from_utf8_lossy(&some[..length]));
    }
    assert!(import.wait().unwrap().success());
}

#[test]
fn what_is_no_source_is_a_mistake() {
    let bench = Bench::new();
    let text = bench.add("notes.txt", b"dear diary");
    for from in [text, bench.from.path().join("nowhere")] {
        let (status, told) = bench.run(&from, &[]);
        assert_eq!(status, 2, "{told}");
        assert!(told.starts_with("yuri: "), "{told}");
    }
    assert!(bench.files("").is_empty());
}
