//! Reading what a client sent, field by field, and saying what is wrong in Discord's words.
//!
//! Used by REST for bodies and query strings, and by the checks in the state behind it.
//! Faults are collected, so that a client is told of all of them at once; of a body that is
//! wrong all over it is told the first hundred.

use std::ops::RangeInclusive;

use chrono::DateTime;
use serde_json::{Map, Value};

use super::api_error::{ApiError, FieldError};
use super::data_uri;

/// How many faults are told at once. A list may be wrong in each of its entries.
const MOST_FAULTS: usize = 100;

/// A JSON object, or a query string, that is being read.
///
/// A reader returns `None` for a field that is left out, null or faulty; the faults come
/// out at the end, in [`finish`](Form::finish).
pub(crate) struct Form<'a> {
    fields: Option<&'a Map<String, Value>>,
    path: String,
    faults: Vec<FieldError>,
}

/// What a client makes of something that it may take away.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<T> {
    Keep,
    Clear,
    To(T),
}

impl<T> Change<T> {
    /// What was sent for a field that says so much.
    pub(crate) fn of(is_sent: bool, value: Option<T>) -> Change<T> {
        match (is_sent, value) {
            (false, _) => Change::Keep,
            (true, None) => Change::Clear,
            (true, Some(value)) => Change::To(value),
        }
    }

    /// Carries it out.
    pub(crate) fn apply(self, place: &mut Option<T>) {
        match self {
            Change::Keep => {}
            Change::Clear => *place = None,
            Change::To(value) => *place = Some(value),
        }
    }
}

impl<'a> Form<'a> {
    /// Begins to read a body; anything but an object is a fault.
    pub(crate) fn new(body: &'a Value) -> Form<'a> {
        Form::at(String::new(), body)
    }

    /// Begins to read an entry of a body that is a list.
    pub(crate) fn entry(place: usize, body: &'a Value) -> Form<'a> {
        Form::at(place.to_string(), body)
    }

    fn at(path: String, body: &'a Value) -> Form<'a> {
        let mut form = Form {
            fields: body.as_object(),
            path,
            faults: Vec::new(),
        };
        if form.fields.is_none() {
            let message = "Only dictionaries may be used in a ModelType";
            form.faults
                .push(FieldError::new(&form.path, "MODEL_TYPE_CONVERT", message));
        }
        form
    }

    /// Where a field stands in the whole body.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else if name.is_empty() {
            self.path.clone()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// Takes note of a fault; an empty name means the object itself.
    pub(crate) fn fault(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        if self.faults.len() < MOST_FAULTS {
            let fault = FieldError::new(&self.path(name), code, message);
            self.faults.push(fault);
        }
    }

    /// Takes over what was wrong in a part of this.
    fn take_faults(&mut self, part: Form<'a>) {
        let room = MOST_FAULTS - self.faults.len();
        self.faults.extend(part.faults.into_iter().take(room));
    }

    /// Answers with all faults, if there are any.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(ApiError::form(self.faults))
        }
    }

    /// The faults so far.
    pub(crate) fn into_faults(self) -> Vec<FieldError> {
        self.faults
    }

    /// Whether nothing was wrong so far.
    pub(crate) fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    /// A field as it was sent; `None` if it is left out or null.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields?.get(name).filter(|value| !value.is_null())
    }

