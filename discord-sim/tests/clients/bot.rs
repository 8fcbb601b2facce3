//! A sound bot as people write them with serenity and songbird, pointed at a simulated Discord.
//!
//! `cargo run -p discord-sim --example bot`, or started by `program.rs`, with the environment it
//! reads below; `bot.py` and `bot.js` are the same bot. It ends when its standard input does.

use std::env;
use std::fmt::Display;
use std::fs::{self, DirEntry};
use std::io::{self, Read as _, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serenity::all::{
    ActionRowComponent, CommandDataOptionValue, CommandInteraction, CommandOptionType,
    ComponentInteraction, CreateActionRow, CreateAutocompleteResponse, CreateButton, CreateCommand,
    CreateCommandOption, CreateInputText, CreateInteractionResponse,
    CreateInteractionResponseMessage, CreateModal, EditInteractionResponse, GatewayIntents,
    GuildId, HttpBuilder, InputTextStyle, Interaction, ModalInteraction, Ready, ResumedEvent,
};
use serenity::client::ClientBuilder;
use serenity::prelude::{Context, EventHandler};
use songbird::input::File;
use songbird::{SerenityInit as _, Songbird};
use tokio::sync::oneshot;
use tracing_subscriber::filter::LevelFilter;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Before what it or a library complains of, for the test to see.
const PROBLEM: &str = "problem: ";

#[tokio::main]
pub(crate) async fn main() -> Result {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(|| Complaints)
        .init();
    // All that is not as it would be for discord.com; songbird's TLS reads SSL_CERT_FILE itself.
    let http = HttpBuilder::new(env::var("DISCORD_TOKEN")?)
        .proxy(env::var("DISCORD_SIM_URL")?)
        .ratelimiter_disabled(true)
        .build();
    let songbird = Songbird::serenity();
    let bot = Bot {
        songbird: songbird.clone(),
        sounds: env::var_os("SOUNDS").ok_or("no SOUNDS")?.into(),
    };
    let mut client = ClientBuilder::new_with_http(http, GatewayIntents::non_privileged())
        .event_handler(bot)
        .register_songbird_with(songbird)
        .await?;
    let shards = client.shard_manager.clone();
    let input = input_end();
    tokio::spawn(async move {
        let _ = input.await;
        shards.shutdown_all().await;
    });
    client.start().await?;
    Ok(())
}

/// Comes when the standard input ends. A thread of its own waits for that: the runtime would wait
/// for one of its own at the end.
fn input_end() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        sender.send(())
    });
    receiver
}

struct Bot {
    songbird: Arc<Songbird>,
    sounds: PathBuf,
}

#[serenity::async_trait]
impl EventHandler for Bot {
    async fn ready(&self, ctx: Context, _: Ready) {
        let sound = CreateCommandOption::new(CommandOptionType::String, "sound", "Which one")
            .required(true);
        let commands = vec![
            CreateCommand::new("join").description("Join your voice channel"),
            CreateCommand::new("play")
                .description("Play a sound")
                .add_option(sound.set_autocomplete(true)),
            CreateCommand::new("panel").description("Show buttons"),
            CreateCommand::new("leave").description("Leave voice"),
        ];
        let registered = serenity::all::Command::set_global_commands(&ctx, commands).await;
        registered.map_or_else(complain, drop);
    }

    async fn resume(&self, _: Context, _: ResumedEvent) {
        eprintln!("resumed");
    }

    async fn interaction_create(&self, ctx: Context, interaction: Interaction) {
        let answered = match interaction {
            Interaction::Autocomplete(typing) => self.complete(&ctx, &typing).await,
            Interaction::Component(press) => self.press(&ctx, &press).await,
            Interaction::Modal(form) => self.submit(&ctx, &form).await,
            Interaction::Command(command) => match command.data.name.as_str() {
                "join" => self.join(&ctx, &command).await,
                "play" => self.play(&ctx, &command).await,
                "panel" => panel(&ctx, &command).await,
                _ => self.leave(&ctx, &command).await,
            },
            _ => Ok(()),
        };
        answered.unwrap_or_else(complain);
    }
}

impl Bot {
    async fn join(&self, ctx: &Context, command: &CommandInteraction) -> Result {
        command.defer(ctx).await?;
        let guild = command.guild_id.ok_or("not in a guild")?;
        let (channel, name) = voice_channel(ctx, guild, command).ok_or("not in voice")?;
        self.songbird.join(guild, channel).await?;
        let reply = EditInteractionResponse::new().content(format!("Joined {name}"));
        command.edit_response(ctx, reply).await?;
        Ok(())
    }

