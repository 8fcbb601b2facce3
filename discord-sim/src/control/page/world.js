// What the page knows of the world, and who and where the one who looks at it is.

import { ask } from './dom.js';

/** What was read last, and what is chosen. */
export const world = {
  state: null,
  commands: [],
  messages: [],
  guild: null,
  person: sessionStorage.getItem('person'),
  channel: null,
};

/** The guild that is shown. */
export const guild = () => world.state?.guilds.find((entry) => entry.id === world.guild);

/** The user that one acts as. */
export const person = () => world.state?.users.find((user) => user.id === world.person);

/** How a user is called in the guild that is shown, bots among them. */
export function nameOf(id) {
  const member = guild()?.members?.find((entry) => entry.user.id === id);
  const user = member?.user ?? world.state.users.find((entry) => entry.id === id);
  const bot = world.state.bots.find((entry) => entry.id === id);
  return member?.nick ?? user?.global_name ?? user?.username ?? bot?.name ?? id;
}

export const channelName = (id) => guild()?.channels?.find((channel) => channel.id === id)?.name ?? id;
export const roleName = (id) => guild()?.roles?.find((role) => role.id === id)?.name ?? id;

/** Where requests about the guild that is shown go. */
export const inGuild = (path) => `/sim/guilds/${world.guild}${path}`;

/** Reads the world anew; whatever was chosen and is gone is replaced. */
export async function readState() {
  const query = world.guild ? `?guild=${world.guild}` : '';
  let state;
  try {
    state = await ask('GET', `/sim/state${query}`);
  } catch (error) {
    if (!query) throw error;
    world.guild = null;
    return readState();
  }
  world.state = state;
  if (!guild()) {
    world.guild = state.guilds[0]?.id ?? null;
    if (query) return readState();
  }
  const isHere = (user) => guild()?.members?.some((member) => member.user.id === user.id);
  if (!person()) world.person = (state.users.find(isHere) ?? state.users[0])?.id ?? null;
  const channels = guild()?.channels ?? [];
  const isThere = channels.some((channel) => channel.id === world.channel);
  if (!isThere && !world.direct) world.channel = channels.find((channel) => channel.type === 0)?.id ?? null;
  return undefined;
}

/** Reads what stands in the channel. */
export async function readMessages() {
  if (!world.channel || !world.person) {
    world.messages = [];
    return;
  }
  const { channel } = world;
  const messages = await ask('GET', `/sim/channels/${channel}/messages?limit=50&user=${world.person}`);
  if (channel === world.channel) world.messages = messages;
}

/** Reads the commands of all bots. */
export async function readCommands() {
  const { bots } = world.state;
  const lists = await Promise.all(bots.map(async (bot) => {
    const commands = await ask('GET', `/sim/commands?bot=${bot.id}`);
    return commands.map((command) => ({ ...command, bot }));
  }));
  const isHere = (command) => !command.guild_id || command.guild_id === world.guild;
  world.commands = lists.flat().filter(isHere);
}

/** The commands of a kind: 1 typed, 2 on users, 3 on messages. */
export const commandsOf = (kind) => world.commands.filter((command) => (command.type ?? 1) === kind);
