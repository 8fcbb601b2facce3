// The members of the guild, and what administrators do to them.

import { h, menu, button, paint, act } from './dom.js';
import { world, guild, nameOf, inGuild, commandsOf } from './world.js';
import { told } from './components.js';

/** How many are shown at once, until somebody wants to see more. */
const SHOWN = 40;
let limit = SHOWN;
const search = document.getElementById('search');

const change = (user, body) => act('PATCH', inGuild(`/members/${user}`), body);

function roles(member, all) {
  return all.filter((role) => role.id !== world.guild && !role.managed).map((role) => {
    const has = member.roles.includes(role.id);
    const box = h('input', { type: 'checkbox', checked: has, key: `role/${member.user.id}/${role.id}` });
    box.addEventListener('change', () => {
      const rest = member.roles.filter((id) => id !== role.id);
      change(member.user.id, { roles: box.checked ? [...rest, role.id] : rest });
      box.blur();
    });
    return h('label', { class: 'check' }, box, role.name);
  });
}

function actions(member, all) {
  const { id } = member.user;
  const key = (what) => `member/${id}/${what}`;
  const nick = h('input', { key: key('nick'), value: member.nick ?? '', maxlength: 32, 'aria-label': 'Nickname', placeholder: 'Nickname' });
  const muted = member.communication_disabled_until;
  const timedOut = muted && Date.parse(muted) > world.state.now_ms;
  return [
    roles(member, all),
    h('div', { class: 'row' }, nick, button(key('name'), 'Name', () => change(id, { nick: nick.value }))),
    timedOut
      ? button(key('timeout'), 'End the time-out', () => change(id, { timeout_ms: 0 }))
      : button(key('timeout'), 'Time out for a minute', () => change(id, { timeout_ms: 60000 })),
    commandsOf(2).map((command) => button(key(command.id), command.name, async () => {
      const body = { bot: command.bot.id, user: world.person, command: command.name, on: id };
      told(await act('POST', `/sim/channels/${world.channel}/user-command`, body));
    })),
    button(key('kick'), 'Remove from the guild', () => act('DELETE', inGuild(`/members/${id}`)), { class: 'danger' }),
    button(key('ban'), 'Ban', () => act('PUT', inGuild(`/bans/${id}`)), { class: 'danger' }),
  ];
}

function row(member, all) {
  const { user } = member;
  const names = new Map(all.map((role) => [role.id, role.name]));
  const marks = [user.bot && 'bot', guild().owner_id === user.id && 'owner', ...member.roles.map((id) => names.get(id))];
  return h('li', {}, menu(`member/${user.id}`, [
    nameOf(user.id), h('span', { class: 'faint' }, ` @${user.username}`),
    marks.filter(Boolean).map((mark) => h('span', { class: 'mark' }, mark)),
  ], () => actions(member, all)));
}

export function showMembers(place) {
  const members = guild()?.members ?? [];
  const all = guild()?.roles ?? [];
  const wanted = search.value.trim().toLowerCase();
  const isWanted = ({ user, nick }) => [user.username, user.global_name, nick]
    .some((name) => name?.toLowerCase().includes(wanted));
  const found = wanted ? members.filter(isWanted) : members;
  const shown = found.slice(0, limit);
  document.getElementById('count').textContent = `${members.length}`;
  paint(place, [world.guild, shown, all, found.length, guild()?.owner_id, commandsOf(2).length, absent().length], () => [
    shown.map((member) => row(member, all)),
    found.length > shown.length && h('li', {}, button('members/more', `Show all ${found.length}`, () => {
      limit = Infinity;
      showMembers(place);
    })),
    !found.length && h('li', { class: 'faint' }, 'Nobody is called that.'),
    absent().map(([id, name]) => h('li', {}, button(`invite/${id}`, `Let ${name} in`,
      () => act('POST', inGuild('/members'), { user: id })))),
  ]);
}

/** Who could become a member. */
function absent() {
  const here = new Set((guild()?.members ?? []).map((member) => member.user.id));
  const bots = world.state.bots.map((bot) => [bot.id, bot.name]);
  const people = world.state.users.map((user) => [user.id, user.global_name ?? user.username]);
  return [...bots, ...people].filter(([id]) => !here.has(id));
}

search.addEventListener('input', () => showMembers(document.getElementById('members')));
