// Using the bots' slash commands: typed options, suggestions, files.

import { h, choose, paint, act, ask, upload } from './dom.js';
import { world, guild, nameOf, commandsOf } from './world.js';
import { told } from './components.js';

const SUBCOMMAND = 1;
const GROUP = 2;
const INTEGER = 4;
const BOOLEAN = 5;
const NUMBER = 10;
const FILE = 11;

/** The commands with their subcommands, each as what is typed and the options it takes. */
function uses() {
  const found = [];
  const walk = (command, name, entry) => {
    const options = entry.options ?? [];
    const branches = options.filter((option) => option.type === SUBCOMMAND || option.type === GROUP);
    if (branches.length) branches.forEach((branch) => walk(command, `${name} ${branch.name}`, branch));
    else found.push({ bot: command.bot, name, description: entry.description, options });
  };
  commandsOf(1).forEach((command) => walk(command, command.name, command));
  return found;
}

function picks(option) {
  const users = () => guild().members.map((member) => [member.user.id, nameOf(member.user.id)]);
  const roles = () => guild().roles.map((role) => [role.id, role.name]);
  switch (option.type) {
    case BOOLEAN: return [['true', 'true'], ['false', 'false']];
    case 6: return users();
    case 7: return guild().channels
      .filter((channel) => !option.channel_types?.length || option.channel_types.includes(channel.type))
      .map((channel) => [channel.id, channel.name]);
    case 8: return roles();
    case 9: return [...users(), ...roles()];
    default: return option.choices?.length ? option.choices.map((choice) => [`${choice.value}`, choice.name]) : null;
  }
}

/** Asks the bot what could stand here, once the fingers rest. */
function suggest(input, list, use, option, others) {
  let timer;
  let number = 0;
  const offer = async () => {
    const mine = ++number;
    const options = Object.fromEntries(await others(option.name));
    const body = { bot: use.bot.id, user: world.person, command: use.name, options, option: option.name, partial: input.value };
    let choices = [];
    try {
      choices = await ask('POST', `/sim/channels/${world.channel}/autocomplete`, body);
    } catch {
      // A bot that makes no suggestion is no reason to bother whoever types.
    }
    if (mine !== number) return;
    list.replaceChildren(...choices.map((choice) => h('option', { value: `${choice.value}`, label: choice.name })));
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(offer, 200);
  };
  input.addEventListener('input', soon);
  input.addEventListener('focus', soon);
}

function field(use, option, others) {
  const required = option.required === true;
  const offered = picks(option);
  if (offered) {
    const input = choose([['', required ? 'Choose…' : ''], ...offered], { required });
    return [input, async () => input.value];
  }
  if (option.type === FILE) {
    const input = h('input', { type: 'file', required });
    return [input, async () => (input.files.length ? upload(input.files[0]) : '')];
  }
  const isNumber = option.type === INTEGER || option.type === NUMBER;
  const list = option.autocomplete ? h('datalist', { id: `offer-${option.name}` }) : null;
  const input = h('input', {
    type: isNumber && !list ? 'number' : 'text', step: option.type === NUMBER ? 'any' : null, required,
    min: option.min_value, max: option.max_value, minlength: option.min_length, maxlength: option.max_length,
    list: list?.id, autocomplete: 'off',
  });
  if (list) suggest(input, list, use, option, others);
  return [[input, list], async () => input.value];
}

function fill(place, use) {
  const fields = [];
  const others = async (but) => {
    const values = fields.filter(([name]) => name !== but).map(async ([name, value]) => [name, await value()]);
    return (await Promise.all(values)).filter(([, value]) => value !== '');
  };
  const rows = use.options.map((option) => {
    const [inputs, value] = field(use, option, others);
    fields.push([option.name, value]);
    return h('label', {}, h('span', {}, option.name, option.required ? ' *' : '',
      h('span', { class: 'faint' }, ` ${option.description ?? ''}`)), inputs);
  });
  const form = h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      const send = form.querySelector('button');
      send.disabled = true;
      const options = Object.fromEntries(await others(null));
      const body = { bot: use.bot.id, user: world.person, command: use.name, options };
      const answer = await act('POST', `/sim/channels/${world.channel}/slash`, body);
      send.disabled = false;
      told(answer);
    },
  }, h('p', { class: 'faint' }, `${use.description ?? ''} (${use.bot.name})`), rows,
  h('button', { class: 'primary', key: 'use' }, `Use /${use.name}`));
  place.replaceChildren(form);
}

let last = null;

export function showCommands(place) {
  const all = uses();
  const id = (use) => `${use.bot.id}/${use.name}`;
  paint(place, [world.guild, all, (guild()?.members ?? []).length], () => {
    if (!all.length) return h('p', { class: 'faint' }, 'No bot has registered a command here.');
    const inside = h('div');
    const current = () => all.find((use) => id(use) === last) ?? all[0];
    const which = choose(all.map((use) => [id(use), `/${use.name}`]), {
      key: 'command', value: id(current()),
      onchange: () => {
        last = which.value;
        fill(inside, current());
      },
    });
    fill(inside, current());
    return [h('label', {}, 'Command', which), inside];
  });
}
