// A sound bot as people write them with discord.js, pointed at a simulated Discord.
//
// Started by hand or by `program.rs`, with the environment it reads below; `bot.py` and `bot.rs` are
// the same bot. It ends when its standard input does.

const { createReadStream, readdirSync } = require('node:fs');
const { join } = require('node:path');
const {
  ActionRowBuilder, ApplicationCommandOptionType, ButtonBuilder, ButtonStyle, Client, Events,
  GatewayIntentBits, ModalBuilder, TextInputBuilder, TextInputStyle,
} = require('discord.js');
const voice = require('@discordjs/voice');

const sounds = process.env.SOUNDS;

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
  // All that is not as it would be for discord.com; NODE_EXTRA_CA_CERTS is read by Node itself.
  rest: { api: `${process.env.DISCORD_SIM_URL}/api` },
});
const player = voice.createAudioPlayer();

const commands = [
  { name: 'join', description: 'Join your voice channel' },
  {
    name: 'play',
    description: 'Play a sound',
    options: [{
      name: 'sound',
      description: 'Which one',
      type: ApplicationCommandOptionType.String,
      required: true,
      autocomplete: true,
    }],
  },
  { name: 'panel', description: 'Show buttons' },
  { name: 'leave', description: 'Leave voice' },
];

async function startSound(interaction, name) {
  const path = join(sounds, name);
  // Opus goes to Discord as it is in the file; ffmpeg and opusscript make Opus of everything else.
  const resource = name.includes('opus')
    ? voice.createAudioResource(createReadStream(path), { inputType: voice.StreamType.OggOpus })
    : voice.createAudioResource(path);
  player.play(resource);
  await interaction.reply(`Playing ${name}`);
}

async function joinVoice(interaction) {
  await interaction.deferReply();
  const { channel } = interaction.member.voice;
  const connection = voice.joinVoiceChannel({
    adapterCreator: channel.guild.voiceAdapterCreator,
    channelId: channel.id,
    debug: true,
    guildId: channel.guildId,
  });
  connection.on('debug', (message) => console.log(`voice: ${message}`));
  connection.on('error', problem);
  await voice.entersState(connection, voice.VoiceConnectionStatus.Ready, 10_000);
  connection.subscribe(player);
  await interaction.editReply(`Joined ${channel.name}`);
}

async function showPanel(interaction) {
  const button = (id, label) => new ButtonBuilder()
    .setCustomId(id).setLabel(label).setStyle(ButtonStyle.Secondary);
  const row = new ActionRowBuilder().addComponents(button('stop', 'Stop'), button('choose', 'Choose'));
  await interaction.reply({ content: 'Here you are', components: [row] });
  console.log('panel shown');
}

async function ask(interaction) {
  const name = new TextInputBuilder()
    .setCustomId('sound').setLabel('Name').setStyle(TextInputStyle.Short);
  const modal = new ModalBuilder()
    .setCustomId('choose').setTitle('Which sound?')
    .addComponents(new ActionRowBuilder().addComponents(name));
  await interaction.showModal(modal);
  console.log('form shown');
}

function complete(interaction) {
  const typed = interaction.options.getFocused();
  const names = readdirSync(sounds).sort().filter((name) => name.includes(typed));
  return interaction.respond(names.slice(0, 25).map((name) => ({ name, value: name })));
}

async function leave(interaction) {
  await interaction.reply('Bye');
  console.log('farewell shown');
  voice.getVoiceConnection(interaction.guildId).destroy();
}

async function answer(interaction) {
  if (interaction.isAutocomplete()) return complete(interaction);
  if (interaction.isModalSubmit()) {
    return startSound(interaction, interaction.fields.getTextInputValue('sound'));
  }
  if (interaction.isButton()) {
    if (interaction.customId === 'choose') return ask(interaction);
    player.stop();
    return interaction.update('Stopped');
  }
  switch (interaction.commandName) {
    case 'join': return joinVoice(interaction);
    case 'play': return startSound(interaction, interaction.options.getString('sound'));
    case 'panel': return showPanel(interaction);
    default: return leave(interaction);
  }
}

// Marks what the library complains of, for the test to see.
function problem(error) {
  console.error('problem:', error);
}

client.on(Events.ClientReady, () => client.application.commands.set(commands).catch(problem));
client.on(Events.InteractionCreate, (interaction) => answer(interaction).catch(problem));
client.on(Events.ShardResume, () => console.log('resumed'));
client.on(Events.Debug, (message) => console.log(message));
client.on(Events.Warn, problem);
client.on(Events.Error, problem);
client.rest.on('invalidRequestWarning', problem);
player.on('error', problem);
process.on('warning', problem);
process.stdin.on('end', () => client.destroy()).resume();
client.login(process.env.DISCORD_TOKEN);
