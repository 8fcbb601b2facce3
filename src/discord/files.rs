//! Files that Discord keeps: attachments of messages and the sounds of its own soundboards.
//! Called by `domain::uploads`.

use bytes::Bytes;
use reqwest::{Response, Url};

use super::Discord;
use super::rest::{nonsense, refused, unreached};
use crate::error::Error;

/// Where Discord keeps files.
const FILE_HOSTS: [&str; 2] = ["cdn.discordapp.com", "media.discordapp.net"];

const DISCORD_FILES: &str = "https://cdn.discordapp.com";

/// A file on its way to us.
pub struct Download(Response);

impl Download {
    /// What comes next of it; `None` at its end.
    ///
    /// # Errors
    /// 502 when it breaks off, 504 when it takes too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.0.chunk().await.map_err(|error| {
            if error.is_timeout() {
                Error::UpstreamTimeout("discord did not answer in time, try again")
            } else {
                nonsense(error.without_url().into())
            }
        })
    }
}

impl Discord {
    /// Begins to fetch a file that Discord itself has told us of. Our credentials are not sent
    /// along.
    ///
    /// # Errors
    /// 400 for an address that is none of Discord's, 502 and 504 for Discord's failures.
    pub async fn download(&self, address: &str) -> Result<Download, Error> {
        let url = self.file_url(address).ok_or(Error::BAD_REQUEST)?;
        // Files are no part of the API, whose limits they do not count for.
        let request = self.rest.http().get(url);
        let answer = request.send().await.map_err(unreached)?;
        if !answer.status().is_success() {
            return Err(refused(answer.status()));
        }
        Ok(Download(answer))
    }

    /// The address of a sound of Discord's own soundboards.
    pub fn soundboard_file(&self, sound: u64) -> String {
        let own = if self.is_real {
            DISCORD_FILES
        } else {
            &self.page_url
        };
        format!("{own}/soundboard-sounds/{sound}")
    }

    /// An address, if that is where Discord, or what stands in for it, keeps files.
    fn file_url(&self, address: &str) -> Option<Url> {
        let url = Url::parse(address).ok()?;
        let is_known = if self.is_real {
            url.scheme() == "https"
                && url.port().is_none()
                && url
                    .host_str()
                    .is_some_and(|host| FILE_HOSTS.contains(&host))
        } else {
            Url::parse(&self.page_url).is_ok_and(|own| own.origin() == url.origin())
        };
        let is_bare = url.username().is_empty() && url.password().is_none();
        (is_known && is_bare).then_some(url)
    }
}
