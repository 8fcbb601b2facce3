//! What holds for all routes alike, so that no entry has to say it: how a caller shows who they
//! are, how failures look, which statuses guards answer, which headers answers have.

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::Modify;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Schema, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, Deprecated, HttpMethod, ObjectBuilder, OpenApi, PathItem, Ref,
    RefOr, Response, ResponseBuilder,
};

use crate::http::error::is_flat;

/// The forms of failures: that of sessions' own routes, and that of all others.
const FLAT_ERROR: &str = "FlatError";
const ERROR: &str = "Error";

/// Failures that look alike whatever route has them: status, name in the document, and when.
const SHARED: [(&str, &str, &str); 11] = [
    (
        "400",
        "Unreadable",
        "The path, the query or the body cannot be read; the message says what",
    ),
    (
        "401",
        "Unauthorized",
        "No credential, or one that is not good",
    ),
    (
        "403",
        "Forbidden",
        "Not a member of the guild, or a right is missing; or cookies, and a page of another site",
    ),
    ("413", "TooLarge", "The body has more than 64 KiB"),
    ("415", "NotJson", "The body is not `application/json`"),
    (
        "429",
        "Limited",
        "Too many requests; the next one is admitted after `Retry-After`. With `retry_after` in `error` it is Discord that limits this server",
    ),
    (
        "500",
        "Internal",
        "A fault of the server's; the message holds the request's id",
    ),
    ("502", "Refused", "Discord refused"),
    (
        "503",
        "Unavailable",
        "The database or the bot is not there now, or Discord is out of order and not asked for the moment",
    ),
    ("504", "Silent", "Discord did not answer in time"),
    ("507", "DiskFull", "The server's disk is full"),
];

/// Headers of answers: name, type, whether answers that name it always have it, and what it says.
/// A caller who is not known has no rate limit to be told of.
const HEADERS: [(&str, Type, bool, &str); 8] = [
    (
        "X-Request-Id",
        Type::String,
        true,
        "Names the request in the server's log.",
    ),
    (
        "X-Ratelimit-Limit",
        Type::Integer,
        false,
        "Requests at once.",
    ),
    (
        "X-Ratelimit-Remaining",
        Type::Integer,
        false,
        "Requests that are left now.",
    ),
    (
        "X-Ratelimit-Reset",
        Type::Integer,
        false,
        "0 while requests are left, else milliseconds until the next is admitted.",
    ),
    (
        "X-Total-Count",
        Type::Integer,
        true,
        "The length of the whole list.",
    ),
    ("Retry-After", Type::Integer, true, "Seconds to wait."),
    ("Location", Type::String, true, "Where to go on."),
    (
        "WWW-Authenticate",
        Type::String,
        true,
        "A scheme that no browser knows.",
    ),
];

pub(super) struct Rules;

impl Modify for Rules {
    fn modify(&self, document: &mut OpenApi) {
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                complete(path, &method, operation);
            }
        }
        add_aliases(document);
        let taken = taken_schemas(document);
        let components = document.components.get_or_insert_default();
        close(components, &taken);
        add_schemes(components);
        add_headers(components);
        for (status, name, when) in SHARED {
            let mut shared = ResponseBuilder::new().description(when).build();
            describe(&mut shared, status, true, ERROR);
            let name = name.to_owned();
            components.responses.insert(name, RefOr::T(shared));
        }
    }
}

