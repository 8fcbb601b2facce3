"""A sound bot as people write them with discord.py, pointed at a simulated Discord.

Started by hand or by `program.rs`, with the environment it reads below; `bot.js` and `bot.rs` are
the same bot. It ends when its standard input does.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path

import discord
import yarl
from discord import app_commands

# All that is not as it would be for discord.com; SSL_CERT_FILE is read by Python itself.
discord.http.Route.BASE = os.environ["DISCORD_SIM_URL"] + "/api/v10"
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_SIM_GATEWAY"])

SOUNDS = Path(os.environ["SOUNDS"])


class Bot(discord.Client):
    def __init__(self):
        super().__init__(intents=discord.Intents.default())
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self):
        self.tree.add_command(join)
        self.tree.add_command(play)
        self.tree.add_command(panel)
        self.tree.add_command(leave)
        await self.tree.sync()
        asyncio.create_task(self.close_with_input())

    async def on_resumed(self):
        print("resumed")

    async def close_with_input(self):
        await asyncio.to_thread(sys.stdin.read)
        await self.close()


async def start_sound(interaction: discord.Interaction, name: str):
    path = SOUNDS / name
    # Opus goes to Discord as it is in the file; ffmpeg makes Opus of everything else.
    codec = "copy" if "opus" in name else None
    interaction.guild.voice_client.play(discord.FFmpegOpusAudio(path, codec=codec))
    await interaction.response.send_message(f"Playing {name}")


@app_commands.command(description="Join your voice channel")
async def join(interaction: discord.Interaction):
    await interaction.response.defer(thinking=True)
    channel = interaction.user.voice.channel
    await channel.connect(self_deaf=True)
    await interaction.followup.send(f"Joined {channel.name}")


@app_commands.command(description="Play a sound")
@app_commands.describe(sound="Which one")
async def play(interaction: discord.Interaction, sound: str):
    await start_sound(interaction, sound)


@play.autocomplete("sound")
async def complete_sound(interaction: discord.Interaction, typed: str):
    names = sorted(path.name for path in SOUNDS.iterdir() if typed in path.name)
    return [app_commands.Choice(name=name, value=name) for name in names[:25]]


class Ask(discord.ui.Modal, title="Which sound?"):
    sound = discord.ui.TextInput(label="Name", custom_id="sound")

    def __init__(self):
        super().__init__(custom_id="choose")

    async def on_submit(self, interaction: discord.Interaction):
        await start_sound(interaction, self.sound.value)


class Panel(discord.ui.View):
    @discord.ui.button(label="Stop", custom_id="stop")
    async def stop_sound(self, interaction: discord.Interaction, _: discord.ui.Button):
        interaction.guild.voice_client.stop()
        await interaction.response.edit_message(content="Stopped")

    @discord.ui.button(label="Choose", custom_id="choose")
    async def choose(self, interaction: discord.Interaction, _: discord.ui.Button):
        await interaction.response.send_modal(Ask())
        print("form shown")


@app_commands.command(description="Show buttons")
async def panel(interaction: discord.Interaction):
    await interaction.response.send_message("Here you are", view=Panel())
    print("panel shown")


@app_commands.command(description="Leave voice")
async def leave(interaction: discord.Interaction):
    # In this order: a second disconnect while the first is under way, as by `close`, waits for an
    # event that comes only once.
    await interaction.guild.voice_client.disconnect()
    await interaction.response.send_message("Bye")
    print("farewell shown")


class Problems(logging.StreamHandler):
    """Marks what the library complains of, for the test to see."""

    def format(self, record: logging.LogRecord):
        mark = "problem: " if record.levelno >= logging.WARNING else ""
        return mark + super().format(record)


discord.utils.setup_logging(handler=Problems(sys.stderr), root=True)
asyncio.run(Bot().start(os.environ["DISCORD_TOKEN"]))
