//! Keys that nobody configured: made once into `<data>/keys`, readable by their owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret::{Key, Secret};

/// Bytes of the key of the encrypted cookies.
const COOKIE_KEY_BYTES: usize = 64;

/// The key of the encrypted cookies: 64 random bytes in base64.
pub(super) fn cookie_key(data_dir: &Path) -> io::Result<Secret> {
    let is_good = |text: &str| {
        let key = STANDARD.decode(text);
        key.is_ok_and(|key| key.len() == COOKIE_KEY_BYTES)
    };
    let loss = "which ends no login";
    read_or_make::<COOKIE_KEY_BYTES>(data_dir, "cookies", is_good, loss)
}

/// The key of what other sites' pages are given: 32 random bytes in base64.
pub(super) fn jwe_key(data_dir: &Path) -> io::Result<Key> {
    let loss = "which ends the logins on other sites' pages";
    key(data_dir, "jwe", loss)
}

/// The same of what is kept of Discord's tokens.
pub(super) fn grant_key(data_dir: &Path) -> io::Result<Key> {
    let loss = "after which the users of other sites' pages log in again";
    key(data_dir, "grants", loss)
}

fn key(data_dir: &Path, name: &str, loss: &str) -> io::Result<Key> {
    let is_good = |text: &str| Key::from_base64(text).is_some();
    let text = read_or_make::<{ Key::BYTES }>(data_dir, name, is_good, loss)?;
    Key::from_base64(text.expose()).ok_or_else(|| io::Error::other("a new key is none"))
}

/// Reads a key, or makes it at the first start, whole or not at all. `loss` says what a new one
/// costs.
fn read_or_make<const BYTES: usize>(
    data_dir: &Path,
    name: &str,
    is_good: impl Fn(&str) -> bool,
    loss: &str,
) -> io::Result<Secret> {
    let path = data_dir.join("keys").join(name);
    match fs::read_to_string(&path) {
        Ok(key) if is_good(key.trim_end()) => Ok(Secret::new(key.trim_end().to_owned())),
        Ok(_) => Err(io::Error::other(format!(
            "{} is not a key; remove it to have a new one made, {loss}",
            path.display()
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make::<BYTES>(&path),
        Err(error) => Err(error),
    }
}

fn make<const BYTES: usize>(path: &Path) -> io::Result<Secret> {
    if let Some(folder) = path.parent() {
        let mut folders = fs::DirBuilder::new();
        folders.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
        folders.create(folder)?;
    }
    let mut bytes = [0; BYTES];
    rand::TryRng::try_fill_bytes(&mut rand::rngs::SysRng, &mut bytes).map_err(io::Error::other)?;
    let key = Secret::new(STANDARD.encode(bytes));
    let unfinished = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(key.expose().as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    Ok(key)
}
