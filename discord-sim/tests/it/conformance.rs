//! The README's conformance tables: they name everything that is there, and tests that exist.
//!
//! Routes, events, close codes and error codes are found in the sources as they are written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use twilight_model::gateway::event::EventType;

/// A table row: what is known, and the tests that show it.
struct Row {
    heading: String,
    subject: String,
    tests: Vec<String>,
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    let parts = text.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

/// The rows of the README's section "Conformance".
fn rows() -> Vec<Row> {
    let readme = fs::read_to_string(here("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## Conformance\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut heading = String::new();
    let mut rows = Vec::new();
    for line in section.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            title.clone_into(&mut heading);
        }
        let cells: Vec<&str> = line.split('|').collect();
        let [_, first, .., last, _] = cells[..] else {
            continue;
        };
        for subject in quoted(first) {
            rows.push(Row {
                heading: heading.clone(),
                subject,
                tests: quoted(last),
            });
        }
    }
    rows
}

fn subjects(rows: &[Row], heading: &str) -> BTreeSet<String> {
    let under = rows.iter().filter(|row| row.heading == heading);
    under.map(|row| row.subject.clone()).collect()
}

/// All Rust files below a folder, as text.
fn sources(folder: &str) -> Vec<String> {
    let mut waiting = vec![here(folder)];
    let mut texts = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    texts
}

/// The string literals of a source.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    source.split('"').skip(1).step_by(2)
}

/// What stands before the parenthesis that closes what was opened before the text.
fn enclosed(text: &str) -> &str {
    let mut depth = 0;
    let end = text.find(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth < 0
    });
    &text[..end.unwrap()]
}

/// Method and path of each route of a router, as axum's `route` is called.
fn routes(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for call in source.split(".route(").skip(1) {
        let call = enclosed(call);
        let mut parts = call.splitn(3, '"').skip(1);
        let (path, handlers) = (parts.next().unwrap(), parts.next().unwrap());
        for method in ["get", "post", "put", "patch", "delete"] {
            let called = format!("{method}(");
            // Behind the path's comma or another method, not inside a handler's name.
            let is_called = handlers.match_indices(&called).any(|(at, _)| {
                let before = handlers[..at].chars().next_back();
                before.is_some_and(|before| before == '.' || before.is_whitespace())
            });
            if is_called {
                found.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    found
}

/// The routers of the control interface, with the path below which each is nested.
const CONTROL: [(&str, &str); 5] = [
    ("fn routes(", ""),
    ("fn of_message(", "/sim/messages/{message}"),
    ("fn of_channel(", "/sim/channels/{channel}"),
    ("fn of_guild(", "/sim/guilds/{guild}"),
    ("fn of_guild_with_files(", "/sim/guilds/{guild}"),
];

/// The table of "By JSON" names each address below `/sim/`, and no other.
#[test]
fn every_control_route_is_listed() {
    let source = fs::read_to_string(here("src/control/mod.rs")).unwrap();
    let source = source.replace("frame::STYLE_PATH", "\"/sim/page/style.css\"");
    let mut served = BTreeSet::new();
    for (function, below) in CONTROL {
        let (_, body) = source.split_once(function).unwrap();
        let body = body.split("\n}\n").next().unwrap();
        for route in routes(body) {
            let (method, path) = route.split_once(' ').unwrap();
            let path = path.trim_end_matches('/');
            served.insert(format!("{method} {below}{path}"));
        }
    }
    // The page and its files.
    served.retain(|route| route.contains("/sim/") && !route.starts_with("GET /sim/page/"));
    let readme = fs::read_to_string(here("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## By JSON\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    let listed: BTreeSet<_> = lines.map(|line| quoted(line).swap_remove(0)).collect();
    assert!(served.len() > 70, "{}", served.len());
    let missing: Vec<_> = served.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&served).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "missing {missing:#?}, gone {gone:#?}"
    );
}

#[test]
fn every_test_that_is_named_exists() {
    let rows = rows();
    assert!(rows.len() > 100);
    let mut wrong = Vec::new();
    for row in &rows {
        if row.tests.is_empty() {
            wrong.push(format!("{}: no test", row.subject));
        }
        for test in &row.tests {
            let (module, name) = test.rsplit_once("::").unwrap_or(("", test));
            let file = match module {
                "clients" => "tests/clients/main.rs".to_owned(),
                module => format!("tests/it/{}.rs", module.replace("::", "/")),
            };
            let source = fs::read_to_string(here(&file)).unwrap_or_default();
            if !source.contains(&format!("fn {name}(")) {
                wrong.push(format!("{}: there is no test {test}", row.subject));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_route_is_listed() {
    let mut served = BTreeSet::new();
    for source in sources("src/rest").iter().chain(&sources("src/oauth")) {
        served.extend(routes(source));
    }
    assert!(served.len() > 50);
    assert_eq!(served, subjects(&rows(), "REST and OAuth"));
}

#[test]
fn every_event_is_listed() {
    let mut sent = BTreeSet::from(["READY".to_owned(), "RESUMED".to_owned()]);
    for source in sources("src/state").iter().chain(&sources("src/gateway")) {
        for literal in literals(source) {
            let is_known = serde_json::from_value::<EventType>(Value::from(literal)).is_ok();
            // The reader does not know these.
            let is_new = literal == "RATE_LIMITED"
                || literal == "VOICE_CHANNEL_EFFECT_SEND"
                || literal.contains("SOUNDBOARD_SOUND");
            let is_name = literal.chars().all(|c| c.is_ascii_uppercase() || c == '_');
            if is_name && (is_known || is_new) {
                sent.insert(literal.to_owned());
            }
        }
    }
    assert!(sent.len() > 30);
    assert_eq!(sent, subjects(&rows(), "Gateway events"));
}

#[test]
fn every_close_code_is_listed() {
    let rows = rows();
    for (file, heading) in [
        ("src/protocol/gateway_close.rs", "Gateway close codes"),
        ("src/protocol/voice_close.rs", "Voice close codes"),
    ] {
        let source = fs::read_to_string(here(file)).unwrap();
        let codes = source.lines().filter_map(|line| {
            let (_, code) = line.split_once(": Code = (")?;
            code.split(',').next().map(str::to_owned)
        });
        assert_eq!(codes.collect::<BTreeSet<_>>(), subjects(&rows, heading));
    }
}

#[test]
fn every_error_code_is_listed() {
    let source = fs::read_to_string(here("src/protocol/api_error.rs")).unwrap();
    // Not what stands in the messages.
    let code: Vec<&str> = source.split('"').step_by(2).collect();
    let code = code.concat().replace('_', "");
    let numbers = code.split(|c: char| !c.is_ascii_digit());
    let codes: BTreeSet<String> = numbers
        .filter(|number| (5..=6).contains(&number.len()))
        .map(str::to_owned)
        .collect();
    assert!(codes.len() > 20);
    assert_eq!(codes, subjects(&rows(), "REST error codes"));
}

#[test]
fn every_fault_is_listed() {
    let source = fs::read_to_string(here("src/faults/effect.rs")).unwrap();
    let (_, effects) = source.split_once("pub enum Effect {").unwrap();
    let effects = effects.split("\n}").next().unwrap();
    let names = effects.lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?;
        let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
        name.starts_with(|c: char| c.is_ascii_uppercase())
            .then(|| name.to_owned())
    });
    assert_eq!(names.collect::<BTreeSet<_>>(), subjects(&rows(), "Faults"));
}
