// Who sits where in voice, who speaks, and listening to it.

import { h, menu, button, choose, paint, act } from './dom.js';
import { world, guild, person, nameOf, inGuild, channelName } from './world.js';

let speaking = new Set();

/** Who is heard at this moment. */
export function setSpeaking(entries) {
  speaking = new Set(entries.map((entry) => `${entry.guild_id}/${entry.user_id}`));
  for (const seat of document.querySelectorAll('[data-seat]')) {
    const speaks = speaking.has(seat.dataset.seat);
    seat.classList.toggle('speaking', speaks);
    seat.querySelector('.says').textContent = speaks ? 'speaking' : '';
  }
}

const isBot = (id) => world.state.bots.some((bot) => bot.id === id);

function setState(user, change) {
  return act('PATCH', inGuild(`/voice/states/${user}`), change);
}

function join(user, channel) {
  return act('POST', inGuild('/voice/join'), { user, channel });
}

const leave = (user) => act('POST', inGuild('/voice/leave'), { user });

function actions(seat, rooms) {
  const user = seat.user_id;
  const key = (what) => `seat/${user}/${what}`;
  const others = rooms.filter((room) => room.id !== seat.channel_id);
  const toggle = (field, on, off) => button(key(field), seat[field] ? off : on,
    () => setState(user, { [field]: !seat[field] }), { 'aria-pressed': `${seat[field]}` });
  const own = isBot(user) ? [] : [
    toggle('self_mute', 'Mute itself', 'Unmute itself'),
    toggle('self_deaf', 'Deafen itself', 'Undeafen itself'),
  ];
  return [
    own,
    toggle('mute', 'Mute as an administrator', 'Unmute as an administrator'),
    toggle('deaf', 'Deafen as an administrator', 'Undeafen as an administrator'),
    others.map((room) => button(key(room.id), `Move to ${room.name}`, () => join(user, room.id))),
    button(key('leave'), isBot(user) ? 'Disconnect' : 'Leave', () => leave(user)),
  ];
}

function seatRow(seat, rooms) {
  const id = `${world.guild}/${seat.user_id}`;
  const speaks = speaking.has(id);
  const marks = [
    (seat.mute || seat.self_mute) && (seat.mute ? 'muted' : 'muted itself'),
    (seat.deaf || seat.self_deaf) && (seat.deaf ? 'deafened' : 'deafened itself'),
    isBot(seat.user_id) && 'bot',
  ].filter(Boolean);
  return h('li', { class: `seat${speaks ? ' speaking' : ''}`, 'data-seat': id },
    menu(`seat/${seat.user_id}`, [
      h('span', { class: 'dot', 'aria-hidden': 'true' }), nameOf(seat.user_id),
      marks.map((mark) => h('span', { class: 'mark' }, mark)),
      h('span', { class: 'says' }, speaks ? 'speaking' : ''),
    ], () => actions(seat, rooms)));
}

function room(channel, seats, rooms) {
  const inside = seats.filter((seat) => seat.channel_id === channel.id);
  const here = inside.some((seat) => seat.user_id === world.person);
  const limit = channel.user_limit ? ` ${inside.length}/${channel.user_limit}` : '';
  const enter = here
    ? button(`room/${channel.id}`, 'Leave', () => leave(world.person))
    : button(`room/${channel.id}`, 'Join', () => join(world.person, channel.id));
  return h('div', { class: 'room' },
    h('div', { class: 'row' },
      h('h3', {}, channel.name, h('span', { class: 'faint' }, limit)),
      button(`hear/${channel.id}`, 'Listen', () => listen(channel.id)), enter),
    inside.length
      ? h('ul', { class: 'plain' }, inside.map((seat) => seatRow(seat, rooms)))
      : h('p', { class: 'faint' }, 'Nobody is here.'));
}

const player = document.getElementById('player');
const heard = document.getElementById('heard');

/** Plays what a channel hears. */
function listen(channel) {
  heard.textContent = `Listening to ${channelName(channel)}`;
  player.hidden = false;
  player.parentElement.hidden = false;
  player.src = inGuild(`/voice/listen?channel=${channel}`);
  // A browser may want another click first; its own button is there for that.
  player.play().catch(() => {});
}

document.getElementById('unhear').addEventListener('click', () => {
  player.pause();
  player.removeAttribute('src');
  player.load();
  player.parentElement.hidden = true;
});

export function showVoice(place) {
  const rooms = (guild()?.channels ?? []).filter((channel) => channel.type === 2);
  const seats = guild()?.voice_states ?? [];
  const sounds = guild()?.sounds ?? [];
  // Who speaks is shown by itself, as it changes.
  const shown = seats.map(({ speaking: _, ...seat }) => [seat, nameOf(seat.user_id)]);
  paint(place, [world.guild, world.person, rooms, shown, sounds], () => [
    rooms.map((channel) => room(channel, seats, rooms)),
    !rooms.length && h('p', { class: 'faint' }, 'There is no voice channel.'),
    soundboard(sounds, seats),
  ]);
}

function soundboard(sounds, seats) {
  if (!person() || !seats.some((seat) => seat.user_id === world.person)) return null;
  const which = choose(sounds.map((sound) => [sound.id, sound.name]), { key: 'sound', 'aria-label': 'Sound' });
  return h('div', { class: 'row soundboard' }, which,
    button('sound/play', 'Play on the soundboard', () => (
      act('POST', inGuild('/voice/sounds'), { user: world.person, sound: which.value }))));
}