/// The operations of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Patch, &mut item.patch),
        (HttpMethod::Delete, &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds the failures that the route's guards and the database may have, and the headers of answers.
fn complete(path: &str, method: &HttpMethod, operation: &mut Operation) {
    let is_charged = ["/api/", "/botapi/"]
        .iter()
        .any(|below| path.starts_with(below))
        && path != "/api/openapi.json";
    let is_open = operation.security.as_ref() == Some(&vec![SecurityRequirement::default()]);
    let is_of_sessions = is_flat(path);
    let mut statuses = vec!["500"];
    if !is_open {
        statuses.extend(["401", "429", "503"]);
        // A session has no cookies, and nothing of it is kept on a disk.
        if !is_of_sessions {
            statuses.push("403");
        }
        if *method != HttpMethod::Get && !is_of_sessions {
            statuses.push("507");
        }
    }
    if is_of_sessions && path != "/api/auth/logout" {
        statuses.extend(["502", "504"]);
    }
    for text in [&mut operation.summary, &mut operation.description] {
        *text = text.as_deref().map(plain);
    }
    let parameters = operation.parameters.as_deref_mut().unwrap_or_default();
    parameters.iter_mut().for_each(drop_null);
    if !parameters.is_empty() {
        statuses.push("400");
    }
    let is_guild = |it: &RefOr<Parameter>| matches!(it, RefOr::T(it) if it.name == "guild");
    if parameters.iter().any(is_guild) {
        // Who is a member, and may do what, is asked of Discord.
        statuses.extend(["403", "502", "503", "504"]);
    }
    if let Some(RefOr::T(body)) = &operation.request_body {
        statuses.push("400");
        if body.content.contains_key("application/json") {
            statuses.extend(["413", "415"]);
        }
    }
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response {
            let form = if is_of_sessions { FLAT_ERROR } else { ERROR };
            describe(response, status, is_charged, form);
        }
    }
    for (status, name, when) in SHARED {
        if !statuses.contains(&status) {
            continue;
        }
        let described = || {
            if !is_of_sessions {
                return RefOr::Ref(Ref::from_response_name(name));
            }
            let mut own = ResponseBuilder::new().description(when).build();
            describe(&mut own, status, is_charged, FLAT_ERROR);
            RefOr::T(own)
        };
        let entry = responses.entry(status.to_owned());
        entry.or_insert_with(described);
    }
}

/// A comment's text for those who do not read the code: without the contract's sections.
fn plain(comment: &str) -> String {
    let text = comment.replace('\n', " ");
    let found = [" Contract ", " Seed "].map(|word| text.find(word));
    let end = found.into_iter().flatten().min().unwrap_or(text.len());
    text.get(..end).unwrap_or(&text).to_owned()
}

/// A parameter that may be left out is not null otherwise.
fn drop_null(parameter: &mut RefOr<Parameter>) {
    if let RefOr::T(parameter) = parameter
        && let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema
        && let SchemaType::Array(types) = &object.schema_type
        && let Some(kind) = types.iter().find(|kind| **kind != Type::Null)
    {
        object.schema_type = SchemaType::Type(kind.clone());
    }
}

/// Adds the headers that an answer of this status has, and the form that a failure has.
fn describe(response: &mut Response, status: &str, is_charged: bool, form: &str) {
    let mut names = vec!["X-Request-Id"];
    if is_charged {
        let limits = HEADERS.iter().map(|(name, ..)| *name);
        names.extend(limits.filter(|name| name.starts_with("X-Ratelimit-")));
    }
    match status {
        "307" => names.push("Location"),
        "401" => names.push("WWW-Authenticate"),
        "429" | "503" => names.push("Retry-After"),
        _ => {}
    }
    if is_list(response) {
        names.push("X-Total-Count");
    }
    for name in names {
        let described = Ref::new(format!("#/components/headers/{name}"));
        response
            .headers
            .insert(name.to_owned(), RefOr::Ref(described));
    }
    let is_failure = matches!(status.as_bytes().first(), Some(b'4' | b'5'));
    if is_failure && response.content.is_empty() {
        let error = Ref::from_schema_name(form);
        let content = ContentBuilder::new().schema(Some(error)).build();
        let kind = "application/json".to_owned();
        response.content.insert(kind, RefOr::T(content));
    }
}

/// Whether it is a part of a list.
fn is_list(response: &Response) -> bool {
    let Some(RefOr::T(content)) = response.content.get("application/json") else {
        return false;
    };
    matches!(&content.schema, Some(RefOr::Ref(list)) if list.ref_location.contains("/List_"))
}

/// The headers of answers.
fn add_headers(components: &mut Components) {
    for (name, kind, is_required, what) in HEADERS {
        let schema = ObjectBuilder::new().schema_type(kind).build();
        let header = HeaderBuilder::new()
            .schema(Some(schema))
            .description(Some(what))
            // The builder does not know this field of OpenAPI's.
            .extensions(Some(Extensions::from_iter([("required", is_required)])))
            .build();
        components.headers.insert(name.to_owned(), RefOr::T(header));
    }
}

/// The favourites are served under the name that the original's document has, too.
fn add_aliases(document: &mut OpenApi) {
    let paths = &mut document.paths.paths;
    let favourites = paths.iter().filter_map(|(path, item)| {
        let below = path.strip_prefix("/api/favorites")?;
        Some((format!("/api/favorite{below}"), item.clone()))
    });
    let aliases: Vec<_> = favourites.collect();
    for (path, mut item) in aliases {
        for (_, operation) in operations(&mut item) {
            operation.deprecated = Some(Deprecated::True);
            if let Some(id) = &mut operation.operation_id {
                id.push_str("_by_old_path");
            }
        }
        paths.insert(path, item);
    }
}

/// The names of schemas that bodies of requests have in them.
fn taken_schemas(document: &OpenApi) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    let mut seen = |found: Value| collect_references(&found, &mut taken);
    for item in document.paths.paths.values() {
        for operation in [&item.post, &item.put, &item.patch, &item.delete] {
            let body = operation.as_ref().and_then(|it| it.request_body.as_ref());
            seen(serde_json::to_value(body).unwrap_or_default());
        }
    }
    let schemas = document.components.as_ref().map(|it| &it.schemas);
    let mut known = 0;
    while known != taken.len() {
        known = taken.len();
        for (name, schema) in schemas.into_iter().flatten() {
            if taken.contains(name) {
                let schema = serde_json::to_value(schema).unwrap_or_default();
                collect_references(&schema, &mut taken);
            }
        }
    }
    taken
}

fn collect_references(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(place) = fields.get("$ref").and_then(Value::as_str) {
                names.extend(place.rsplit('/').next().map(str::to_owned));
            }
            fields.values().for_each(|it| collect_references(it, names));
        }
        Value::Array(items) => items.iter().for_each(|it| collect_references(it, names)),
        _ => {}
    }
}

/// The one key of an answer that is not always there: how long Discord limits us, in an error that
/// is otherwise the same for all. Contract 1, 6.
const SOMETIMES: (&str, &str) = ("Fault", "retry_after");

/// Nothing has keys that are not described: what comes with others is refused. And what is answered
/// has all of its keys always, but for [`SOMETIMES`]. Contract 1.
fn close(components: &mut Components, taken: &BTreeSet<String>) {
    let names: BTreeSet<String> = components.schemas.keys().cloned().collect();
    for (name, schema) in &mut components.schemas {
        let RefOr::T(Schema::Object(object)) = schema else {
            continue;
        };
        object.description = object.description.as_deref().map(plain);
        // An entry of a list is described once, not in each list as well.
        if let Some(entry) = name.strip_prefix("List_").filter(|it| names.contains(*it))
            && let Some(RefOr::T(Schema::Array(results))) = object.properties.get_mut("results")
        {
            let entry = RefOr::Ref(Ref::from_schema_name(entry));
            results.items = ArrayItems::RefOrSchema(Box::new(entry));
        }
        let is_object = object.schema_type == Type::Object.into();
        if is_object && object.additional_properties.is_none() {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            if !taken.contains(name) {
                let keys = object.properties.keys();
                let always = keys.filter(|key| (name.as_str(), key.as_str()) != SOMETIMES);
                object.required = always.cloned().collect();
            }
        }
    }
}

/// The ways to show who is calling. Contract 2.
fn add_schemes(components: &mut Components) {
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some(
            "User id and API token, from `/token` or `POST /api/tokens`.",
        ))
        .build();
    let cookie = |name, what| {
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, what)))
    };
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWE")
        .description(Some("A token for an hour, from `POST /api/auth/callback`."))
        .build();
    let session = ApiKeyValue::with_description(
        "Authorization",
        "A session's id without a scheme, from `POST /api/auth/login`.",
    );
    let schemes = [
        ("basic", SecurityScheme::Http(basic)),
        ("bearer", SecurityScheme::Http(bearer)),
        (
            "token",
            cookie("token", "The session's token, from `/login`."),
        ),
        ("userid", cookie("userid", "The user's id, from `/login`.")),
        ("session", SecurityScheme::ApiKey(ApiKey::Header(session))),
    ];
    for (name, scheme) in schemes {
        components.add_security_scheme(name, scheme);
    }
}