    /// Whether the field was sent, be it null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.is_some_and(|fields| fields.contains_key(name))
    }

    /// The names of the fields that were sent.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let fields = self.fields.into_iter().flat_map(Map::keys);
        fields.map(String::as_str)
    }

    /// Demands a field.
    pub(crate) fn require(&mut self, name: &str) {
        if self.fields.is_some() && self.value(name).is_none() {
            self.fault(name, "BASE_TYPE_REQUIRED", "This field is required");
        }
    }

    /// Text of a length, counted in characters.
    pub(crate) fn text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let value = self.value(name)?;
        let Some(text) = value.as_str() else {
            let message = format!("Could not interpret \"{}\" as string.", shown(value));
            self.fault(name, "STRING_TYPE_CONVERT", message);
            return None;
        };
        self.check_length(name, text.chars().count(), &length)
            .then(|| text.to_owned())
    }

    /// Checks a length of text or of a list.
    fn check_length(&mut self, name: &str, count: usize, length: &RangeInclusive<usize>) -> bool {
        if length.contains(&count) {
            return true;
        }
        let (least, most) = (length.start(), length.end());
        let (code, message) = if *least == 0 {
            (
                "BASE_TYPE_MAX_LENGTH",
                format!("Must be {most} or fewer in length."),
            )
        } else {
            (
                "BASE_TYPE_BAD_LENGTH",
                format!("Must be between {least} and {most} in length."),
            )
        };
        self.fault(name, code, message);
        false
    }

    /// A whole number; Discord takes it as text as well.
    pub(crate) fn number(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(name)?;
        let read = match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_i64(),
        };
        let Some(number) = read else {
            self.not_a(name, value, "int");
            return None;
        };
        if number < *range.start() {
            let message = format!(
                "int value should be greater than or equal to {}.",
                range.start()
            );
            self.fault(name, "NUMBER_TYPE_MIN", message);
            return None;
        }
        if number > *range.end() {
            let message = format!("int value should be less than or equal to {}.", range.end());
            self.fault(name, "NUMBER_TYPE_MAX", message);
            return None;
        }
        Some(number)
    }

    /// A whole number that counts something.
    pub(crate) fn count(&mut self, name: &str, range: RangeInclusive<u32>) -> Option<usize> {
        let range = i64::from(*range.start())..=i64::from(*range.end());
        usize::try_from(self.number(name, range)?).ok()
    }

    /// A number that need not be whole.
    pub(crate) fn real(&mut self, name: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = self.value(name)?;
        let Some(number) = value.as_f64() else {
            self.not_a(name, value, "float");
            return None;
        };
        let (least, most) = range.into_inner();
        if number < least {
            let message = format!("float value should be greater than or equal to {least:?}.");
            self.fault(name, "NUMBER_TYPE_MIN", message);
            return None;
        }
        if number > most {
            let message = format!("float value should be less than or equal to {most:?}.");
            self.fault(name, "NUMBER_TYPE_MAX", message);
            return None;
        }
        Some(number)
    }

    /// The bytes of a file as a data URI.
    pub(crate) fn file(&mut self, name: &str, most_kib: usize) -> Option<Vec<u8>> {
        let text = self.text(name, 0..=usize::MAX)?;
        let Some(bytes) = data_uri::read(&text) else {
            self.fault(name, "BINARY_TYPE_CONVERT", "Invalid data URI.");
            return None;
        };
        if bytes.len() > most_kib * 1_024 {
            let message = format!("File cannot be larger than {most_kib}.0 kb.");
            self.fault(name, "BINARY_TYPE_MAX_SIZE", message);
            return None;
        }
        Some(bytes)
    }

    /// Yes or no; in a query string it is text.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let read = match self.value(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => match text.as_str() {
                "true" | "True" | "1" => Some(true),
                "false" | "False" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if read.is_none() {
            let message = "Must be either true or false.";
            self.fault(name, "BOOLEAN_TYPE_CONVERT", message);
        }
        read
    }

    /// One of some numbers.
    pub(crate) fn choice(&mut self, name: &str, choices: &[i64]) -> Option<i64> {
        let number = self.number(name, i64::MIN..=i64::MAX)?;
        if choices.contains(&number) {
            return Some(number);
        }
        let choices = choices.iter().map(i64::to_string).collect::<Vec<_>>();
        let message = format!("Value must be one of {{{}}}.", choices.join(", "));
        self.fault(name, "BASE_TYPE_CHOICES", message);
        None
    }

    /// An id.
    pub(crate) fn id(&mut self, name: &str) -> Option<u64> {
        let value = self.value(name)?;
        let id = read_id(value);
        if id.is_none() {
            self.not_a(name, value, "snowflake");
        }
        id
    }

    /// Permission bits, as text or as a number.
    pub(crate) fn bits(&mut self, name: &str) -> Option<u64> {
        let value = self.value(name)?;
        let bits = read_id(value);
        if bits.is_none() {
            self.not_a(name, value, "int");
        }
        bits
    }

    /// A list of ids, none of them twice.
    pub(crate) fn ids(&mut self, name: &str, most: usize) -> Option<Vec<u64>> {
        let values = self.array(name, 0..=most)?;
        let mut ids = Vec::with_capacity(values.len());
        for (place, value) in values.iter().enumerate() {
            let path = format!("{name}.{place}");
            match read_id(value) {
                None => self.not_a(&path, value, "snowflake"),
                Some(id) if ids.contains(&id) => {
                    let message = "The set already contains this value";
                    self.fault(&path, "SET_TYPE_ALREADY_CONTAINS_VALUE", message);
                }
                Some(id) => ids.push(id),
            }
        }
        Some(ids)
    }

    /// A time in ISO 8601, in Unix milliseconds.
    pub(crate) fn time(&mut self, name: &str) -> Option<u64> {
        let value = self.value(name)?;
        let time = value
            .as_str()
            .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
            .and_then(|time| u64::try_from(time.timestamp_millis()).ok());
        if time.is_none() {
            let message = format!("Could not parse {}. Should be ISO8601.", shown(value));
            self.fault(name, "DATE_TIME_TYPE_PARSE", message);
        }
        time
    }

    /// A list of a length.
    pub(crate) fn array(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
    ) -> Option<&'a [Value]> {
        let Some(values) = self.value(name)?.as_array() else {
            let message = "Only iterables may be used in a ListType";
            self.fault(name, "LIST_TYPE_CONVERT", message);
            return None;
        };
        self.check_length(name, values.len(), &length)
            .then_some(values.as_slice())
    }

    /// An object inside this one.
    pub(crate) fn object<R>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Form<'a>) -> R,
    ) -> Option<R> {
        let mut form = Form::at(self.path(name), self.value(name)?);
        let result = read(&mut form);
        self.take_faults(form);
        Some(result)
    }

    /// A list of objects.
    pub(crate) fn objects<R>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        mut read: impl FnMut(&mut Form<'a>) -> R,
    ) -> Option<Vec<R>> {
        let values = self.array(name, length)?;
        let mut results = Vec::with_capacity(values.len());
        for (place, value) in values.iter().enumerate() {
            let mut form = Form::at(self.path(&format!("{name}.{place}")), value);
            results.push(read(&mut form));
            self.take_faults(form);
        }
        Some(results)
    }

    fn not_a(&mut self, name: &str, value: &Value, what: &str) {
        let message = format!("Value \"{}\" is not {what}.", shown(value));
        self.fault(name, "NUMBER_TYPE_COERCE", message);
    }
}

