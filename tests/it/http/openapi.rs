//! `/api/openapi.json`, `/docs` and `yuri openapi`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cli::yuri;
use crate::support::{Answer, Setup};

/// Methods as a path of the document names them.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The routes whose failures are a text alone. Contract 8.
const FLAT: [&str; 5] = [
    "/api/auth/login",
    "/api/auth/logout",
    "/api/members",
    "/api/channels",
    "/api/messages",
];

/// What answers for paths and methods without a route. See `http::methods`.
const FALLBACK_RANK: isize = 100;

fn document() -> Value {
    serde_json::from_str(&yuri::http::openapi_document().unwrap()).unwrap()
}

fn operations(document: &Value) -> impl Iterator<Item = (String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| {
            assert!(METHODS.contains(&method.as_str()), "{path}: {method}");
            (method.clone(), path.clone(), operation)
        })
    })
}

/// Every text below `key`s, wherever they are.
fn texts<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(key).and_then(Value::as_str));
            fields.values().for_each(|field| texts(field, key, found));
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mounted_route_is_in_the_document_and_nothing_else() {
    let server = Setup::offline().start().await;
    let rocket = yuri::http::rocket(server.app.clone());
    let routes = rocket.routes().filter(|route| route.rank != FALLBACK_RANK);
    let mounted: BTreeSet<(String, String)> = routes
        .map(|route| {
            let path = route.uri.path().replace("..>", "}");
            let path = path.replace('<', "{").replace('>', "}");
            let path = if path == "/" {
                &path
            } else {
                path.trim_end_matches('/')
            };
            (route.method.as_str().to_lowercase(), path.to_owned())
        })
        .collect();
    let document = document();
    let described: BTreeSet<_> = operations(&document)
        .map(|(method, path, _)| (method, path))
        .collect();
    let missing: Vec<_> = mounted.difference(&described).collect();
    assert!(
        missing.is_empty(),
        "see src/http/openapi/mod.rs: {missing:?}"
    );
    let gone: Vec<_> = described.difference(&mounted).collect();
    assert!(gone.is_empty(), "there are no such routes: {gone:?}");
}

#[test]
fn the_document_hangs_together() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));

    let mut references = Vec::new();
    texts(&document, "$ref", &mut references);
    for reference in references {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference}");
    }

    let tags = document["tags"].as_array().unwrap();
    let tags: Vec<&Value> = tags.iter().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let name = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].as_str()),
            "{name}: its id"
        );
        assert!(operation["summary"].is_string(), "{name}: what it does");
        assert!(tags.contains(&&operation["tags"][0]), "{name}: its tag");

        let parameters = operation["parameters"].as_array();
        let mut placed: Vec<&str> = parameters
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| {
                assert_eq!(parameter["required"], true, "{name}");
                parameter["name"].as_str().unwrap()
            })
            .collect();
        let mut named: Vec<&str> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        placed.sort_unstable();
        named.sort_unstable();
        assert_eq!(placed, named, "{name}: its parameters");
    }
}

#[test]
fn what_holds_for_all_routes_is_said_of_each() {
    let document = document();
    let answer = |operation: &Value, status: &str| {
        let answer = operation["responses"][status].clone();
        match answer["$ref"].as_str() {
            Some(place) => document.pointer(&place[1..]).unwrap().clone(),
            None => answer,
        }
    };
    for (method, path, operation) in operations(&document) {
        let name = format!("{method} {path}");
        let is_open = operation["security"] == serde_json::json!([{}]);
        for status in ["401", "429", "503"] {
            let described = answer(operation, status);
            assert!(is_open || described.is_object(), "{name}: {status}");
        }
        let is_charged = path.starts_with("/api/") && path != "/api/openapi.json";
        for status in operation["responses"].as_object().unwrap().keys() {
            let answer = answer(operation, status);
            let headers = &answer["headers"];
            assert!(headers["X-Request-Id"].is_object(), "{name}: {status}");
            let has_limit = headers["X-Ratelimit-Reset"].is_object();
            assert!(has_limit || !is_charged, "{name}: {status}");
            if status.as_str() >= "400" {
                let body = &answer["content"]["application/json"]["schema"]["$ref"];
                let form = if FLAT.contains(&path.as_str()) {
                    "#/components/schemas/FlatError"
                } else {
                    "#/components/schemas/Error"
                };
                assert_eq!(body, form, "{name}: {status}");
            }
            if status == "429" {
                assert!(headers["Retry-After"].is_object(), "{name}");
            }
        }
    }
    let play = &document["components"]["schemas"]["PlayEntry"];
    assert_eq!(play["additionalProperties"], false);
    let keys = play["properties"].as_object().unwrap();
    assert_eq!(play["required"].as_array().unwrap().len(), keys.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_to_anybody_and_printed() {
    let server = Setup::offline()
        .set("YURI_LIMITS__BURST", "1")
        .start()
        .await;
    let output = yuri(&["openapi"]).env("ROCKET_PORT", "none").output();
    let output = output.unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    for _ in 0..3 {
        let answer = Answer::of(server.get("/api/openapi.json")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.budget(), None, "it costs nothing");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.body, printed.trim_end_matches('\n'));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_needs_no_other_server() {
    let server = Setup::offline().start().await;
    let page = Answer::of(server.get("/docs")).await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!page.body.contains("//"), "no address of another server");
    let attributes = page.body.split(['"', '\'']);
    let files: Vec<&str> = attributes.filter(|it| it.starts_with("/docs/")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let plain = Answer::of(server.get(file)).await;
        assert_eq!(plain.status, 200, "{file}");
        assert!(!plain.body.contains("sourceMappingURL"), "{file}");
        let packed = server.get(file).header("Accept-Encoding", "br, gzip;q=0.8");
        let packed = packed.send().await.unwrap();
        if packed.headers().contains_key("content-encoding") {
            let length = packed.bytes().await.unwrap().len();
            assert!(length * 2 < plain.body.len(), "{file}: {length}");
        }
    }
    let missing = server.get("/docs/index.html").send().await.unwrap();
    assert_eq!(missing.status(), 404);
}
