//! Tests that play in voice run in a process of their own: songbird trusts the simulated Discord
//! by `SSL_CERT_FILE`, and a process's environment must be set before it starts.

use std::path::PathBuf;
use std::process::Command;

const VARIABLE: &str = "SSL_CERT_FILE";

/// Where the simulated Discord of this process writes its authority, if voice is wanted.
pub fn authority_path() -> Option<PathBuf> {
    std::env::var_os("YURI_TEST_VOICE")
        .and_then(|_| std::env::var_os(VARIABLE))
        .map(PathBuf::from)
}

/// Runs the test `name` (its full path) in a process that trusts the simulated Discord of its own;
/// answers whether this already is that process, and the test's body should run.
pub fn is_voice_process(name: &str) -> bool {
    if authority_path().is_some() {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(VARIABLE, folder.path().join("ca.pem"))
        .env("YURI_TEST_VOICE", "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    // A name that fits no test would run none, and end well.
    let ran = output.status.success() && told.contains("test result: ok. 1 passed");
    assert!(ran, "{name} failed in its own process:\n{told}\n{errors}");
    false
}

/// A test in a process of its own: `voice_test!(async fn name() { ... });`
macro_rules! voice_test {
    ($(#[$attribute:meta])* async fn $name:ident() $body:block) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            let path = concat!(module_path!(), "::", stringify!($name));
            let path = path.split_once("::").map_or(path, |(_, path)| path);
            if $crate::support::child::is_voice_process(path) {
                tokio::runtime::Builder::new_multi_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(async $body);
            }
        }
    };
}
pub(crate) use voice_test;
