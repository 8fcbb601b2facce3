//! What comes from Cloudflare, in front of Discord, instead of from Discord: pages for people.

/// The page of an error of Cloudflare's own, such as 1015 for a ban or 502 for a bad gateway.
pub(crate) fn page(error: u32, title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head>\n\
         <title>{title} | discord.com used Cloudflare to restrict access</title>\n\
         <meta charset=\"UTF-8\">\n</head>\n<body>\n<div id=\"cf-wrapper\">\n\
         <h1><span>Error</span> <span>{error}</span></h1>\n<h2>{title}</h2>\n\
         <p>Performance &amp; security by Cloudflare</p>\n</div>\n</body>\n</html>\n"
    )
}
