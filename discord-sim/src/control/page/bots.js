// The bots: their gateway sessions, their voice connections, and what can go wrong with both.

import { h, menu, button, choose, paint, act, ask, say } from './dom.js';
import { world, nameOf, guild } from './world.js';

const INTERRUPTIONS = [
  ['Ask it to reconnect', 'reconnect'],
  ['Invalid session, resumable', { invalid_session: { resumable: true } }],
  ['Invalid session', { invalid_session: { resumable: false } }],
  ['Ask for a heartbeat', 'heartbeat_request'],
  ['Close with 4000', { close: { code: 4000 } }],
  ['Close with 4004', { close: { code: 4004 } }],
  ['Close without a code', { close: {} }],
  ['Drop the connection', 'drop'],
  ['Leave it half open', 'half_open'],
  ['Stall for five seconds', { stall: { ms: 5000 } }],
];

const ENDINGS = [
  ['Close with 4015: voice server crashed', { close: { code: 4015 } }],
  ['Close with 4006: session invalid', { close: { code: 4006 } }],
  ['Close with 4014: disconnected', { close: { code: 4014 } }],
  ['Close without a code', { close: {} }],
  ['Drop the connection', 'drop'],
];

function pick(list, key, label, send) {
  const which = choose(list.map(([text], index) => [index, text]), { key, 'aria-label': label });
  return h('div', { class: 'row' }, which, button(`${key}/do`, 'Do it', () => send(list[which.value][1])));
}

async function interrupt(bot, by) {
  const met = await act('POST', '/sim/gateway/interruptions', { bot: bot.id, by });
  if (met) say(met.connections === 1 ? 'One connection met it.' : `${met.connections} connections met it.`);
}

function sessions(bot) {
  if (!bot.sessions.length) return h('p', { class: 'faint' }, 'It is not logged in.');
  return h('ul', { class: 'plain' }, bot.sessions.map((session) => h('li', {},
    `Shard ${session.shard[0]} of ${session.shard[1]}: `,
    session.connected ? 'connected' : 'waits to be resumed',
    h('span', { class: 'faint' }, `, ${session.sequence} events`))));
}

function voice(bot, seat) {
  const home = world.state.guilds.find((entry) => entry.id === seat.guild_id);
  const path = (what) => `/sim/guilds/${seat.guild_id}/voice/${what}`;
  const key = (what) => `bot/${bot.id}/${seat.guild_id}/${what}`;
  const group = seat.dave_group;
  const channel = home === guild() ? home.channels.find((entry) => entry.id === seat.channel_id)?.name : null;
  const members = group?.members.map(nameOf).join(', ');
  return h('div', { class: 'voice' },
    h('p', {}, `In voice in ${[channel, home?.name].filter(Boolean).join(', ')}: `,
      seat.connected ? 'connected' : 'not connected'),
    h('p', { class: 'faint' }, group
      ? `Encrypted end to end, epoch ${group.epoch}${group.is_settled ? '' : ', changing'}: ${members}`
      : 'Not encrypted end to end.'),
    menu(key('menu'), 'Do something to its voice connection', () => [
      button(key('move'), 'Move to another voice server', () => act('POST', path('server/move'), { bot: bot.id })),
      button(key('withdraw'), 'Take its voice server away', () => act('POST', path('server/withdraw'), { bot: bot.id })),
      button(key('dave'), 'Begin the group anew', () => act('POST', path('dave/restart'), { bot: bot.id })),
      pick(ENDINGS, key('end'), 'End the connection', (by) => act('POST', path('end'), { bot: bot.id, by })),
    ]));
}

const number = (value, digits, unit) => (value === null || value === undefined ? '–' : `${value.toFixed(digits)} ${unit}`);

async function measure(bot, place) {
  let heard;
  try {
    heard = await ask('GET', `/sim/guilds/${world.guild}/heard?bot=${bot.id}`);
  } catch (error) {
    say(error.message, true);
    return;
  }
  const rows = heard.utterances.slice(-8).reverse().map((sound) => h('tr', {},
    h('td', {}, `${sound.index}`), h('td', {}, `${(sound.duration_ms / 1000).toFixed(2)} s`),
    h('td', {}, number(sound.frequency_hz, 0, 'Hz')), h('td', {}, number(sound.loudness_lufs, 1, 'LUFS')),
    h('td', {}, `${sound.sequence_breaks + sound.timestamp_breaks}`)));
  const head = ['Sound', 'Length', 'Pitch', 'Loudness', 'Breaks'].map((text) => h('th', { scope: 'col' }, text));
  place.replaceChildren(
    h('p', {}, `${heard.packets} packets, ${heard.unencrypted_frames} in the clear, ${heard.muted_packets} while muted. `,
      h('a', { href: `/sim/guilds/${world.guild}/heard.wav?bot=${bot.id}`, download: 'heard.wav' }, 'All of it as WAV')),
    heard.utterances.length
      ? h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, head)), h('tbody', {}, rows)))
      : h('p', { class: 'faint' }, 'No sound has been heard here.'));
}

function card(bot) {
  const key = (what) => `bot/${bot.id}/${what}`;
  return h('section', { class: 'bot' },
    h('h3', {}, bot.name, h('span', { class: bot.ready ? 'mark good' : 'mark' }, bot.ready ? 'online' : 'offline')),
    sessions(bot), bot.voice.map((seat) => voice(bot, seat)),
    menu(key('gateway'), 'Interrupt its gateway', () => (
      pick(INTERRUPTIONS, key('interrupt'), 'Interruption', (by) => interrupt(bot, by)))),
    menu(key('heard'), 'What was heard of it', () => {
      const place = h('div');
      measure(bot, place);
      return [place, button(key('measure'), 'Listen again', () => measure(bot, place))];
    }));
}

export function showBots(place) {
  const { bots } = world.state;
  const shown = bots.map((bot) => ({ ...bot, sessions: bot.sessions.map(({ id, shard, connected, sequence }) => [id, shard, connected, sequence]) }));
  const names = bots.flatMap((bot) => bot.voice.flatMap((seat) => seat.dave_group?.members.map(nameOf) ?? []));
  paint(place, [world.guild, shown, names], () => (bots.length
    ? bots.map(card)
    : h('p', { class: 'faint' }, 'There is no bot.')));
}
