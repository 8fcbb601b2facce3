//! A real bot: serenity, poise and songbird, unmodified but for their addresses.
#![expect(clippy::unused_async, reason = "poise wants its commands async")]

use std::sync::Arc;
use std::time::Duration;

use discord_sim::Sim;
use poise::serenity_prelude as serenity;
use serenity::{ClientBuilder, GatewayIntents, HttpBuilder, ShardManager};
use songbird::driver::{Scheduler, SchedulerConfig};
use songbird::{SerenityInit as _, Songbird};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Context<'a> = poise::Context<'a, (), Error>;

/// A logged-in bot with a few commands.
pub(crate) struct Bot {
    pub(crate) songbird: Arc<Songbird>,
    pub(crate) cache: Arc<serenity::Cache>,
    pub(crate) http: Arc<serenity::Http>,
    shards: Arc<ShardManager>,
    running: tokio::task::JoinHandle<()>,
}

/// Serenity's calls of REST as the bot of a handle.
pub(crate) fn http(sim: &Sim) -> serenity::Http {
    HttpBuilder::new(sim.application().bot_token)
        .proxy(sim.api_url())
        .ratelimiter_disabled(true)
        .build()
}

impl Bot {
    /// Starts the bot of this handle and waits until it is logged in and has registered
    /// its commands.
    pub(crate) async fn start(sim: &Sim) -> Bot {
        let http = http(sim);
        let options = poise::FrameworkOptions {
            commands: vec![
                hello(),
                think(),
                whisper(),
                edit(),
                sulk(),
                seek(),
                add(),
                who(),
            ],
            ..Default::default()
        };
        let framework = poise::Framework::builder()
            .options(options)
            .setup(|ctx, _, framework| {
                Box::pin(async move {
                    let commands = &framework.options().commands;
                    poise::builtins::register_globally(ctx, commands).await?;
                    Ok(())
                })
            });
        // On a busy machine songbird moves one of several mixers to another thread, and spoils a
        // packet of it.
        let mut scheduling = SchedulerConfig::default();
        scheduling.move_expensive_tasks = false;
        let driver = songbird::Config::default().scheduler(Scheduler::new(scheduling));
        let songbird = Songbird::serenity_from_config(driver);
        let intents = GatewayIntents::non_privileged() | GatewayIntents::GUILD_MEMBERS;
        let mut client = ClientBuilder::new_with_http(http, intents)
            .framework(framework.build())
            .register_songbird_with(songbird.clone())
            .await
            .unwrap();
        let (shards, cache, http) = (
            client.shard_manager.clone(),
            client.cache.clone(),
            client.http.clone(),
        );
        let running = tokio::spawn(async move { client.start().await.unwrap() });
        assert!(
            sim.wait_bot_ready(super::PATIENCE).await,
            "the bot did not log in"
        );
        assert!(
            sim.wait_command("hello", super::PATIENCE).await,
            "no commands were registered"
        );
        Bot {
            songbird,
            cache,
            http,
            shards,
            running,
        }
    }

    /// Joins a voice channel and waits until audio can flow.
    pub(crate) async fn join(&self, guild: u64, channel: u64) {
        let guild = std::num::NonZeroU64::new(guild).unwrap();
        let channel = std::num::NonZeroU64::new(channel).unwrap();
        self.songbird.join(guild, channel).await.unwrap();
    }

    /// Plays a file's bytes.
    pub(crate) async fn play(&self, guild: u64, bytes: Vec<u8>) {
        let guild = std::num::NonZeroU64::new(guild).unwrap();
        let call = self.songbird.get(guild).unwrap();
        call.lock().await.play_input(bytes.into());
    }

    /// Waits until songbird knows that it was disconnected. It tells nobody, so ask often.
    pub(crate) async fn wait_disconnected(&self, guild: u64) {
        let guild = std::num::NonZeroU64::new(guild).unwrap();
        let call = self.songbird.get(guild).unwrap();
        let disconnected = async {
            while call.lock().await.current_channel().is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(super::PATIENCE, disconnected)
            .await
            .unwrap();
    }

    /// Leaves voice.
    pub(crate) async fn leave(&self, guild: u64) {
        let guild = std::num::NonZeroU64::new(guild).unwrap();
        self.songbird.remove(guild).await.unwrap();
    }

    /// Logs out.
    pub(crate) async fn stop(self) {
        self.shards.shutdown_all().await;
        self.running.await.unwrap();
    }
}

/// Says hello at once.
#[poise::command(slash_command)]
async fn hello(ctx: Context<'_>, #[description = "whom"] name: String) -> Result<(), Error> {
    ctx.say(format!("hello {name}")).await?;
    Ok(())
}

/// Thinks first.
#[poise::command(slash_command)]
async fn think(ctx: Context<'_>) -> Result<(), Error> {
    ctx.defer().await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    ctx.say("a thought").await?;
    Ok(())
}

/// Thinks and answers where only one can see it.
#[poise::command(slash_command)]
async fn whisper(ctx: Context<'_>) -> Result<(), Error> {
    ctx.defer_ephemeral().await?;
    ctx.say("psst").await?;
    Ok(())
}

/// Answers, changes its mind, adds something and takes it back.
#[poise::command(slash_command)]
async fn edit(ctx: Context<'_>) -> Result<(), Error> {
    let first = ctx.say("one").await?;
    first
        .edit(ctx, poise::CreateReply::default().content("two"))
        .await?;
    let second = ctx.say("three").await?;
    second.delete(ctx).await?;
    assert_eq!(first.message().await?.content, "two");
    Ok(())
}

/// Never answers.
#[poise::command(slash_command)]
async fn sulk(_: Context<'_>) -> Result<(), Error> {
    Ok(())
}

async fn fruits(_: Context<'_>, partial: &str) -> serenity::CreateAutocompleteResponse {
    let fruits = ["apple", "apricot", "banana"].into_iter();
    let choices = fruits.filter(|fruit| fruit.starts_with(partial));
    choices.fold(
        serenity::CreateAutocompleteResponse::new(),
        |response, fruit| response.add_string_choice(fruit, fruit),
    )
}

/// Completes itself.
#[poise::command(slash_command)]
async fn seek(
    ctx: Context<'_>,
    #[description = "which"]
    #[autocomplete = "fruits"]
    fruit: String,
) -> Result<(), Error> {
    ctx.say(fruit).await?;
    Ok(())
}

/// Adds, with bounds and a default.
#[poise::command(slash_command)]
async fn add(
    ctx: Context<'_>,
    #[description = "a"]
    #[min = 0]
    #[max = 10]
    a: i32,
    #[description = "b"] b: Option<f64>,
) -> Result<(), Error> {
    ctx.say(format!("{}", f64::from(a) + b.unwrap_or(0.5)))
        .await?;
    Ok(())
}

/// Names a user and a channel.
#[poise::command(slash_command, subcommands("user", "channel"))]
async fn who(_: Context<'_>) -> Result<(), Error> {
    Ok(())
}

/// Names a user.
#[poise::command(slash_command)]
async fn user(
    ctx: Context<'_>,
    #[description = "who"] user: serenity::Member,
) -> Result<(), Error> {
    ctx.say(format!(
        "{} of {} roles",
        user.display_name(),
        user.roles.len()
    ))
    .await?;
    Ok(())
}

/// Names a channel.
#[poise::command(slash_command)]
async fn channel(
    ctx: Context<'_>,
    #[description = "where"] channel: serenity::GuildChannel,
) -> Result<(), Error> {
    ctx.say(channel.name).await?;
    Ok(())
}