    async fn play(&self, ctx: &Context, command: &CommandInteraction) -> Result {
        let sound = command.data.options.first().map(|option| &option.value);
        let Some(CommandDataOptionValue::String(sound)) = sound else {
            return Err("no sound".into());
        };
        self.start(command.guild_id, sound).await?;
        command.create_response(ctx, playing(sound)).await?;
        Ok(())
    }

    async fn start(&self, guild: Option<GuildId>, sound: &str) -> Result {
        let call = self.songbird.get(guild.ok_or("not in a guild")?);
        let call = call.ok_or("not in voice")?;
        let file = File::new(self.sounds.join(sound));
        call.lock().await.play_input(file.into());
        Ok(())
    }

    async fn complete(&self, ctx: &Context, typing: &CommandInteraction) -> Result {
        let typed = typing.data.autocomplete().ok_or("nothing typed")?.value;
        let names = names(&self.sounds)?;
        let matching = names.iter().filter(|name| name.contains(typed)).take(25);
        let choices = matching.fold(CreateAutocompleteResponse::new(), |choices, name| {
            choices.add_string_choice(name, name)
        });
        let response = CreateInteractionResponse::Autocomplete(choices);
        typing.create_response(ctx, response).await?;
        Ok(())
    }

    async fn press(&self, ctx: &Context, press: &ComponentInteraction) -> Result {
        let response = if press.data.custom_id == "choose" {
            let name = CreateInputText::new(InputTextStyle::Short, "Name", "sound");
            let rows = vec![CreateActionRow::InputText(name)];
            let modal = CreateModal::new("choose", "Which sound?").components(rows);
            CreateInteractionResponse::Modal(modal)
        } else {
            let call = self.songbird.get(press.guild_id.ok_or("not in a guild")?);
            call.ok_or("not in voice")?.lock().await.stop();
            let message = CreateInteractionResponseMessage::new().content("Stopped");
            CreateInteractionResponse::UpdateMessage(message)
        };
        let is_form = matches!(response, CreateInteractionResponse::Modal(_));
        press.create_response(ctx, response).await?;
        if is_form {
            eprintln!("form shown");
        }
        Ok(())
    }

    async fn submit(&self, ctx: &Context, form: &ModalInteraction) -> Result {
        let field = form
            .data
            .components
            .first()
            .and_then(|row| row.components.first());
        let Some(ActionRowComponent::InputText(field)) = field else {
            return Err("no field".into());
        };
        let sound = field.value.as_deref().ok_or("no value")?;
        self.start(form.guild_id, sound).await?;
        form.create_response(ctx, playing(sound)).await?;
        Ok(())
    }

    async fn leave(&self, ctx: &Context, command: &CommandInteraction) -> Result {
        command.create_response(ctx, message("Bye")).await?;
        eprintln!("farewell shown");
        let guild = command.guild_id.ok_or("not in a guild")?;
        self.songbird.remove(guild).await?;
        Ok(())
    }
}

async fn panel(ctx: &Context, command: &CommandInteraction) -> Result {
    let buttons = [("stop", "Stop"), ("choose", "Choose")];
    let buttons = buttons.map(|(id, label)| CreateButton::new(id).label(label));
    let message = CreateInteractionResponseMessage::new()
        .content("Here you are")
        .components(vec![CreateActionRow::Buttons(buttons.into())]);
    let response = CreateInteractionResponse::Message(message);
    command.create_response(ctx, response).await?;
    eprintln!("panel shown");
    Ok(())
}

/// The channel the caller is in, by what the gateway has told.
fn voice_channel(
    ctx: &Context,
    guild: GuildId,
    command: &CommandInteraction,
) -> Option<(NonZeroU64, String)> {
    let guild = ctx.cache.guild(guild)?;
    let channel = guild.voice_states.get(&command.user.id)?.channel_id?;
    let name = guild.channels.get(&channel)?.name.clone();
    Some((NonZeroU64::new(channel.get())?, name))
}

fn names(sounds: &Path) -> Result<Vec<String>> {
    let files = fs::read_dir(sounds)?.collect::<io::Result<Vec<_>>>()?;
    let names = files.iter().map(DirEntry::file_name);
    let mut names = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect::<Vec<_>>();
    names.sort();
    Ok(names)
}

fn playing(sound: &str) -> CreateInteractionResponse {
    message(&format!("Playing {sound}"))
}

fn message(content: &str) -> CreateInteractionResponse {
    let message = CreateInteractionResponseMessage::new().content(content);
    CreateInteractionResponse::Message(message)
}

fn complain(error: impl Display) {
    eprintln!("{PROBLEM}{error}");
}

/// Marks what the libraries complain of, for the test to see.
struct Complaints;

impl Write for Complaints {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(&[PROBLEM.as_bytes(), line].concat())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
