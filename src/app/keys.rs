//! Keys that nobody configured: made once into `<data>/keys`, readable by their owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;

/// The key of the encrypted cookies: 64 random bytes in base64. Made at the first start.
pub(super) fn cookie_key(data_dir: &Path) -> io::Result<Secret> {
    let path = data_dir.join("keys").join("cookies");
    match fs::File::open(&path) {
        Ok(mut file) => {
            let mut key = String::new();
            file.read_to_string(&mut key)?;
            Ok(Secret::new(key.trim_end().to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path),
        Err(error) => Err(error),
    }
}

fn make(path: &Path) -> io::Result<Secret> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut bytes = [0; 64];
    rand::TryRng::try_fill_bytes(&mut rand::rngs::SysRng, &mut bytes).map_err(io::Error::other)?;
    let key = Secret::new(STANDARD.encode(bytes));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key.expose().as_bytes())?;
    file.sync_all()?;
    Ok(key)
}
