//! People use commands, press buttons, choose from menus and fill in forms, and see what the
//! bot makes of it.

use crate::error::SimError;
use crate::sim::Sim;
use crate::state::interactions::command::Target;
use crate::state::interactions::{Answer, Choice, Modal, Reply, Slash, Use};

/// All of these wait for the bot: three seconds for its first sign of life
/// ([`SimError::NoAnswer`] if there is none), another fifteen for what it promised then
/// ([`SimError::NoReply`]). A bot that is not logged in is [`SimError::Offline`]. What a client
/// would not let a person do is refused before anything is sent: [`SimError::Forbidden`],
/// [`SimError::Refused`], or the error that names what does not exist.
#[expect(clippy::missing_errors_doc, reason = "said once for all of them above")]
impl Sim {
    /// A member uses a slash command of the bot in the guild's first text channel, or in the
    /// first voice channel's chat if there is none; waits for the reply.
    ///
    /// `command` is the name, with subcommands after spaces. The reply is the first message,
    /// or what replaces "thinking..." if the bot defers.
    ///
    /// # Errors
    ///
    /// Also [`SimError::UnexpectedAnswer`] if the bot shows a form; see
    /// [`use_command`](Sim::use_command).
    pub async fn slash(
        &self,
        user: u64,
        guild: u64,
        command: &str,
        options: &[(&str, &str)],
    ) -> Result<Reply, SimError> {
        let mut slash = Slash::new(command);
        for (name, text) in options {
            slash = slash.option(name, text);
        }
        self.shared.slash(&self.using(user, guild, &slash)).await
    }

    /// A member uses a slash command, with files or in another channel; waits for what the bot
    /// makes of it. In direct messages `guild` does not matter.
    pub async fn use_command(
        &self,
        user: u64,
        guild: u64,
        slash: &Slash,
    ) -> Result<Answer, SimError> {
        self.shared
            .use_command(&self.using(user, guild, slash))
            .await
    }

    /// A member uses a command of the bot on a user, from that user's menu in a channel.
    pub async fn use_on_user(
        &self,
        user: u64,
        channel: u64,
        command: &str,
        on: u64,
    ) -> Result<Answer, SimError> {
        let target = self.target(user, channel, command);
        self.shared.use_on_user(&target, on).await
    }

    /// A member uses a command of the bot on a message, from that message's menu.
    pub async fn use_on_message(
        &self,
        user: u64,
        channel: u64,
        command: &str,
        message: u64,
    ) -> Result<Answer, SimError> {
        let target = self.target(user, channel, command);
        self.shared.use_on_message(&target, message).await
    }

    /// A person presses a button of a bot's message.
    pub async fn press(
        &self,
        user: u64,
        message: u64,
        custom_id: &str,
    ) -> Result<Answer, SimError> {
        self.choose(user, message, custom_id, &[]).await
    }

    /// A person chooses from a menu of a bot's message; users, roles and channels are named by
    /// their ids.
    pub async fn choose(
        &self,
        user: u64,
        message: u64,
        custom_id: &str,
        values: &[&str],
    ) -> Result<Answer, SimError> {
        self.shared
            .use_component(user, message, custom_id, values)
            .await
    }

    /// A person fills in a form and sends it. A menu takes several values as several entries;
    /// inputs that are not named are left as they are.
    pub async fn submit_modal(
        &self,
        modal: &Modal,
        values: &[(&str, &str)],
    ) -> Result<Answer, SimError> {
        self.shared.submit_modal(modal, values).await
    }

    /// A member types into an option of a slash command; waits for the suggestions.
    pub async fn autocomplete(
        &self,
        user: u64,
        guild: u64,
        command: &str,
        option: &str,
        partial: &str,
    ) -> Result<Vec<Choice>, SimError> {
        self.autocomplete_in(user, guild, &Slash::new(command), option, partial)
            .await
    }

    /// As [`autocomplete`](Sim::autocomplete), with other options filled in already.
    pub async fn autocomplete_in(
        &self,
        user: u64,
        guild: u64,
        slash: &Slash,
        option: &str,
        partial: &str,
    ) -> Result<Vec<Choice>, SimError> {
        let using = Use {
            completing: Some((option, partial)),
            ..self.using(user, guild, slash)
        };
        self.shared.autocomplete(&using).await
    }

    fn using<'a>(&self, user: u64, guild: u64, slash: &'a Slash) -> Use<'a> {
        Use {
            bot: Some(self.bot),
            user,
            guild,
            slash,
            completing: None,
        }
    }

    fn target<'a>(&self, user: u64, channel: u64, command: &'a str) -> Target<'a> {
        Target {
            bot: Some(self.bot),
            user,
            channel,
            command,
        }
    }
}
