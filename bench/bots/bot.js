// A sound bot as people write them with discord.js and @discordjs/voice, for `playing` to measure.
// It ends when its standard input does.

const { createReadStream } = require('node:fs');
const { join } = require('node:path');
const { ApplicationCommandOptionType, Client, Events, GatewayIntentBits } = require('discord.js');
const voice = require('@discordjs/voice');

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
  // NODE_EXTRA_CA_CERTS, by which it trusts the simulated Discord's voice, is read by Node itself.
  rest: { api: `${process.env.DISCORD_SIM_URL}/api` },
});
const players = new Map();

const commands = [
  {
    name: 'play',
    description: 'Play a sound',
    options: [{
      name: 'sound',
      description: 'Which one',
      type: ApplicationCommandOptionType.String,
      required: true,
    }],
  },
  { name: 'join', description: 'Join your voice channel' },
  { name: 'stop', description: 'Stop what plays' },
  { name: 'leave', description: 'Leave voice' },
];

async function enter(interaction) {
  const { channel } = interaction.member.voice;
  const connection = voice.joinVoiceChannel({
    adapterCreator: channel.guild.voiceAdapterCreator,
    channelId: channel.id,
    guildId: channel.guildId,
  });
  connection.on('error', problem);
  const player = voice.createAudioPlayer();
  player.on('error', problem);
  connection.subscribe(player);
  players.set(channel.guildId, player);
  await voice.entersState(connection, voice.VoiceConnectionStatus.Ready, 20_000);
}

function start(guild, name) {
  const path = join(process.env.SOUNDS, name);
  // Opus goes to Discord as it is in the file; ffmpeg and opusscript make Opus of everything else.
  const resource = name.includes('opus')
    ? voice.createAudioResource(createReadStream(path), { inputType: voice.StreamType.OggOpus })
    : voice.createAudioResource(path);
  players.get(guild).play(resource);
}

async function play(interaction) {
  const name = interaction.options.getString('sound');
  if (voice.getVoiceConnection(interaction.guildId)) {
    start(interaction.guildId, name);
    return interaction.reply(`Playing ${name}`);
  }
  // Joining may take longer than Discord waits for an answer.
  await Promise.all([interaction.deferReply(), enter(interaction)]);
  start(interaction.guildId, name);
  return interaction.editReply(`Playing ${name}`);
}

async function joinVoice(interaction) {
  await Promise.all([interaction.deferReply(), enter(interaction)]);
  return interaction.editReply('Joined');
}

function stop(interaction) {
  players.get(interaction.guildId).stop();
  return interaction.reply('Stopped');
}

function leave(interaction) {
  voice.getVoiceConnection(interaction.guildId)?.destroy();
  return interaction.reply('Bye');
}

function answer(interaction) {
  switch (interaction.commandName) {
    case 'play': return play(interaction);
    case 'join': return joinVoice(interaction);
    case 'stop': return stop(interaction);
    default: return leave(interaction);
  }
}

function problem(error) {
  console.error('problem:', error);
}

client.on(Events.ClientReady, () => client.application.commands.set(commands)
  .then(() => console.log('ready'), problem));
client.on(Events.InteractionCreate, (interaction) => answer(interaction).catch(problem));
client.on(Events.Warn, problem);
client.on(Events.Error, problem);
process.stdin.on('end', () => client.destroy().then(() => process.exit())).resume();
client.login(process.env.DISCORD_TOKEN);
