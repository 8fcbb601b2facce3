//! A person with a browser: keeps cookies, and logs in through the simulated Discord's page.

use reqwest::{Client, Method, RequestBuilder, Url};

use super::{Answer, SITE, Server};

/// A browser with cookies of its own.
pub struct Browser {
    client: Client,
}

impl Browser {
    /// A fresh one.
    pub fn new(server: &Server) -> Self {
        Self {
            client: server.client_builder().cookie_store(true).build().unwrap(),
        }
    }

    /// Logs `name` in.
    pub async fn login(server: &Server, name: &str) -> Self {
        let browser = Self::new(server);
        let callback = browser.approve("/login", name).await;
        let answer = browser.open(&callback).await;
        assert_eq!(answer.status, 307, "{}", answer.body);
        browser
    }

    /// Starts a flow and lets `name` approve it: the address Discord sends the browser back to.
    pub async fn approve(&self, flow: &str, name: &str) -> String {
        let start = self.open(&format!("{SITE}{flow}")).await;
        assert_eq!(start.status, 307, "{}", start.body);
        let mut page = Url::parse(start.header("location")).unwrap();
        page.query_pairs_mut().append_pair("login_hint", name);
        let approved = self.open(page.as_str()).await;
        assert_eq!(approved.status, 302, "{}", approved.body);
        approved.header("location").to_owned()
    }

    /// Opens an address.
    pub async fn open(&self, url: &str) -> Answer {
        Answer::of(self.client.get(url)).await
    }

    /// Sends a `GET` to the server.
    pub async fn get(&self, path: &str) -> Answer {
        self.open(&format!("{SITE}{path}")).await
    }

    /// A request to the server, as a page of another origin could send it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{SITE}{path}"))
    }

    /// A request as the server's own page sends it.
    pub fn own_request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header("Origin", SITE)
    }

    /// Sends a `POST` of JSON as the server's own page does.
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        let request = self.own_request(Method::POST, path);
        Answer::of(
            request
                .header("Content-Type", "application/json")
                .body(body.to_owned()),
        )
        .await
    }
}
