// The text channels, what stands in one, and writing into it.

import { h, menu, button, paint, act, clock, upload, say } from './dom.js';
import { world, guild, nameOf, roleName, channelName, commandsOf } from './world.js';
import { showComponents, told } from './components.js';

/** Which message the next one answers or changes. */
let aim = null;
let read = () => {};

function select(channel, direct = null) {
  world.channel = channel;
  world.direct = direct;
  take(null);
  read();
}

async function openDirect(bot) {
  const opened = await act('POST', `/sim/users/${world.person}/direct-messages`, { bot: bot.id });
  if (opened) select(opened.id, bot.id);
}

export function showChannels(place, again) {
  read = again;
  const channels = guild()?.channels ?? [];
  const { bots } = world.state;
  paint(place, [world.guild, world.channel, channels, bots.map((bot) => bot.name), world.person], () => [
    channels.filter((channel) => channel.type !== 4).map((channel) => (
      button(`channel/${channel.id}`, `${channel.type === 2 ? '♪' : '#'} ${channel.name}`,
        () => select(channel.id),
        { 'aria-current': channel.id === world.channel ? 'true' : null }))),
    bots.map((bot) => button(`direct/${bot.id}`, `@ ${bot.name}`, () => openDirect(bot),
      { 'aria-current': world.direct === bot.id ? 'true' : null })),
  ]);
}

/** Mentions as people read them. */
function readable(text) {
  return text
    .replace(/<@!?(\d+)>/g, (_, id) => `@${nameOf(id)}`)
    .replace(/<@&(\d+)>/g, (_, id) => `@${roleName(id)}`)
    .replace(/<#(\d+)>/g, (_, id) => `#${channelName(id)}`);
}

function attachment(file) {
  // By the name that the page goes by, whichever that is.
  const address = new URL(file.url).pathname;
  if (file.content_type?.startsWith('image/')) {
    return h('img', { src: address, alt: file.description ?? file.filename, class: 'picture', loading: 'lazy' });
  }
  return h('p', {}, h('a', { href: address, download: file.filename }, file.filename),
    h('span', { class: 'faint' }, ` ${file.size} bytes`));
}

function embed(entry) {
  const line = (tag, text) => text && h(tag, {}, readable(text));
  return h('blockquote', {},
    line('p', entry.author?.name), line('h4', entry.title), line('p', entry.description),
    entry.fields?.map((field) => h('p', {}, h('strong', {}, field.name), ` ${readable(field.value)}`)),
    line('footer', entry.footer?.text));
}

const emojiKey = (emoji) => (emoji.id ? `${emoji.name}:${emoji.id}` : emoji.name);

function react(message, emoji, mine) {
  const path = `/sim/messages/${message.id}/reactions`;
  const body = { user: world.person, emoji };
  return mine ? act('DELETE', `${path}?${new URLSearchParams(body)}`) : act('POST', path, body);
}

function reactions(message) {
  return h('div', { class: 'row' }, message.reactions.map((reaction) => {
    const emoji = emojiKey(reaction.emoji);
    return button(`react/${message.id}/${emoji}`, `${reaction.emoji.name} ${reaction.count}`,
      () => react(message, emoji, reaction.me), { class: 'small', 'aria-pressed': `${reaction.me}` });
  }));
}

function actions(message) {
  const key = (what) => `message/${message.id}/${what}`;
  const own = message.author.id === world.person;
  return [
    button(key('reply'), 'Reply', () => take({ reply: message })),
    ['👍', '🎺'].map((emoji) => button(key(emoji), `React with ${emoji}`, () => react(message, emoji, false))),
    own && button(key('edit'), 'Edit', () => take({ edit: message })),
    button(key('delete'), 'Delete', () => act('DELETE', `/sim/messages/${message.id}?user=${world.person}`)),
    commandsOf(3).map((command) => button(key(command.id), command.name, async () => {
      const body = { bot: command.bot.id, user: world.person, command: command.name, on: message.id };
      told(await act('POST', `/sim/channels/${world.channel}/message-command`, body));
    })),
  ];
}

const LOADING = 128;

function show(message) {
  const answered = message.referenced_message;
  const used = message.interaction_metadata;
  const author = message.author ?? { id: '0', username: 'somebody' };
  return h('li', { class: message.only_for ? 'message ephemeral' : 'message' },
    h('div', { class: 'row head' },
      h('strong', {}, nameOf(author.id)), author.bot && h('span', { class: 'mark' }, 'bot'),
      h('time', { class: 'faint' }, clock(Date.parse(message.timestamp))),
      message.edited_timestamp && h('span', { class: 'faint' }, '(edited)'),
      message.type !== 6 && menu(`message/${message.id}`, h('span', { 'aria-label': 'Do something with this message' }, '⋯'),
        () => actions(message))),
    answered && h('p', { class: 'faint quote' }, `↪ ${nameOf(answered.author?.id)}: ${readable(answered.content)}`),
    used?.name && h('p', { class: 'faint quote' }, `${nameOf(used.user?.id)} used ${used.command_type === 1 ? '/' : ''}${used.name}`),
    message.type === 6 && h('p', { class: 'faint' }, 'pinned a message.'),
    message.flags & LOADING ? h('p', { class: 'faint' }, 'is thinking…') : null,
    message.content && h('p', { class: 'text' }, readable(message.content)),
    message.attachments.map(attachment), message.embeds.map(embed),
    showComponents(message, readable), message.reactions?.length ? reactions(message) : null,
    message.only_for && h('p', { class: 'faint' }, 'Only you see this.'));
}

export function showMessages(place) {
  const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 40;
  const first = place.shownChannel !== world.channel;
  place.shownChannel = world.channel;
  const title = world.direct ? `@ ${nameOf(world.direct)}` : channelName(world.channel ?? '');
  document.getElementById('where').textContent = title;
  const { messages } = world;
  paint(place, [world.channel, world.person, messages, world.commands.length], () => (messages.length
    ? messages.map(show)
    : h('li', { class: 'faint' }, 'Nothing has been written here.')));
  if (atEnd || first) place.scrollTop = place.scrollHeight;
}

// Pictures come later than the message they stand in.
document.getElementById('messages').addEventListener('load', (event) => {
  const place = event.currentTarget;
  const grown = event.target.clientHeight;
  if (place.scrollHeight - place.scrollTop - place.clientHeight < grown + 40) place.scrollTop = place.scrollHeight;
}, { capture: true });

const form = document.getElementById('write');
const text = form.elements.namedItem('text');
const files = form.elements.namedItem('files');
const aimed = document.getElementById('aimed');
const cancel = document.getElementById('unaim');

/** Takes aim at a message, or at none. */
function take(next) {
  aim = next;
  const message = next?.reply ?? next?.edit;
  aimed.textContent = message
    ? `${next.reply ? 'Replying to' : 'Editing'}: ${readable(message.content).slice(0, 60)}`
    : '';
  cancel.hidden = !message;
  if (next?.edit) text.value = message.content;
  if (message) text.focus();
}

cancel.addEventListener('click', () => {
  take(null);
  text.value = '';
});

text.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (!world.channel) {
    say('There is no channel to write into.', true);
    return;
  }
  const body = { user: world.person, content: text.value };
  let done;
  if (aim?.edit) {
    done = await act('PATCH', `/sim/messages/${aim.edit.id}`, body);
  } else {
    body.files = await Promise.all([...files.files].map(upload));
    if (aim?.reply) body.reply_to = aim.reply.id;
    done = await act('POST', `/sim/channels/${world.channel}/messages`, body);
  }
  if (done) {
    form.reset();
    take(null);
    read();
  }
});
