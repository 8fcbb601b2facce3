// Buttons, menus and other parts of messages, and the forms that bots show.

import { h, button, act, say } from './dom.js';
import { world, guild, nameOf } from './world.js';

const ROW = 1;
const BUTTON = 2;
const TEXT_INPUT = 4;
const SECTION = 9;
const TEXT = 10;
const SEPARATOR = 14;
const CONTAINER = 17;
const LABEL = 18;
const STYLES = ['', 'primary', '', 'success', 'danger', 'link', 'primary'];
const LINK = 5;

const label = (component) => [component.emoji?.name, component.label].filter(Boolean).join(' ') || component.custom_id;

/** What can be chosen from a menu: a value and a text each. */
function options(component) {
  const users = () => guild().members.map((member) => [member.user.id, nameOf(member.user.id)]);
  const roles = () => guild().roles.map((role) => [role.id, `@${role.name.replace(/^@/, '')}`]);
  const wanted = component.channel_types;
  const channels = () => guild().channels
    .filter((channel) => !wanted?.length || wanted.includes(channel.type))
    .map((channel) => [channel.id, `#${channel.name}`]);
  switch (component.type) {
    case 3: return component.options.map((option) => [option.value, option.label, option.default]);
    case 5: return users();
    case 6: return roles();
    case 7: return [...users(), ...roles()];
    default: return channels();
  }
}

/** A menu; with a key if it stands in a message. */
function select(component, key) {
  const most = component.max_values ?? 1;
  const least = component.min_values ?? 1;
  const entries = options(component);
  const empty = most === 1 ? h('option', { value: '' }, component.placeholder ?? '') : null;
  return h('select', {
    key, multiple: most > 1, size: most > 1 ? Math.min(entries.length, 5) || 1 : null,
    disabled: component.disabled, 'aria-label': component.placeholder ?? component.custom_id,
    required: component.required !== false && least > 0 && !key,
  }, empty, entries.map(([value, text, chosen]) => h('option', { value, selected: chosen }, text)));
}

const chosen = (menu) => [...menu.selectedOptions].map((option) => option.value).filter(Boolean);

async function use(message, component, values) {
  const body = { user: world.person, custom_id: component.custom_id, values };
  told(await act('POST', `/sim/messages/${message.id}/components`, body));
}

function one(message, component, readable) {
  const key = `part/${message.id}/${component.custom_id ?? component.id}`;
  const all = (list) => (list ?? []).map((inner) => one(message, inner, readable));
  switch (component.type) {
    case ROW: return h('div', { class: 'row parts' }, all(component.components));
    case BUTTON:
      if (component.style === LINK) {
        const safe = /^https?:/i.test(component.url ?? '');
        return h('a', { class: 'button-like', href: safe ? component.url : null, rel: 'noopener noreferrer', target: '_blank' }, label(component));
      }
      return button(key, label(component), () => use(message, component, []), {
        class: STYLES[component.style], disabled: component.disabled,
      });
    case SECTION: return h('div', { class: 'row' }, h('div', {}, all(component.components)), all([component.accessory]));
    case TEXT: return h('p', { class: 'text' }, readable(component.content));
    case SEPARATOR: return h('hr');
    case CONTAINER: return h('blockquote', {}, all(component.components));
    case 3: case 5: case 6: case 7: case 8: {
      const menu = select(component, key);
      return [menu, button(`${key}/choose`, 'Choose', () => use(message, component, chosen(menu)), { disabled: component.disabled })];
    }
    default: return null;
  }
}

/** The parts of a message that people can use. */
export function showComponents(message, readable) {
  return message.components.map((component) => one(message, component, readable));
}

/** What became of something a person did: a form to fill in, or a line that says so. */
export function told(answer) {
  if (!answer) return;
  if (answer.kind === 'form') ask(answer);
  else if (answer.kind === 'deferred') say('The bot has taken note.');
  else say(`The bot answered after ${answer.acknowledged_after_ms} ms.`);
}

function field(component, fields) {
  const name = component.custom_id;
  let input;
  if (component.type === TEXT_INPUT) {
    const properties = {
      required: component.required !== false, minlength: component.min_length,
      maxlength: component.max_length, placeholder: component.placeholder, value: component.value ?? '',
    };
    input = component.style === 2 ? h('textarea', { rows: 4, ...properties }) : h('input', properties);
    fields.push([name, () => input.value]);
  } else if (component.options || [5, 6, 7, 8].includes(component.type)) {
    input = select(component);
    fields.push([name, () => chosen(input)]);
  } else {
    return null;
  }
  return component.label ? h('label', {}, component.label, input) : input;
}

function part(component, fields) {
  switch (component.type) {
    case ROW: return component.components.map((inner) => field(inner, fields));
    case LABEL: return h('label', {}, component.label,
      component.description && h('span', { class: 'faint' }, component.description),
      field(component.component, fields));
    case TEXT: return h('p', {}, component.content);
    default: return null;
  }
}

const dialog = document.getElementById('form');

/** Shows a form of a bot; it is sent when it is filled in. */
function ask(shown) {
  const fields = [];
  const parts = shown.components.map((component) => part(component, fields));
  const form = h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      const given = fields.map(([name, value]) => [name, value()]);
      const values = Object.fromEntries(given.filter(([, value]) => value.length));
      const answer = await act('POST', `/sim/forms/${shown.form}`, { values });
      if (!answer) return;
      dialog.close();
      told(answer);
    },
  }, h('h2', { id: 'form-title' }, shown.title), parts,
  h('div', { class: 'row' }, h('button', { class: 'primary' }, 'Send'),
    button('form/cancel', 'Cancel', () => dialog.close())));
  dialog.replaceChildren(form);
  dialog.showModal();
}
