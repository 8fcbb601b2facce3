// The event log, newest first.

import { h, clock } from './dom.js';

const SHOWN = 400;
const KINDS = ['request', 'dispatch', 'gateway', 'voice', 'message', 'interaction', 'member'];

/** Adds what has happened; what is too old goes. */
export function addEvents(place, events) {
  for (const event of events.slice(-SHOWN)) {
    place.prepend(h('li', { 'data-kind': event.kind },
      h('time', {}, clock(event.at_ms)), h('span', { class: 'kind' }, event.kind),
      h('span', { class: 'what' }, event.event)));
  }
  while (place.children.length > SHOWN) place.lastElementChild.remove();
}

const filters = document.getElementById('kinds');
for (const kind of KINDS) {
  const box = h('input', { type: 'checkbox', checked: true });
  box.addEventListener('change', () => {
    document.getElementById('log').classList.toggle(`without-${kind}`, !box.checked);
  });
  filters.append(h('label', {}, box, kind));
}