/// An id or bits, as text or as a number.
fn read_id(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        value => value.as_u64(),
    }
}

/// A value as an error shows it: text without its quotes, and not without end.
fn shown(value: &Value) -> String {
    const MOST: usize = 100;
    let text = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    text.chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(form: Form<'_>) -> Vec<(String, &'static str)> {
        let faults = form.into_faults().into_iter();
        faults.map(|fault| (fault.path, fault.code)).collect()
    }

    #[test]
    fn reads_what_is_sound_and_names_what_is_not() {
        let body = json!({
            "name": "x", "limit": "7", "on": 3, "ids": ["1", "1", "y"],
            "inner": { "text": 5 }, "list": [{}, 7], "at": "yesterday", "null": null,
        });
        let mut form = Form::new(&body);
        assert_eq!(form.text("name", 1..=5).as_deref(), Some("x"));
        assert_eq!(form.number("limit", 1..=10), Some(7));
        assert_eq!(form.text("null", 1..=5), None);
        assert!(form.is_sound() && form.has("null"));
        form.require("null");
        form.number("limit", 8..=10);
        form.flag("on");
        assert_eq!(form.ids("ids", 9), Some(vec![1]));
        form.object("inner", |inner| inner.text("text", 0..=1));
        form.objects("list", 0..=2, |item| item.require("id"));
        form.time("at");
        let expected = [
            ("null", "BASE_TYPE_REQUIRED"),
            ("limit", "NUMBER_TYPE_MIN"),
            ("on", "BOOLEAN_TYPE_CONVERT"),
            ("ids.1", "SET_TYPE_ALREADY_CONTAINS_VALUE"),
            ("ids.2", "NUMBER_TYPE_COERCE"),
            ("inner.text", "STRING_TYPE_CONVERT"),
            ("list.0.id", "BASE_TYPE_REQUIRED"),
            ("list.1", "MODEL_TYPE_CONVERT"),
            ("at", "DATE_TIME_TYPE_PARSE"),
        ];
        let expected = expected.map(|(path, code)| (path.to_owned(), code));
        assert_eq!(faults(form), expected);
    }

    #[test]
    fn a_body_that_is_no_object_is_one_fault() {
        for body in [json!(null), json!([]), json!("x"), json!(3)] {
            let mut form = Form::new(&body);
            form.require("name");
            assert_eq!(
                faults(form),
                [(String::new(), "MODEL_TYPE_CONVERT")],
                "{body}"
            );
        }
    }
}
