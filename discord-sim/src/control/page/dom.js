// Building the page, and asking the simulator for things. Text only ever becomes text: nothing
// here, or anywhere in these files, reads HTML.

// Which <details> are open, by their keys, across repaints.
const unfolded = new Set();

/** Makes an element. Functions among the properties listen to events; `key` names it for life. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name === 'key') element.dataset.key = value;
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  if (tag === 'select' && properties.value !== undefined) element.value = properties.value;
  return element;
}

/** A menu that opens; it stays open when the page is painted again. What it holds is made then. */
export function menu(key, label, fill) {
  const inside = h('div', { class: 'menu' });
  const details = h('details', { key, open: unfolded.has(key) }, h('summary', { key: `${key}/head` }, label), inside);
  const show = () => {
    if (details.open) unfolded.add(key);
    else unfolded.delete(key);
    inside.replaceChildren(...(details.open ? [fill()].flat(9).filter(Boolean) : []));
  };
  details.addEventListener('toggle', show);
  if (details.open) show();
  return details;
}

const isField = (element) => element.matches('input, select, textarea');

// What waits until a field is left and a button let go of.
const waiting = new Map();
let pressed = null;
function resume() {
  const all = [...waiting];
  waiting.clear();
  for (const [place, [shown, build]] of all) paint(place, shown, build);
}
document.addEventListener('pointerdown', (event) => { pressed = event.target; });
for (const end of ['pointerup', 'pointercancel', 'focusout']) {
  // The click that follows still finds what was pressed.
  document.addEventListener(end, () => setTimeout(() => {
    if (end !== 'focusout') pressed = null;
    resume();
  }, 50));
}
for (const change of ['input', 'change']) {
  document.addEventListener(change, (event) => { event.target.touched = true; });
}

/** What somebody has filled in, by the keys of the fields. */
function filled(place) {
  const fields = [...place.querySelectorAll('select[data-key], input[data-key]')];
  return fields.filter((field) => field.touched && field.type !== 'checkbox').map((field) => [field.dataset.key,
    field.multiple ? [...field.selectedOptions].map((option) => option.value) : field.value]);
}

const find = (place, key) => place.querySelector(`[data-key="${CSS.escape(key)}"]`);

function fill(place, values) {
  for (const [key, value] of values) {
    const field = find(place, key);
    if (!field) continue;
    field.touched = true;
    if (field.multiple) for (const option of field.options) option.selected = value.includes(option.value);
    else field.value = value;
  }
}

/** Paints a part of the page anew if what it shows has changed; not under somebody's fingers. */
export function paint(place, shown, build) {
  const signature = JSON.stringify(shown);
  waiting.delete(place);
  if (place.signature === signature) return;
  const active = document.activeElement;
  const inside = active !== place && place.contains(active);
  if ((inside && isField(active)) || place.contains(pressed)) {
    waiting.set(place, [shown, build]);
    return;
  }
  place.signature = signature;
  const key = inside ? active.dataset.key : null;
  const values = filled(place);
  place.replaceChildren(...[build()].flat(9).filter(Boolean));
  fill(place, values);
  if (key) find(place, key)?.focus();
}

/** Says something in the corner for a while. */
export function say(text, isError = false) {
  const line = h('p', { class: isError ? 'error' : '' }, text);
  document.getElementById('said').prepend(line);
  setTimeout(() => line.remove(), isError ? 9000 : 5000);
}

/** Asks the simulator; throws what it has against it. */
export async function ask(method, path, body) {
  const request = { method, headers: {} };
  if (body !== undefined) {
    request.headers['content-type'] = 'application/json';
    request.body = JSON.stringify(body);
  }
  const response = await fetch(path, request);
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(answer?.error ?? `${response.status}`);
  return answer;
}

/** Does something; what is wrong with it is said. */
export async function act(method, path, body) {
  try {
    return (await ask(method, path, body)) ?? true;
  } catch (error) {
    say(error.message, true);
    return null;
  }
}

/** A button that does something. */
export function button(key, label, onclick, properties = {}) {
  return h('button', { type: 'button', key, onclick, ...properties }, label);
}

/** A menu to choose from; each option is a value and a text. */
export function choose(options, properties = {}) {
  return h('select', properties, options.map(([value, text]) => h('option', { value }, text)));
}

/** A file as JSON carries it. */
export async function upload(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = '';
  for (let at = 0; at < bytes.length; at += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return { name: file.name, base64: btoa(binary) };
}

/** The time of day. */
export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });
