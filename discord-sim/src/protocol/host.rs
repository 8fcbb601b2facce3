//! The names that the simulator goes by.
//!
//! Asked by every server: a web page elsewhere could otherwise reach it by making its own name
//! point here.

/// What the certificate is for. A star stands for one name more.
pub(crate) const HOSTS: [&str; 7] = [
    "127.0.0.1",
    "localhost",
    "discord.com",
    "*.discord.com",
    "cdn.discordapp.com",
    "gateway.discord.gg",
    "*.discord.gg",
];

/// Whether this names the simulator. Discord's own names are for clients that have seen its
/// certificate.
fn is_own(host: &str, tls: bool) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
        || tls && HOSTS.iter().any(|pattern| is_named(name, pattern))
}

fn is_named(name: &str, pattern: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => name
            .split_once('.')
            .is_some_and(|(first, rest)| !first.is_empty() && rest == parent),
        None => name == pattern,
    }
}

/// Why somebody is not let in.
pub(crate) const REASON: &str = "the simulated Discord answers to loopback addresses only, \
    and over TLS to the names of Discord\n";

/// Whether a request that says this of itself is for the simulator, and from no page elsewhere.
pub(crate) fn lets_in(host: Option<&str>, origin: Option<&str>, tls: bool) -> bool {
    let own_origin = origin.is_none_or(|origin| {
        let host = origin.split_once("://");
        host.is_some_and(|(_, host)| is_own(host, tls))
    });
    host.is_some_and(|host| is_own(host, tls)) && own_origin
}

#[cfg(test)]
mod tests {
    use super::is_own;

    #[test]
    fn knows_itself_from_others() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost:4000",
            "[::1]:9",
            "[::1]",
        ] {
            assert!(is_own(host, false) && is_own(host, true), "{host}");
        }
        for host in [
            "discord.com",
            "discord.com:443",
            "canary.discord.com",
            "gateway-us-east1-b.discord.gg",
            "cdn.discordapp.com",
        ] {
            assert!(!is_own(host, false) && is_own(host, true), "{host}");
        }
        for host in [
            "",
            "example.com",
            "127.0.0.1.example.com",
            "localhost:80x",
            "127.0.0.2",
            "discord.com.example.com",
            ".discord.com",
            "notdiscord.com",
            "a.b.discord.com",
        ] {
            assert!(!is_own(host, false) && !is_own(host, true), "{host}");
        }
    }
}
