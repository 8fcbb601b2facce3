//! `GET /api/guilds/<guild>/sounds/export`, and the way of such an archive into another guild and
//! another installation.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use yuri::app::App;
use yuri::domain::guilds::Guild;
use yuri::domain::labels::Label;
use yuri::ids::{GuildId, UserId};

use super::library::{server, setup};
use super::library_bulk::taken;
use crate::audio::fixture;
use crate::import::Bench;
use crate::support::house::House;
use crate::support::{Server, Token};

/// A sound's name, what is said of it, and its content.
type Described = (String, Label, Vec<u8>);

async fn bring(app: &App, guild: GuildId, user: UserId, name: &str, content: &[u8]) {
    let mut incoming = app.uploads.begin(guild, user).await.unwrap();
    incoming.write(content).await.unwrap();
    let letters = format!("{} letters", name.chars().count());
    incoming.label = Label::read(&["Loud", &letters], Some("Brass")).unwrap();
    let wanted = yuri::domain::uploads::Wanted::Name(name);
    app.uploads.finish(incoming, wanted).await.unwrap();
}

fn described(app: &App, guild: GuildId) -> Vec<Described> {
    let own = app.library.list_own(guild).into_iter();
    let described = own.map(|sound| {
        let label = (*app.labels.get(&sound)).clone();
        let content = std::fs::read(sound.original.path()).unwrap();
        (sound.name.clone(), label, content)
    });
    described.collect()
}

async fn export(server: &Server, caller: &Token, guild: GuildId) -> Vec<u8> {
    let path = format!("/api/guilds/{guild}/sounds/export");
    let answer = caller.sign(server.get(&path)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/zip");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(
        header("content-disposition"),
        format!("attachment; filename=\"sounds-{guild}-2019-04-06.zip\"")
    );
    assert!(answer.headers().contains_key("x-ratelimit-limit"));
    answer.bytes().await.unwrap().to_vec()
}

/// What is in a zip, by name.
fn unpack(zip: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut entries = BTreeMap::new();
    for number in 0..zip.len() {
        let mut entry = zip.by_index(number).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        entries.insert(entry.name().unwrap().into_owned(), content);
    }
    entries
}

/// Names that are easily taken for others.
const NAMES: [&str; 4] = ["a_", "horn.mp3", "tür", "two  spaces"];

#[tokio::test(flavor = "multi_thread")]
async fn a_guilds_sounds_go_out_and_come_in_elsewhere_as_they_were() {
    let setup = setup().set("YURI_ARCHIVES__PER_HOUR", "100");
    let server = server(setup, &[("operators.wav", Some("tone.wav"))]).await;
    let guild = server.guild();
    let other = GuildId::try_from(server.sim().guilds()[1].id).unwrap();
    let (ada, ben) = (server.user("ada"), server.user("ben"));
    let contents = ["tone.wav", "tone.mp3", "tone.flac", "tone.m4a"].map(fixture);
    for (name, content) in NAMES.into_iter().zip(&contents) {
        bring(&server.app, guild, ben, name, content).await;
    }
    let there = described(&server.app, guild);
    let token = server.token(ada).await;
    let zip = export(&server, &token, guild).await;

    let entries = unpack(&zip);
    let paths: Vec<&str> = entries.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "manifest.json",
            "sounds/a_.wav",
            "sounds/horn.mp3.mp3",
            "sounds/two  spaces.m4a",
            "sounds/tür.flac",
        ]
    );
    assert_eq!(entries["sounds/tür.flac"], contents[2]);
    let manifest = String::from_utf8(entries["manifest.json"].clone()).unwrap();
    let value: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(value["sounds"].as_array().unwrap().len(), 4);
    let manifest = manifest.replace(&guild.to_string(), "<guild>");
    let first = manifest.split_inclusive("    }").next().unwrap();
    insta::assert_snapshot!(first.replace(&ben.to_string(), "<ben>"), @r#"
    {
      "format": "yuri-sounds",
      "version": 1,
      "guild": {
        "id": "<guild>",
        "name": "Sound Lab"
      },
      "exported_at": "2019-04-06T18:48:02Z",
      "sounds": [
        {
          "file": "sounds/a_.wav",
          "name": "a_",
          "sha256": "839d214c41a91edcaa9cf6de72bd1d213fd64df4ffdaaa412c449bb82847b6ef",
          "size_bytes": 64044,
          "length_ms": 2000,
          "loudness_lufs": -6.7,
          "tags": [
            "2 letters",
            "loud"
          ],
          "category": "brass",
          "uploader_id": "<ben>",
          "created_at": "2019-04-06T18:48:02Z"
        }
    "#);

    // Into another guild.
    server.sim().add_member(ada.get(), other.get()).unwrap();
    let lines = taken(&server, &token, other, &zip).await;
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines.iter().all(|it| it.contains(": added, ")), "{lines:?}");
    assert_eq!(described(&server.app, other), there);
    let lines = taken(&server, &token, other, &zip).await;
    assert!(
        lines.iter().all(|it| it.contains(": duplicate, ")),
        "{lines:?}"
    );
    assert_eq!(described(&server.app, other), there);

    // Into another installation, by its operator: what the archive says of whose they are holds.
    let bench = Bench::new();
    let archive = bench.add("sounds.zip", &zip);
    let (status, told) = bench.run(&archive, &["--guild", "7"]);
    assert_eq!(status, 0, "{told}");
    assert!(told.contains("4 added, 0 there already"), "{told}");
    let (status, told) = bench.run(&archive, &["--guild", "7"]);
    assert_eq!(status, 0, "{told}");
    assert!(told.contains("0 added, 4 there already"), "{told}");
    let process = bench.house.start();
    let elsewhere = GuildId::try_from(7).unwrap();
    assert_eq!(described(&process.app, elsewhere), there);
    let rows = process.app.db.run(yuri::db::guild_sounds::list_all);
    for row in rows.await.unwrap() {
        assert_eq!(row.uploader(), Some(ben));
        assert_eq!(row.created_ms, crate::support::START_MS);
    }
    process.stop().await;

    // Into the folder of an operator.
    let bench = Bench::new();
    let (status, told) = bench.run(&bench.add("sounds.zip", &zip), &[]);
    assert_eq!(status, 0, "{told}");
    let names: Vec<&str> = there.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(bench.sounds(), names);
    let process = bench.house.start();
    let horn = process.app.library.find("a_").unwrap();
    assert_eq!(
        process.app.labels.get(&horn).category.as_deref(),
        Some("brass")
    );
    process.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn managers_export_and_nobody_else() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let ben_id = server.user("ben");
    let (ben, cleo) = (
        server.token(ben_id).await,
        server.token(server.user("cleo")).await,
    );
    let path = format!("/api/guilds/{guild}/sounds/export");
    let manager = "you must be a manager of this guild";
    let member = "you must be a member of this guild";
    for (caller, text) in [(&ben, manager), (&cleo, member)] {
        let answer = caller.get(&server, &path).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (403, text.into()));
    }
    let answer = ben.get(&server, "/api/guilds/x/sounds/export").await;
    assert_eq!(answer.status, 400);
    let nobody = crate::support::Answer::of(server.get(&path)).await;
    assert_eq!(nobody.status, 401);
    let role = server.sim().add_role(guild.get(), "manager", 1 << 5);
    let roles = [role.unwrap()];
    server
        .sim()
        .set_roles(ben_id.get(), guild.get(), &roles)
        .unwrap();
    // One without sounds is an archive as well.
    let entries = unpack(&export(&server, &ben, guild).await);
    assert_eq!(entries.len(), 1);
    server.stop().await;
}

