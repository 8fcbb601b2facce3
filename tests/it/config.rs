//! The configuration: layers, faults, secrets.

use std::fs;
use std::path::Path;

use yuri::config::{Config, DatabaseUrl, Faults, SessionsMode};

fn load(dir: &Path, environment: &[(&str, &str)]) -> Result<Config, Faults> {
    let environment = environment
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()));
    Config::load(dir, environment)
}

#[test]
fn the_defaults_need_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = load(dir.path(), &[]).unwrap();
    assert_eq!(config.public_url.join("/x"), "http://127.0.0.1:8000/x");
    assert_eq!(
        config.database,
        DatabaseUrl::Sqlite("data/yuri.sqlite3".into())
    );
    assert_eq!(
        (config.limits.burst.get(), config.limits.refill.as_millis()),
        (5, 2000)
    );
    assert_eq!(config.sessions.mode, SessionsMode::Admins);
    let sessions = config.sessions;
    let most = (sessions.max, sessions.max_per_bot, sessions.max_per_address);
    assert_eq!(most, (100, 3, 5));
    assert!(config.discord.is_real());
    assert_eq!(config.discord.missing().len(), 3);
}

#[test]
fn the_environment_goes_before_the_data_folder_and_that_before_the_working_folder() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "Rocket.toml",
        "[default]\nport = 1\ndata_dir = \"d\"\n[default.limits]\nburst = 1\nrefill_ms = 1\n",
    );
    write(
        "d/Rocket.toml",
        "[default]\nadmins = [1, 2]\n[default.limits]\nburst = 2\nrefill_ms = 2\n",
    );
    let config = load(dir.path(), &[("YURI_LIMITS__BURST", "3"), ("PATH", "/bin")]).unwrap();
    assert_eq!(config.http.address.port(), 1);
    assert_eq!(
        (config.limits.burst.get(), config.limits.refill.as_millis()),
        (3, 2)
    );
    assert_eq!(config.admins.len(), 2);
}

#[test]
fn every_fault_is_told_at_once_and_no_secret_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let secret = "hunter2 with spaces";
    fs::write(
        dir.path().join("Rocket.toml"),
        "[release]\nport = 1\n[default]\ntypo = 1\n",
    )
    .unwrap();
    let environment = [
        ("ROCKET_PORT", "66000"),
        ("ROCKET_ADDRESS", "localhost"),
        ("ROCKET_SECRET_KEY", "hunter2"),
        ("YURI_PUBLIC_URL", "sounds.example.org"),
        ("YURI_ADMINS", "1, ada"),
        ("YURI_DATABASE__URL", "mysql://root:hunter2@host/db"),
        ("YURI_SESSIONS__MODE", "closed"),
        ("YURI_SESSIONS__MAX", "0"),
        ("YURI_SESSIONS__MAX_PER_BOT", "many"),
        ("YURI_SESSIONS__MAX_PER_ADDRESS", "10001"),
        ("YURI_LIMITS__BURST", "0"),
        ("YURI_LIMITS__REFILL_MS", "0"),
        ("YURI_LIMITS__PAGE_MAX", "-1"),
        ("YURI_HTTP__TRUSTED_PROXIES", "10.0.0.0/33"),
        ("YURI_HTTP__CORS_ORIGINS", "https://a.test/path"),
        ("YURI_DISCORD__BOT_TOKEN", secret),
        ("YURI_DISCORD__CLIENT_ID", "yuri"),
        ("YURI_DISCORD__CLIENT_SECRET_FILE", "/nowhere/secret"),
        ("YURI_DISCORD__TOKEN", "hunter2"),
        ("YURI_AUTH__CALLBACK_URIS", "https://a.test/#x"),
        ("YURI_AUTH__JWE_KEY", "hunter2hunter2"),
        ("YURI_AUTH__GRANT_KEY", "hunter2"),
        ("YURI_AUTH__OLD_GRANT_KEYS", "aHVudGVyMg==, hunter2"),
    ];
    let faults = load(dir.path(), &environment).unwrap_err();
    let told = faults
        .to_string()
        .replace(&dir.path().display().to_string(), "<dir>");
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told, @r"
    the configuration has faults:
      <dir>/Rocket.toml: there is no setting `typo`
      <dir>/Rocket.toml: `release` is not known; settings stand under [default]
      YURI_DISCORD__CLIENT_SECRET_FILE: cannot read the file: No such file or directory (os error 2)
      YURI_DISCORD__TOKEN: there is no setting `discord.token`
      address (from ROCKET_ADDRESS): `localhost` is not an IP address
      port (from ROCKET_PORT): `66000` is not a port
      public_url (from YURI_PUBLIC_URL): `sounds.example.org` is not a URL
      database.url (from YURI_DATABASE__URL): the value must be a path, sqlite:<path> or postgres://user@host/name
      admins (from YURI_ADMINS): `1, ada` is not a list of Discord user ids
      discord.bot_token (from YURI_DISCORD__BOT_TOKEN): the value has characters that no such secret has
      discord.client_id (from YURI_DISCORD__CLIENT_ID): `yuri` is not an application id
      auth.callback_uris (from YURI_AUTH__CALLBACK_URIS): `https://a.test/#x` is not a list of addresses of pages
      auth.jwe_key (from YURI_AUTH__JWE_KEY): the value is not 32 bytes in base64 (openssl rand -base64 32)
      auth.grant_key (from YURI_AUTH__GRANT_KEY): the value is not 32 bytes in base64 (openssl rand -base64 32)
      auth.old_grant_keys (from YURI_AUTH__OLD_GRANT_KEYS): the value is not 32 bytes in base64 (openssl rand -base64 32)
      sessions.mode (from YURI_SESSIONS__MODE): `closed` is not off, admins or open
      sessions.max (from YURI_SESSIONS__MAX): `0` is not a number from 1 to 10000
      sessions.max_per_bot (from YURI_SESSIONS__MAX_PER_BOT): `many` is not a number from 1 to 10000
      sessions.max_per_address (from YURI_SESSIONS__MAX_PER_ADDRESS): `10001` is not a number from 1 to 10000
      limits.burst (from YURI_LIMITS__BURST): `0` is not a number from 1 to 1000000
      limits.refill_ms (from YURI_LIMITS__REFILL_MS): `0` is not a number from 1 to 3600000
      limits.page_max (from YURI_LIMITS__PAGE_MAX): `-1` is not a number from 1 to 1000000
      http.trusted_proxies (from YURI_HTTP__TRUSTED_PROXIES): `10.0.0.0/33` is not a list of addresses or networks
      http.cors_origins (from YURI_HTTP__CORS_ORIGINS): `https://a.test/path` is not a list of origins like https://board.example.org
      secret_key (from ROCKET_SECRET_KEY): the value is not 32 or 64 bytes in base64 (openssl rand -base64 32)
    ");
}

