//! What is kept of a body that is handed on as JSON: the fields that were asked for, each as
//! it was checked, and nothing else.
//!
//! Used for commands and for components.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::form::Form;

/// A form, and the fields of it that are kept.
pub(crate) struct Kept<'f, 'a> {
    pub(crate) form: &'f mut Form<'a>,
    fields: Map<String, Value>,
}

impl<'f, 'a> Kept<'f, 'a> {
    /// Keeps nothing yet.
    pub(crate) fn of(form: &'f mut Form<'a>) -> Kept<'f, 'a> {
        Kept {
            form,
            fields: Map::new(),
        }
    }

    /// Keeps a value that was read otherwise.
    pub(crate) fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    fn keep<T: Clone + Into<Value>>(&mut self, name: &str, value: Option<T>) -> Option<T> {
        let value = value?;
        self.put(name, value.clone());
        Some(value)
    }

    /// Text, as [`Form::text`] reads it.
    pub(crate) fn text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let text = self.form.text(name, length);
        self.keep(name, text)
    }

    /// Yes or no, as [`Form::flag`] reads it.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let flag = self.form.flag(name);
        self.keep(name, flag)
    }

    /// A whole number, as [`Form::number`] reads it.
    pub(crate) fn number(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let number = self.form.number(name, range);
        self.keep(name, number)
    }

    /// A number, as [`Form::real`] reads it.
    pub(crate) fn real(&mut self, name: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let number = self.form.real(name, range);
        self.keep(name, number)
    }

    /// One of some numbers, as [`Form::choice`] reads it.
    pub(crate) fn choice(&mut self, name: &str, choices: &[i64]) -> Option<i64> {
        let number = self.form.choice(name, choices);
        self.keep(name, number)
    }

    /// An id, kept as text.
    pub(crate) fn id(&mut self, name: &str) -> Option<u64> {
        let id = self.form.id(name)?;
        self.put(name, id.to_string());
        Some(id)
    }

    /// Permission bits, kept as text.
    pub(crate) fn bits(&mut self, name: &str) {
        if let Some(bits) = self.form.bits(name) {
            self.put(name, bits.to_string());
        }
    }

    /// A list of some of these numbers.
    pub(crate) fn choices(&mut self, name: &str, choices: &[i64]) {
        let values = self.form.array(name, 0..=choices.len());
        let Some(values) = values else { return };
        for (place, value) in values.iter().enumerate() {
            if !value.as_i64().is_some_and(|value| choices.contains(&value)) {
                let choices = choices.iter().map(i64::to_string).collect::<Vec<_>>();
                let message = format!("Value must be one of {{{}}}.", choices.join(", "));
                let path = format!("{name}.{place}");
                self.form.fault(&path, "BASE_TYPE_CHOICES", message);
            }
        }
        self.put(name, values.to_vec());
    }

    /// An object inside this one.
    pub(crate) fn object(&mut self, name: &str, read: impl FnOnce(&mut Kept<'_, 'a>)) {
        let object = self.form.object(name, |form| {
            let mut kept = Kept::of(form);
            read(&mut kept);
            kept.into_value()
        });
        self.keep(name, object);
    }

    /// A list of objects.
    pub(crate) fn objects(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        mut read: impl FnMut(&mut Kept<'_, 'a>),
    ) -> usize {
        let objects = self.form.objects(name, length, |form| {
            let mut kept = Kept::of(form);
            read(&mut kept);
            kept.into_value()
        });
        self.keep(name, objects).map_or(0, |objects| objects.len())
    }

    /// What was kept.
    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.fields)
    }
}