/// A house with sounds of guild 7 that are more than what waits for a reader.
async fn furnished() -> (House, crate::support::house::Process, Guild) {
    let house = House::new();
    let process = house.start();
    let guild = Guild {
        id: GuildId::try_from(7).unwrap(),
        name: "Seven".to_owned(),
    };
    let user = UserId::try_from(1).unwrap();
    for number in 0..8 {
        // The samples at the end are a little different.
        let mut content = fixture("tone.wav");
        let end = content.len() - 1;
        content[end] = number;
        bring(
            &process.app,
            guild.id,
            user,
            &format!("s{number}"),
            &content,
        )
        .await;
    }
    (house, process, guild)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_before_its_turn_is_left_out() {
    let (_house, process, guild) = furnished().await;
    let app = &process.app;
    let mut export = app.archives.export(guild.clone()).unwrap();
    let mut zip = export.pieces.recv().await.unwrap().to_vec();
    let last = app.library.find_in(guild.id, "s7").unwrap();
    app.uploads.delete(&last).await.unwrap();
    // Its row is there; its file is gone.
    let fileless = app.library.find_in(guild.id, "s6").unwrap();
    std::fs::remove_file(fileless.original.path()).unwrap();
    while let Some(piece) = export.pieces.recv().await {
        zip.extend(Bytes::as_ref(&piece));
    }
    let entries = unpack(&zip);
    let manifest: Value = serde_json::from_slice(&entries["manifest.json"]).unwrap();
    let told = manifest["sounds"].as_array().unwrap().iter();
    let mut told: Vec<&str> = told.map(|it| it["file"].as_str().unwrap()).collect();
    told.push("manifest.json");
    told.sort_unstable();
    assert_eq!(told, entries.keys().collect::<Vec<_>>());
    assert_eq!(entries.len(), 7);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_not_read_is_given_up() {
    let (_house, process, guild) = furnished().await;
    let app = &process.app;
    let export = app.archives.export(guild.clone()).unwrap();
    let again = app.archives.export(guild.clone()).err().unwrap();
    assert_eq!(
        again.to_string(),
        "an archive of this server is on its way already, wait until it is done"
    );
    let is_free = async || {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while app.archives.export(guild.clone()).is_err() {
                process.clock.advance(Duration::from_secs(1));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("its turn is over");
    };
    // The reader is there and takes nothing.
    is_free().await;
    let mut export = export;
    let mut pieces = 0;
    while export.pieces.recv().await.is_some() {
        pieces += 1;
    }
    assert!(pieces < 4, "{pieces}");
    // The reader has gone.
    let begun = async {
        loop {
            match app.archives.export(guild.clone()) {
                Ok(export) => return drop(export),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    begun.await;
    is_free().await;
    process.stop().await;
}
