"""A sound bot as people write them with discord.py, for `playing` to measure.

It ends when its standard input does.
"""

import asyncio
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
        intents = discord.Intents(guilds=True, voice_states=True)
        super().__init__(intents=intents)
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self):
        for command in (play, join, stop, leave):
            self.tree.add_command(command)
        await self.tree.sync()
        asyncio.create_task(self.close_with_input())

    async def on_ready(self):
        print("ready")

    async def close_with_input(self):
        await asyncio.to_thread(sys.stdin.read)
        await self.close()


async def enter(interaction: discord.Interaction):
    await interaction.user.voice.channel.connect(self_deaf=True)


def start(guild: discord.Guild, name: str):
    # Opus goes to Discord as it is in the file; ffmpeg makes Opus of everything else.
    codec = "copy" if "opus" in name else None
    guild.voice_client.play(discord.FFmpegOpusAudio(SOUNDS / name, codec=codec))


@app_commands.command(description="Play a sound")
@app_commands.describe(sound="Which one")
async def play(interaction: discord.Interaction, sound: str):
    if interaction.guild.voice_client:
        start(interaction.guild, sound)
        await interaction.response.send_message(f"Playing {sound}")
        return
    # Joining may take longer than Discord waits for an answer.
    await asyncio.gather(interaction.response.defer(thinking=True), enter(interaction))
    start(interaction.guild, sound)
    await interaction.followup.send(f"Playing {sound}")


@app_commands.command(description="Join your voice channel")
async def join(interaction: discord.Interaction):
    await asyncio.gather(interaction.response.defer(thinking=True), enter(interaction))
    await interaction.followup.send("Joined")


@app_commands.command(description="Stop what plays")
async def stop(interaction: discord.Interaction):
    interaction.guild.voice_client.stop()
    await interaction.response.send_message("Stopped")


@app_commands.command(description="Leave voice")
async def leave(interaction: discord.Interaction):
    if interaction.guild.voice_client:
        await interaction.guild.voice_client.disconnect()
    await interaction.response.send_message("Bye")


discord.utils.setup_logging(root=True)
asyncio.run(Bot().start(os.environ["DISCORD_TOKEN"]))
