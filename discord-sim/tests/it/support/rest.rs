//! A bot's requests without a bot.

use discord_sim::Sim;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// A status and a body.
pub(crate) type Answer = (u16, Value);

/// Sends requests as the bot of a handle.
pub(crate) struct Rest {
    pub(crate) sim: Sim,
    client: Client,
    authorization: String,
}

impl Rest {
    pub(crate) fn new(sim: &Sim) -> Rest {
        let token = sim.application().bot_token;
        Rest::with(sim, format!("Bot {token}"))
    }

    /// Sends them with this credential instead.
    pub(crate) fn with(sim: &Sim, authorization: String) -> Rest {
        Rest {
            sim: sim.clone(),
            client: Client::new(),
            authorization,
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<(&str, Vec<u8>)>) -> Answer {
        let url = format!("{}/api/v10{path}", self.sim.api_url());
        let mut request = self
            .client
            .request(method, url)
            .header("authorization", &self.authorization);
        if let Some((content_type, bytes)) = body {
            request = request.header("content-type", content_type).body(bytes);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// A request with a reason for the audit log.
    pub(crate) async fn because(
        &self,
        reason: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Answer {
        let url = format!("{}/api/v10{path}", self.sim.api_url());
        let request = self.client.request(method, url).json(body);
        let request = request.header("authorization", &self.authorization);
        let response = request.header("x-audit-log-reason", reason).send().await;
        let response = response.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn send_json(&self, method: Method, path: &str, body: &Value) -> Answer {
        let bytes = body.to_string().into_bytes();
        self.send(method, path, Some(("application/json", bytes)))
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// PUT without a body.
    pub(crate) async fn mark(&self, path: &str) -> Answer {
        self.send(Method::PUT, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::POST, path, &body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::PUT, path, &body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::PATCH, path, &body).await
    }

    /// Any bytes as a body of any type.
    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        bytes: impl Into<Vec<u8>>,
    ) -> Answer {
        self.send(method, path, Some((content_type, bytes.into())))
            .await
    }

    /// A form of several parts: the JSON and files by name.
    pub(crate) async fn upload(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        files: &[(&str, &[u8])],
    ) -> Answer {
        let mut form = format!(
            "--cut\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\
             Content-Type: application/json\r\n\r\n{body}\r\n"
        )
        .into_bytes();
        for (index, (name, bytes)) in files.iter().enumerate() {
            form.extend(
                format!(
                    "--cut\r\nContent-Disposition: form-data; name=\"files[{index}]\"; \
                     filename=\"{name}\"\r\n\r\n"
                )
                .into_bytes(),
            );
            form.extend(*bytes);
            form.extend(b"\r\n");
        }
        form.extend(b"--cut--\r\n");
        self.raw(method, path, "multipart/form-data; boundary=cut", form)
            .await
    }
}

/// An answer with nothing in it.
pub(crate) const DONE: Answer = (204, Value::Null);

/// An error of Discord's.
pub(crate) fn error(status: u16, code: u32, message: &str) -> Answer {
    (status, json!({ "message": message, "code": code }))
}

/// The code of the first fault at a place such as `embeds.0.title`.
pub(crate) fn fault(answer: &Answer, place: &str) -> Value {
    let keys = place.split('.').filter(|key| !key.is_empty());
    let found = keys.fold(&answer.1["errors"], |value, key| &value[key]);
    found["_errors"][0]["code"].clone()
}
