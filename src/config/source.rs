//! Where settings come from: the layers, flattened to `section.key` and text. Values stay text
//! until `config` parses them, so that no parser's message can print a secret.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

/// A setting and where it was set.
struct Setting {
    text: String,
    origin: String,
}

/// The settings of all layers and what is wrong with them.
pub(super) struct Source {
    settings: BTreeMap<String, Setting>,
    faults: Vec<String>,
}

impl Source {
    /// Reads the layers. `defaults` must name every key there is.
    pub(super) fn read(
        defaults: &str,
        working_dir: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut source = Self {
            settings: BTreeMap::new(),
            faults: Vec::new(),
        };
        source.add_toml(defaults, "the defaults", true);
        source.add_file(&working_dir.join("Rocket.toml"));

        let environment: Vec<_> = environment
            .into_iter()
            .filter_map(|(name, value)| Some((key_of(&name)?, name, value)))
            .collect();
        // The data folder's file lies where the other layers say.
        let data_dir = environment
            .iter()
            .find(|(key, ..)| key == "data_dir")
            .map_or_else(|| source.text("data_dir"), |(.., value)| value.clone());
        let data_file = working_dir.join(data_dir).join("Rocket.toml");
        source.add_file(&data_file);
        for (key, name, value) in environment {
            source.add_variable(&key, name, value);
        }
        source
    }

    /// The text of a key that the defaults name.
    pub(super) fn text(&self, key: &str) -> String {
        self.settings
            .get(key)
            .map(|setting| setting.text.clone())
            .unwrap_or_default()
    }

    /// A value of the form that `parse` takes; `default` stands in after a fault.
    pub(super) fn parse<T>(
        &mut self,
        key: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> T {
        self.take(key, default, true, parse)
    }

    /// `true` or `false`; `default` stands in after a fault.
    pub(super) fn switch(&mut self, key: &str, default: bool) -> bool {
        let read = |text: &str| text.parse().map_err(|_| "is not true or false");
        self.parse(key, default, read)
    }

    /// The same as [`parse`](Self::parse) for a value that may not be shown, in faults neither.
    pub(super) fn parse_secret<T>(
        &mut self,
        key: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> T {
        self.take(key, default, false, parse)
    }

    /// A whole number within bounds, both included; the lower one stands in after a fault.
    pub(super) fn number(&mut self, key: &str, min: u64, max: u64) -> u64 {
        let text = self.text(key);
        match text.parse() {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                let origin = self.origin(key);
                self.faults.push(format!(
                    "{key} (from {origin}): `{text}` is not a number from {min} to {max}"
                ));
                min
            }
        }
    }

    /// A whole number of things in memory: from 1 to `max`.
    pub(super) fn size(&mut self, key: &str, max: u64) -> usize {
        usize::try_from(self.number(key, 1, max)).unwrap_or(usize::MAX)
    }

    /// Everything that was wrong.
    pub(super) fn into_faults(self) -> Vec<String> {
        self.faults
    }

    fn take<T>(
        &mut self,
        key: &str,
        default: T,
        shown: bool,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> T {
        let text = self.text(key);
        match parse(&text) {
            Ok(value) => value,
            Err(reason) => {
                let origin = self.origin(key);
                let value = if shown {
                    format!("`{text}` ")
                } else {
                    "the value ".to_owned()
                };
                self.faults
                    .push(format!("{key} (from {origin}): {value}{reason}"));
                default
            }
        }
    }

    fn origin(&self, key: &str) -> String {
        self.settings
            .get(key)
            .map(|setting| setting.origin.clone())
            .unwrap_or_default()
    }

    fn add_file(&mut self, path: &Path) {
        let origin = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => self.add_toml(&text, &origin, false),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self
                .faults
                .push(format!("{origin} cannot be read: {error}")),
        }
    }

    fn add_toml(&mut self, text: &str, origin: &str, defining: bool) {
        let Ok(file) = text.parse::<Table>() else {
            // The parser's message would quote the line, and with it perhaps a secret.
            self.faults.push(format!("{origin} is not valid TOML"));
            return;
        };
        for (profile, table) in file {
            match (profile.as_str(), table) {
                ("default" | "global", Value::Table(table)) => {
                    self.add_table("", table, origin, defining);
                }
                _ => self.faults.push(format!(
                    "{origin}: `{profile}` is not known; settings stand under [default]"
                )),
            }
        }
    }

    fn add_table(&mut self, prefix: &str, table: Table, origin: &str, defining: bool) {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}.{name}")
            };
            match value {
                Value::Table(table) if prefix.is_empty() => {
                    self.add_table(&key, table, origin, defining);
                }
                Value::String(text) => self.set(&key, text, origin.to_owned(), defining),
                Value::Array(items) => {
                    let items: Vec<String> = items
                        .iter()
                        .map(|item| {
                            item.as_str()
                                .map_or_else(|| item.to_string(), str::to_owned)
                        })
                        .collect();
                    self.set(&key, items.join(","), origin.to_owned(), defining);
                }
                other => self.set(&key, other.to_string(), origin.to_owned(), defining),
            }
        }
    }

    fn add_variable(&mut self, key: &str, name: String, value: String) {
        if self.settings.contains_key(key) {
            return self.set(key, value, name, false);
        }
        match key
            .strip_suffix("_file")
            .filter(|key| self.settings.contains_key(*key))
        {
            Some(key) => match fs::read_to_string(&value) {
                Ok(text) => self.set(
                    key,
                    text.trim_end_matches(['\r', '\n']).to_owned(),
                    name,
                    false,
                ),
                // Its value is not shown: it may be the secret itself, given by mistake.
                Err(error) => self
                    .faults
                    .push(format!("{name}: cannot read the file: {error}")),
            },
            None => self
                .faults
                .push(format!("{name}: there is no setting `{key}`")),
        }
    }

    fn set(&mut self, key: &str, text: String, origin: String, defining: bool) {
        if defining || self.settings.contains_key(key) {
            self.settings
                .insert(key.to_owned(), Setting { text, origin });
        } else {
            self.faults
                .push(format!("{origin}: there is no setting `{key}`"));
        }
    }
}

/// The key that a variable sets: ours, and those of Rocket's that are documented to work.
fn key_of(name: &str) -> Option<String> {
    if let Some(key) = name.strip_prefix("YURI_") {
        return Some(key.to_lowercase().replace("__", "."));
    }
    match name {
        "ROCKET_ADDRESS" | "ROCKET_PORT" | "ROCKET_SECRET_KEY" | "ROCKET_SECRET_KEY_FILE" => {
            name.strip_prefix("ROCKET_").map(str::to_lowercase)
        }
        "SSL_CERT_FILE" => Some("ssl_cert_file".to_owned()),
        _ => None,
    }
}