#[test]
fn origins_of_pages_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    let read = |text: &str| load(dir.path(), &[("YURI_HTTP__CORS_ORIGINS", text)]);
    let listed = "https://a.test, http://b.test:8080,http://[::1]:3000, https://xn--tr-xka.test";
    assert_eq!(
        read(listed).unwrap().http.cors_origins,
        [
            "https://a.test",
            "http://b.test:8080",
            "http://[::1]:3000",
            "https://xn--tr-xka.test"
        ]
    );
    for wrong in [
        "*",
        "null",
        "a.test",
        "//a.test",
        "https://",
        "https://*",
        "https://*.a.test",
        "https://a.test/",
        "https://a.test/path",
        "https://a.test?x",
        "https://a.test#x",
        "https://ada@a.test",
        "https://a.test:443",
        "http://a.test:80",
        "https://a.test:",
        "https://a.test:99999",
        "https://A.test",
        "HTTPS://a.test",
        "https://t\u{fc}r.test",
        "ftp://a.test",
        "wss://a.test",
        "file:///a",
        "https://good.test, *",
        "https://good.test https://b.test",
    ] {
        let faults = read(wrong).unwrap_err().to_string();
        assert!(
            faults.contains("is not a list of origins"),
            "{wrong}: {faults}"
        );
    }
}

#[test]
fn a_secret_can_come_from_a_file_and_is_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, "hunter2.token\n").unwrap();
    let environment = [
        ("YURI_DISCORD__BOT_TOKEN_FILE", file.to_str().unwrap()),
        ("YURI_DATABASE__URL", "postgres://yuri:hunter2@host/yuri"),
        (
            "ROCKET_SECRET_KEY",
            "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMjIyMjI=",
        ),
    ];
    let config = load(dir.path(), &environment).unwrap();
    assert_eq!(
        config.discord.bot_token.as_ref().unwrap().expose(),
        "hunter2.token"
    );
    let shown = format!("{config:?}{config:#?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("aHVu"),
        "{shown}"
    );
}

#[test]
fn addresses_and_levels_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    for (variable, bad) in [
        ("YURI_PUBLIC_URL", "https://a.test/yuri"),
        ("YURI_PUBLIC_URL", "https://user@a.test"),
        ("YURI_LOG", "debgu"),
        ("YURI_LOG", "yuri"),
        ("YURI_LOG", ""),
    ] {
        assert!(
            load(dir.path(), &[(variable, bad)]).is_err(),
            "{variable}={bad}"
        );
    }
    let everywhere = load(
        dir.path(),
        &[
            ("ROCKET_ADDRESS", "0.0.0.0"),
            ("YURI_LOG", "warn,yuri=debug"),
        ],
    );
    assert_eq!(
        everywhere.unwrap().public_url.join(""),
        "http://127.0.0.1:8000"
    );
}

#[test]
fn broken_toml_is_told_without_being_quoted() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("Rocket.toml"),
        "[default]\nsecret_key = hunter2\n",
    )
    .unwrap();
    let told = load(dir.path(), &[]).unwrap_err().to_string();
    assert!(
        told.contains("Rocket.toml is not valid TOML") && !told.contains("hunter2"),
        "{told}"
    );
}

#[test]
fn databases_are_told_apart() {
    let parse = |text| DatabaseUrl::parse(text);
    assert_eq!(parse("x.db"), Ok(DatabaseUrl::Sqlite("x.db".into())));
    assert_eq!(
        parse("sqlite:/a/x.db"),
        Ok(DatabaseUrl::Sqlite("/a/x.db".into()))
    );
    assert_eq!(
        parse("sqlite:///a/x.db"),
        Ok(DatabaseUrl::Sqlite("/a/x.db".into()))
    );
    assert_eq!(
        parse("postgres://h/d"),
        Ok(DatabaseUrl::Postgres("postgres://h/d".into()))
    );
    for bad in [
        "",
        "sqlite:",
        "mysql://h/d",
        "mysql:d",
        "http://h",
        "postgres:d",
        ":memory:",
        "sqlite::memory:",
        "postgres://u:p@ss@h/d",
        "postgres://u:p/ss@h/d",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
