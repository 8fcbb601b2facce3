//! People write, edit, delete and react, and read what stands in a channel.

use std::time::Duration;

use crate::error::SimError;
use crate::sim::Sim;
use crate::world::{File, Message};

/// Who may not do something in a channel gets [`SimError::Forbidden`]; a message that is not
/// there is [`SimError::UnknownMessage`], one that Discord would not take
/// [`SimError::Refused`].
#[expect(clippy::missing_errors_doc, reason = "said once for all of them above")]
impl Sim {
    /// A person writes into a text channel, the text of a voice channel, or direct messages;
    /// the message's id. Mentions are written as Discord writes them: `<@id>`, `<@&id>`.
    pub fn send_message(&self, user: u64, channel: u64, text: &str) -> Result<u64, SimError> {
        self.send_files(user, channel, text, &[])
    }

    /// A person writes with files.
    pub fn send_files(
        &self,
        user: u64,
        channel: u64,
        text: &str,
        files: &[File],
    ) -> Result<u64, SimError> {
        self.shared
            .change(|state| state.post_as_person(user, channel, text, files, None))
    }

    /// A person replies to a message; whoever wrote that is mentioned.
    pub fn reply_to(&self, user: u64, message: u64, text: &str) -> Result<u64, SimError> {
        self.shared.change(|state| {
            let unknown = SimError::UnknownMessage(message);
            let channel = state.messages.find(message).ok_or(unknown)?.channel;
            state.post_as_person(user, channel, text, &[], Some(message))
        })
    }

    /// A person edits its message.
    pub fn edit_message(&self, user: u64, message: u64, text: &str) -> Result<(), SimError> {
        self.shared
            .change(|state| state.edit_as_person(user, message, text))
    }

    /// A person deletes its message, or somebody's if it may.
    pub fn delete_message(&self, user: u64, message: u64) -> Result<(), SimError> {
        self.shared
            .change(|state| state.delete_as_person(user, message))
    }

    /// A person reacts to a message: with a Unicode emoji, or `name:id`.
    pub fn react(&self, user: u64, message: u64, emoji: &str) -> Result<(), SimError> {
        self.shared
            .change(|state| state.react_as_person(user, message, emoji, true))
    }

    /// A person takes its reaction back.
    pub fn unreact(&self, user: u64, message: u64, emoji: &str) -> Result<(), SimError> {
        self.shared
            .change(|state| state.react_as_person(user, message, emoji, false))
    }

    /// The channel of the direct messages between the bot and a person.
    pub fn direct_channel(&self, user: u64) -> Result<u64, SimError> {
        let bot = self.bot;
        self.shared.change(|state| {
            state.users.get(&user).ok_or(SimError::UnknownUser(user))?;
            Ok(state.open_direct(bot, user))
        })
    }

    /// The messages of a channel, oldest first, those that only one person sees among them.
    /// The last thousand of each channel are kept.
    pub fn messages(&self, channel: u64) -> Vec<Message> {
        self.shared
            .read(|state| state.messages.of(channel).cloned().collect())
    }

    /// The messages of a channel that a person sees, oldest first.
    pub fn messages_for(&self, user: u64, channel: u64) -> Vec<Message> {
        self.shared
            .read(|state| state.messages_seen_by(user, channel))
    }

    /// Waits until a message stands in the channel that is as wanted; the oldest one.
    pub async fn wait_message(
        &self,
        channel: u64,
        timeout: Duration,
        wanted: impl Fn(&Message) -> bool,
    ) -> Option<Message> {
        self.shared
            .wait_for(timeout, |state| {
                state
                    .messages
                    .of(channel)
                    .find(|message| wanted(message))
                    .cloned()
            })
            .await
    }

    /// What stands in a file that hangs on a message, as long as it is kept: of all files, the
    /// last 64 MiB.
    pub fn attachment(&self, attachment: u64) -> Option<File> {
        self.shared.read(|state| {
            let file = state.files.find(attachment)?;
            Some(File::new(&file.name, file.bytes.to_vec()))
        })
    }
}
