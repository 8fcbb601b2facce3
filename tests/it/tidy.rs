//! The house rules that a machine can see. See "The house" in the README.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms, left to right: an import goes to the right, or stays in the last one.
const ROOMS: [&[&str]; 7] = [
    &["main", "cli"],
    &["http"],
    &["app"],
    &["bot"],
    &["domain", "telemetry"],
    &["audio", "db", "discord"],
    &["config", "clock", "secret", "ids", "error"],
];

/// The same of the simulated Discord.
const SIM_ROOMS: [&[&str]; 17] = [
    &["main"],
    &[
        "people",
        "administration",
        "observe",
        "operator",
        "limits",
        "outages",
    ],
    &["sim"],
    &["http"],
    &["control"],
    &["rest", "oauth"],
    &["gateway", "voice"],
    &["authority"],
    &["settings"],
    &["state"],
    &["audio"],
    &["heard"],
    &["websocket"],
    &["faults"],
    &["world"],
    &["protocol"],
    &["accept", "error", "page", "stop"],
];

/// Crates, and the only rooms that name them.
const CRATES: [(&str, &[&str]); 5] = [
    ("rocket", &["http", "config", "cli"]),
    ("serenity", &["bot"]),
    ("poise", &["bot"]),
    ("songbird", &["bot"]),
    ("diesel", &["db"]),
];

const LINES_MAX: usize = 500;

struct Source {
    /// Below the crate, with slashes.
    path: String,
    text: String,
}

impl Source {
    /// The first part of the module path; `lib` for the root.
    fn room(&self) -> &str {
        let (_, below) = self.path.split_once("src/").unwrap_or(("", &self.path));
        below.split(['/', '.']).next().unwrap()
    }

    /// The lines that are code, without comments and texts of doc.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self
            .text
            .lines()
            .enumerate()
            .map(|(number, line)| (number + 1, line.trim()));
        lines.filter(|(_, line)| !line.starts_with("//"))
    }
}

fn sources(folders: &[&str], endings: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let ending = path
                .extension()
                .and_then(|ending| ending.to_str())
                .unwrap_or_default();
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if endings.contains(&ending) {
                let text = fs::read_to_string(&path).unwrap();
                let path = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .replace('\\', "/");
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn rank(rooms: &[&[&str]], room: &str) -> usize {
    let rank = rooms.iter().position(|rooms| rooms.contains(&room));
    rank.unwrap_or_else(|| {
        panic!("`{room}` is no room of the house; name it here and in the README")
    })
}

/// The rooms that a piece of code names: `crate::room`, and each of `crate::{a, b}`.
fn imports(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (position, _) in text.match_indices("crate::") {
        let preceded = text[..position].chars().next_back();
        if preceded.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == '$')
        {
            continue;
        }
        let rest = &text[position + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split_once('}').map_or("", |(inside, _)| inside),
            None => rest,
        };
        let parts: Vec<&str> = if rest.starts_with('{') {
            names.split(',').collect()
        } else {
            vec![names]
        };
        for part in parts {
            let name: String = part
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            rooms.push(name);
        }
    }
    rooms
}

fn check_imports(folder: &str, rooms: &[&[&str]]) {
    let mut broken = Vec::new();
    for source in sources(&[folder], &["rs"]) {
        let room = source.room();
        if room == "lib" {
            continue;
        }
        let lines: Vec<&str> = source.code().map(|(_, line)| line).collect();
        let code = lines.join("\n");
        for imported in imports(&code) {
            // A type that is exported from the root says nothing of a room.
            if imported.starts_with(char::is_uppercase) {
                continue;
            }
            let (from, to) = (rank(rooms, room), rank(rooms, &imported));
            let is_last = from == rooms.len() - 1 && to == from;
            let allowed = imported == room || from < to || is_last || room == "main";
            let apart =
                (room == "http" && imported == "bot") || (room == "bot" && imported == "http");
            if !allowed || apart {
                broken.push(format!("{}: {room} imports {imported}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn imports_run_one_way() {
    check_imports("src", &ROOMS);
    check_imports("discord-sim/src", &SIM_ROOMS);
}

#[test]
fn each_library_stays_in_its_rooms() {
    let mut broken = Vec::new();
    for source in sources(&["src"], &["rs"]) {
        for (number, line) in source.code() {
            for (name, rooms) in CRATES {
                let named = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let names_it =
                    line.contains(&format!("{name}::")) || line.starts_with(&format!("use {name}"));
                if names_it
                    && named.into_iter().any(|word| word == name)
                    && !rooms.contains(&source.room())
                {
                    broken.push(format!("{}:{number}: {line}", source.path));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_environment_is_read_in_one_room() {
    for source in sources(&["src"], &["rs"]) {
        for (number, line) in source.code() {
            let reads = line.contains("env::var") || line.contains("option_env!");
            assert!(
                !reads || source.room() == "config",
                "{}:{number}: {line}",
                source.path
            );
        }
    }
}

#[test]
fn administrators_are_known_in_one_place() {
    for source in sources(&["src"], &["rs"]) {
        for (number, line) in source.code() {
            let asks_past_it = line.contains("config.admins");
            assert!(
                !asks_past_it || source.room() == "app",
                "{}:{number}: {line}: ask `domain::admins`",
                source.path
            );
        }
    }
}

#[test]
fn there_are_no_globals_but_constants() {
    for source in sources(&["src", "discord-sim/src"], &["rs"]) {
        for (number, line) in source.code() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let is_static = words.first() == Some(&"static")
                || (line.starts_with("pub") && words.get(1) == Some(&"static"));
            let is_global = is_static || line.contains("thread_local!");
            let is_allocator = source.path == "src/main.rs" && line.contains("ALLOCATOR");
            assert!(
                !is_global || is_allocator,
                "{}:{number}: {line}",
                source.path
            );
        }
    }
}

#[test]
fn files_say_what_they_hold_and_are_not_long() {
    let mut broken = Vec::new();
    for source in sources(&["src", "discord-sim", "bench", "tests"], &["rs"]) {
        if !source.text.starts_with("//!") {
            broken.push(format!("{} does not begin with //!", source.path));
        }
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            broken.push(format!("{} has {lines} lines", source.path));
        }
        for name in ["util", "utils", "helpers", "common", "misc"] {
            if source.path.split(['/', '.']).any(|part| part == name) {
                broken.push(format!("{}: `{name}` says nothing", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn nothing_is_unfinished() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("unimpl", "emented!"),
        concat!("#[", "ignore"),
    ];
    let endings = [
        "rs", "toml", "md", "js", "css", "html", "sql", "py", "sh", "yml",
    ];
    for source in sources(
        &[
            "src",
            "tests",
            "discord-sim",
            "bench",
            "migrations",
            "docs",
            "scripts",
        ],
        &endings,
    ) {
        for mark in marks {
            assert!(!source.text.contains(mark), "{}: {mark}", source.path);
        }
    }
    let readme = include_str!("../../README.md");
    for mark in marks {
        assert!(!readme.contains(mark), "README.md: {mark}");
    }
}

#[test]
fn plays_are_written_in_one_place() {
    for source in sources(&["src"], &["rs"]) {
        let writes = |name: &str| source.code().any(|(_, line)| line.contains(name));
        assert!(
            !writes("append(conn")
                || source.path == "src/domain/play_log.rs"
                || source.path == "src/db/plays.rs",
            "{}",
            source.path
        );
        assert!(
            !writes(".log.record(") || source.path.starts_with("src/domain/player/"),
            "{}",
            source.path
        );
    }
}
