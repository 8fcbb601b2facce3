// The page: who looks, what is shown, and following what happens.

import { h, paint, say } from './dom.js';
import { world, guild, readState, readMessages, readCommands } from './world.js';
import { showVoice, setSpeaking } from './voice.js';
import { showChannels, showMessages } from './chat.js';
import { showCommands } from './commands.js';
import { showMembers } from './members.js';
import { showBots } from './bots.js';
import { addEvents } from './log.js';

const place = (id) => document.getElementById(id);

function showHeader() {
  const { state } = world;
  paint(place('guild'), [state.guilds.map((entry) => [entry.id, entry.name])], () => (
    state.guilds.map((entry) => h('option', { value: entry.id }, entry.name))));
  place('guild').value = world.guild;
  const members = new Set(guild()?.members?.map((member) => member.user.id));
  const people = state.users.map((user) => [
    user.id, `${user.global_name ?? user.username}${members.has(user.id) ? '' : ' (not here)'}`]);
  paint(place('person'), people, () => people.map(([id, name]) => h('option', { value: id }, name)));
  place('person').value = world.person;
}

function show() {
  if (!world.state) return;
  showHeader();
  showVoice(place('voice'));
  showChannels(place('channels'), again);
  showMessages(place('messages'), again);
  showCommands(place('commands'), again);
  showMembers(place('members'));
  showBots(place('bots'));
}

// One reading at a time; whatever changes meanwhile leads to one more, not to one each.
let reading = false;
let wanted = { commands: true };
async function read() {
  if (reading) return;
  reading = true;
  try {
    while (wanted) {
      const { commands } = wanted;
      wanted = null;
      await readState();
      await Promise.all([readMessages(), commands ? readCommands() : null]);
      show();
    }
  } catch (error) {
    say(`The simulator does not answer: ${error.message}`, true);
  } finally {
    reading = false;
  }
}

function again(what = {}) {
  wanted = { ...wanted, ...what };
  read();
}

place('guild').addEventListener('change', (event) => {
  world.guild = event.target.value;
  world.channel = null;
  world.direct = null;
  again({ commands: true });
});
place('person').addEventListener('change', (event) => {
  world.person = event.target.value;
  world.direct = null;
  sessionStorage.setItem('person', world.person);
  again();
});

// The stream says that something has changed at most five times a second; a hidden page waits.
const stream = new EventSource('/sim/events?after=0');
let events = [];
stream.addEventListener('message', ({ data }) => {
  if (!events.length) {
    requestAnimationFrame(() => {
      addEvents(place('log'), events);
      events = [];
    });
  }
  const event = JSON.parse(data);
  events.push(event);
  if (event.kind === 'request' && event.event.includes('/commands')) again({ commands: true });
});
let stale = false;
function changed() {
  if (document.hidden) stale = true;
  else again();
}
stream.addEventListener('changed', changed);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && stale) {
    stale = false;
    again({ commands: true });
  }
});
stream.addEventListener('speaking', ({ data }) => setSpeaking(JSON.parse(data)));
const status = (text, live) => {
  place('status').textContent = text;
  place('status').classList.toggle('live', live);
};
stream.addEventListener('open', () => {
  status('live', true);
  again({ commands: true });
});
stream.addEventListener('error', () => status('connecting…', false));
