//! Applications, as their own bots see and change them.

use serde_json::Value;

use crate::protocol::api_error::ApiError;
use crate::protocol::form::{Change, Form};
use crate::state::State;
use crate::world::wire::{self, INTENT_FLAGS};

const LONGEST_DESCRIPTION: usize = 400;
const MOST_TAGS: usize = 5;
const LONGEST_TAG: usize = 20;
const LONGEST_URL: usize = 2_048;

/// What a bot makes of its application.
#[derive(Debug)]
pub(crate) struct ApplicationDraft {
    description: Option<String>,
    tags: Option<Vec<String>>,
    custom_install_url: Change<String>,
    install_params: Change<(Vec<String>, u64)>,
    role_connections_url: Change<String>,
    flags: Option<u64>,
}

impl ApplicationDraft {
    /// Reads a whole body.
    pub(crate) fn read(body: &Value) -> Result<ApplicationDraft, ApiError> {
        let mut form = Form::new(body);
        if form.value("interactions_endpoint_url").is_some() {
            // Discord asks the address first; nobody does here.
            let code = "APPLICATION_INTERACTIONS_ENDPOINT_URL_INVALID";
            let message = "The specified interactions endpoint URL could not be verified.";
            form.fault("interactions_endpoint_url", code, message);
        }
        let custom = url(&mut form, "custom_install_url");
        let connections = url(&mut form, "role_connections_verification_url");
        let params = form.object("install_params", |params| {
            params.require("scopes");
            params.require("permissions");
            let scopes = texts(params, "scopes", usize::MAX, usize::MAX);
            (scopes, params.bits("permissions").unwrap_or(0))
        });
        let has_tags = form.value("tags").is_some();
        let tags = texts(&mut form, "tags", MOST_TAGS, LONGEST_TAG);
        let flags = form.bits("flags");
        let known = INTENT_FLAGS.iter().fold(0, |bits, (_, flag)| bits | flag);
        if flags.is_some_and(|flags| flags & !known != 0) {
            let message = "Only the flags of limited intents can be changed.";
            form.fault("flags", "APPLICATION_FLAGS_INVALID", message);
        }
        let draft = ApplicationDraft {
            description: form.text("description", 0..=LONGEST_DESCRIPTION),
            tags: has_tags.then_some(tags),
            custom_install_url: Change::of(form.has("custom_install_url"), custom),
            install_params: Change::of(form.has("install_params"), params),
            role_connections_url: Change::of(
                form.has("role_connections_verification_url"),
                connections,
            ),
            flags,
        };
        form.finish()?;
        Ok(draft)
    }
}

fn url(form: &mut Form<'_>, name: &str) -> Option<String> {
    let url = form.text(name, 0..=LONGEST_URL)?;
    if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
        let message = "Not a well formed URL.";
        form.fault(name, "URL_TYPE_INVALID_URL", message);
    }
    Some(url).filter(|url| !url.is_empty())
}

/// A list of texts.
fn texts(form: &mut Form<'_>, name: &str, most: usize, longest: usize) -> Vec<String> {
    let values = form.array(name, 0..=most).unwrap_or_default();
    let mut texts = Vec::with_capacity(values.len());
    for (place, value) in values.iter().enumerate() {
        match value.as_str() {
            Some(text) if text.chars().count() <= longest => texts.push(text.to_owned()),
            Some(_) => {
                let message = format!("Must be {longest} or fewer in length.");
                form.fault(&format!("{name}.{place}"), "BASE_TYPE_MAX_LENGTH", message);
            }
            None => {
                let message = format!("Could not interpret \"{value}\" as string.");
                form.fault(&format!("{name}.{place}"), "STRING_TYPE_CONVERT", message);
            }
        }
    }
    texts
}

impl State {
    /// An application as its own bot sees it.
    pub(crate) fn read_application(&self, bot: u64) -> Result<Value, ApiError> {
        let application = self.find_application(bot).ok_or(ApiError::UNAUTHORIZED)?;
        let user = self.users.get(&bot).ok_or(ApiError::UNAUTHORIZED)?;
        let guilds = self.guilds.iter();
        let guilds = guilds.filter(|guild| guild.members.contains_key(&bot));
        // The first person of the world stands for the developer.
        let owner = self.humans().next();
        Ok(wire::application(application, user, owner, guilds.count()))
    }

    /// A bot changes its application.
    pub(crate) fn change_application(
        &mut self,
        bot: u64,
        draft: ApplicationDraft,
    ) -> Result<Value, ApiError> {
        let mut applications = self.applications.iter_mut();
        let own = applications.find(|application| application.id == bot);
        let own = own.ok_or(ApiError::UNAUTHORIZED)?;
        if let Some(description) = draft.description {
            own.description = description;
        }
        if let Some(tags) = draft.tags {
            own.tags = tags;
        }
        draft.custom_install_url.apply(&mut own.custom_install_url);
        draft.install_params.apply(&mut own.install_params);
        draft
            .role_connections_url
            .apply(&mut own.role_connections_url);
        if let Some(flags) = draft.flags {
            let granted = INTENT_FLAGS.iter().filter(|(_, flag)| flags & flag != 0);
            own.privileged_intents = granted.fold(0, |bits, (intent, _)| bits | intent);
        }
        self.read_application(bot)
    }
}
