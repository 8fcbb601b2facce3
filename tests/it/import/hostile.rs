//! Archives that nobody packs for a good reason: refused whole, with the reason.

use std::io::Write as _;

use tar::EntryType;
use zip::write::SimpleFileOptions;

use super::{Bench, gzip, tar_of, zip_of};
use crate::audio::fixture;

/// Nothing of it comes in, although one file of it could.
fn refused(name: &str, archive: &[u8]) -> String {
    let bench = Bench::new();
    let (status, told) = bench.run(&bench.add(name, archive), &[]);
    assert_eq!(status, 1, "{name}: {told}");
    assert!(bench.files("").is_empty(), "{name}: {:?}", bench.files(""));
    let reason = "yuri: the archive is refused, nothing was taken from it: ";
    let reason = told.strip_prefix(reason);
    reason
        .unwrap_or_else(|| panic!("{name}: {told}"))
        .trim_end()
        .to_owned()
}

/// A good entry and one with a header of the test's.
fn tar_with(change: impl Fn(&mut tar::Header), content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(tar_of(&[("nice.wav", &fixture("tone.wav"))]));
    // The first tar's end is cut off, so that it goes on.
    let length = tar.get_ref().len() - 1_024;
    tar.get_mut().truncate(length);
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_entry_type(EntryType::Regular);
    header.as_mut_bytes()[..5].copy_from_slice(b"x.wav");
    change(&mut header);
    header.set_cksum();
    tar.append(&header, content).unwrap();
    tar.into_inner().unwrap()
}

fn named(name: &'static str) -> impl Fn(&mut tar::Header) {
    move |header| header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes())
}

#[test]
fn names_that_lead_out() {
    let wav = fixture("tone.wav");
    for name in [
        "../x.wav",
        "/x.wav",
        "a/../../x.wav",
        "..\\x.wav",
        "C:\\x.wav",
    ] {
        let zip = zip_of(&[("nice.wav", &wav), (name, b"x")]);
        let told = refused("pack.zip", &zip);
        assert_eq!(told, format!("the name {name:?} leads out of it"));
        let told = refused("pack.tar", &tar_with(named(name), b"x"));
        assert_eq!(told, format!("the name {name:?} leads out of it"));
    }
}

#[test]
fn links_and_devices() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::Block,
    ] {
        let tar = tar_with(
            |header| {
                header.set_entry_type(kind);
                header.set_link_name("/etc/passwd").unwrap();
            },
            b"",
        );
        let told = refused("pack.tar.gz", &gzip(&tar));
        assert_eq!(
            told, "\"x.wav\" is a link, a device or the like",
            "{kind:?}"
        );
    }
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.add_symlink("x.wav", "/etc/passwd", options).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let told = refused("pack.zip", &zip);
    assert_eq!(told, "\"x.wav\" is a link, a device or the like");
}

#[test]
fn bombs() {
    let zeros = vec![0; 100 << 20];
    let told = "it unpacks to far more than archives of sounds do";
    assert_eq!(
        refused("pack.tar.gz", &gzip(&tar_of(&[("x.wav", &zeros)]))),
        told
    );
    assert_eq!(refused("pack.zip", &zip_of(&[("x.wav", &zeros)])), told);
    let names: Vec<String> = (0..10_001).map(|number| format!("{number}.wav")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let told = "it holds more than 10000 entries";
    assert_eq!(refused("pack.tar", &tar_of(&entries)), told);
    assert_eq!(refused("pack.zip", &zip_of(&entries)), told);
}

#[test]
fn headers_that_lie() {
    // A name of a megabyte.
    let long = vec![b'x'; 1 << 20];
    let tar = tar_with(
        |header| header.set_entry_type(EntryType::GNULongName),
        &long,
    );
    assert_eq!(refused("pack.tar", &tar), "its names are too long");
    let wav = fixture("tone.wav");
    let whole = gzip(&tar_of(&[("nice.wav", &wav)]));
    let damaged = "it is damaged, or ends too early";
    assert_eq!(refused("pack.tar.gz", &whole[..whole.len() / 2]), damaged);
    assert_eq!(
        refused("pack.tar", &tar_of(&[("nice.wav", &wav)])[..10_000]),
        damaged
    );
    let zip = zip_of(&[("nice.wav", &wav)]);
    assert_eq!(refused("pack.zip", &zip[..zip.len() / 2]), damaged);

    // A zip that says less than it holds: that entry is refused, the others come in.
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [("nice.wav", &wav), ("odd.mp3", &fixture("tone.mp3"))] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    let mut zip = zip.finish().unwrap().into_inner();
    let length = u32::try_from(fixture("tone.mp3").len())
        .unwrap()
        .to_le_bytes();
    let places: Vec<usize> = zip
        .windows(4)
        .enumerate()
        .filter(|(_, it)| *it == length)
        .map(|(at, _)| at)
        .collect();
    for at in places {
        zip[at..at + 4].copy_from_slice(&9_u32.to_le_bytes());
    }
    let bench = Bench::new();
    let (status, told) = bench.run(&bench.add("pack.zip", &zip), &[]);
    assert_eq!(status, 1, "{told}");
    assert!(
        told.contains("odd.mp3: it cannot be read, or is damaged"),
        "{told}"
    );
    assert_eq!(bench.sounds(), ["nice.wav"]);
}
