//! Keys that nobody configured: made once into `<data>/keys`, readable by their owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;

/// Bytes of a key.
const KEY_BYTES: usize = 64;

/// The key of the encrypted cookies: 64 random bytes in base64. Made at the first start, whole or
/// not at all.
pub(super) fn cookie_key(data_dir: &Path) -> io::Result<Secret> {
    let path = data_dir.join("keys").join("cookies");
    match fs::read_to_string(&path) {
        Ok(key)
            if STANDARD
                .decode(key.trim_end())
                .is_ok_and(|key| key.len() == KEY_BYTES) =>
        {
            Ok(Secret::new(key.trim_end().to_owned()))
        }
        Ok(_) => Err(io::Error::other(format!(
            "{} is not a key; remove it to have a new one made, which ends no login",
            path.display()
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path),
        Err(error) => Err(error),
    }
}

fn make(path: &Path) -> io::Result<Secret> {
    if let Some(folder) = path.parent() {
        let mut folders = fs::DirBuilder::new();
        folders.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
        folders.create(folder)?;
    }
    let mut bytes = [0; KEY_BYTES];
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
