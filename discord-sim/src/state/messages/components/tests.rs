//! What components may be, rule by rule.

use serde_json::json;

use super::*;

fn button(id: &str) -> Value {
    json!({ "type": 2, "style": 1, "label": "L", "custom_id": id })
}

fn row(inner: Value) -> Value {
    json!({ "type": 1, "components": inner })
}

fn faults(components: &Value, v2: bool) -> Vec<(String, &'static str)> {
    let body = json!({ "components": components });
    let mut form = Form::new(&body);
    read(&mut form, v2);
    let faults = form.into_faults().into_iter();
    faults
        .map(|fault| (fault.path.replace("components", "c"), fault.code))
        .collect()
}

#[test]
fn components_are_numbered_and_found() {
    let body = json!({ "components": [row(json!([button("a"), button("b")])), row(json!([
        { "type": 3, "custom_id": "s", "options": [{ "label": "x", "value": "x" }], "odd": 1 },
    ]))] });
    let mut form = Form::new(&body);
    let read = read(&mut form, false).unwrap();
    assert!(form.finish().is_ok());
    assert_eq!((&read[0]["id"], &read[1]["id"]), (&json!(1), &json!(4)));
    let select = find(&read, "s").unwrap();
    assert_eq!((&select["id"], select.get("odd")), (&json!(5), None));
    assert!(find(&read, "c").is_none());
}

#[test]
fn the_older_layout_is_rows_of_buttons_and_menus() {
    let options = |count: usize| {
        let option = |n: usize| json!({ "label": "x", "value": n.to_string() });
        (0..count).map(option).collect::<Value>()
    };
    let select = |options: Value| {
        row(json!([{ "type": 3, "custom_id": "s", "options": options, "max_values": 1 }]))
    };
    let mut linked = button("a");
    linked["url"] = json!("https://example.com");
    let cases = [
        (json!([button("a")]), "c.0", "UNION_TYPE_CHOICES"),
        (json!([row(json!([]))]), "c.0.c", "BASE_TYPE_BAD_LENGTH"),
        (
            json!([row(json!([button("a"), button("a")]))]),
            "c.0.c.1.custom_id",
            "COMPONENT_CUSTOM_ID_DUPLICATED",
        ),
        (
            json!([row(json!([{ "type": 2, "style": 1, "label": "L" }]))]),
            "c.0.c.0.custom_id",
            "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED",
        ),
        (
            json!([row(json!([{ "type": 2, "style": 5, "label": "L" }]))]),
            "c.0.c.0.url",
            "BASE_TYPE_REQUIRED",
        ),
        (
            json!([row(json!([linked]))]),
            "c.0.c.0.custom_id",
            "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
        ),
        (
            json!([row(json!([{ "type": 2, "style": 1, "custom_id": "a" }]))]),
            "c.0.c.0.label",
            "BASE_TYPE_REQUIRED",
        ),
        (
            json!([row(json!([button(&"x".repeat(101))]))]),
            "c.0.c.0.custom_id",
            "BASE_TYPE_BAD_LENGTH",
        ),
        (
            json!([select(options(0))]),
            "c.0.c.0.options",
            "BASE_TYPE_BAD_LENGTH",
        ),
        (
            json!([select(options(26))]),
            "c.0.c.0.options",
            "BASE_TYPE_BAD_LENGTH",
        ),
        (
            json!([select(json!([
                { "label": "x", "value": "1" }, { "label": "y", "value": "1" },
            ]))]),
            "c.0.c.0.options.1.value",
            "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
        ),
        (
            json!([row(json!([{ "type": 4, "custom_id": "t", "style": 1 }]))]),
            "c.0.c.0",
            "UNION_TYPE_CHOICES",
        ),
        (json!(["x"]), "c.0", "MODEL_TYPE_CONVERT"),
        (json!("x"), "c", "LIST_TYPE_CONVERT"),
    ];
    for (components, path, code) in cases {
        assert_eq!(
            faults(&components, false),
            [(path.to_owned(), code)],
            "{components}"
        );
    }
    let six = (0..6).map(|n| row(json!([button(&n.to_string())])));
    let six = six.collect::<Value>();
    assert_eq!(
        faults(&six, false),
        [("c".to_owned(), "BASE_TYPE_MAX_LENGTH")]
    );
    let wide = json!([row(json!([
        button("a"), { "type": 5, "custom_id": "u" },
    ]))]);
    let width = ("c.0.c.1".to_owned(), "COMPONENT_LAYOUT_WIDTH_EXCEEDED");
    assert_eq!(faults(&wide, false), [width]);
}

#[test]
fn the_newer_layout_nests() {
    let text = json!({ "type": 10, "content": "hello" });
    let section = json!({
        "type": 9, "components": [text],
        "accessory": { "type": 11, "media": { "url": "attachment://a.png" } },
    });
    let gallery = json!({ "type": 12, "items": [{ "media": { "url": "https://x/y.png" } }] });
    let container = json!({
        "type": 17, "accent_color": 5,
        "components": [text, section, gallery, { "type": 14 }, row(json!([button("a")]))],
    });
    assert_eq!(faults(&json!([container, text]), true), []);
    let unknown = ("c.0".to_owned(), "UNION_TYPE_CHOICES");
    assert_eq!(
        faults(&json!([container]), false),
        std::slice::from_ref(&unknown)
    );
    assert_eq!(faults(&json!([button("a")]), true), [unknown]);
    let nested = json!([{ "type": 17, "components": [container] }]);
    let inner = ("c.0.c.0".to_owned(), "UNION_TYPE_CHOICES");
    assert_eq!(faults(&nested, true), [inner]);
    let long = json!({ "type": 10, "content": "x".repeat(3_000) });
    let text = ("c".to_owned(), "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED");
    assert_eq!(faults(&json!([long, long]), true), [text]);
}

#[test]
fn modals_hold_inputs() {
    let check = |components: Value| {
        let body = json!({ "components": components });
        let mut form = Form::new(&body);
        read_modal(&mut form);
        let faults = form.into_faults().into_iter();
        faults
            .map(|fault| (fault.path, fault.code))
            .collect::<Vec<_>>()
    };
    let input = json!({ "type": 4, "custom_id": "t", "style": 1, "label": "T" });
    let label = json!({
        "type": 18, "label": "L",
        "component": { "type": 3, "custom_id": "s", "options": [{ "label": "x", "value": "x" }] },
    });
    assert_eq!(check(json!([row(json!([input])), label])), []);
    let row_of_buttons = check(json!([row(json!([button("a")]))]));
    let expected = ("components.0.components.0".to_owned(), "UNION_TYPE_CHOICES");
    assert_eq!(row_of_buttons, [expected]);
    assert_eq!(check(json!([]))[0].1, "BASE_TYPE_BAD_LENGTH");
    assert_eq!(check(json!(null))[0].1, "BASE_TYPE_REQUIRED");
}
