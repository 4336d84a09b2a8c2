// The keys: who uses what now, what is left of their limits, and the way to change them.

import { ago, byId, compact, duration, make, money, number, say, style } from './dom.js';
import { bar } from './overview.js';
import { openAdd, openKey } from './dialogs.js';

const shownRows = 50;
const headings = ['Key', 'Now', 'This hour', 'This minute', 'Today', 'Cost today', 'Last used', ''];

const orders = {
  label: () => 0,
  now: (left, right) => busyNow(right) - busyNow(left),
  hour: (left, right) => right.hour_requests - left.hour_requests,
  cost: (left, right) => right.usd.used - left.usd.used,
  used: (left, right) => (right.key.last_used_at ?? '').localeCompare(left.key.last_used_at ?? ''),
};
const alphabet = new Intl.Collator('en', { numeric: true });
const busyNow = (state) => state.running + state.waiting + state.pages_running + state.pages_waiting;

let snapshot = null;
let me = null;
let body = null;
let isWhole = false;
const rows = new Map();

export function startKeys() {
  byId('keys-filter').addEventListener('input', () => { isWhole = false; render(true); });
  byId('keys-order').addEventListener('change', () => render(true));
  byId('keys-add').addEventListener('click', (event) => openAdd(event.currentTarget));
}

export function clearKeys() {
  snapshot = null;
  body = null;
  isWhole = false;
  rows.clear();
  byId('keys-body').replaceChildren();
  byId('keys-filter').value = '';
  say(byId('keys-count'), '');
}

export function showKeys(answer, signedIn) {
  [snapshot, me] = [answer, signedIn];
  const ids = new Set(answer.keys.map((state) => state.key.id));
  for (const id of rows.keys()) if (!ids.has(id)) rows.delete(id);
  render(false);
}

/** Rows keep their place while somebody is at them, unless they ask for another order. */
function render(isAsked) {
  if (!snapshot) return;
  body ??= build();
  const wanted = byId('keys-filter').value.trim().toLowerCase();
  const found = snapshot.keys.filter(({ key }) => !wanted || key.label.toLowerCase().includes(wanted) || key.id.includes(wanted) || key.prefix.toLowerCase().includes(wanted))
    .sort((left, right) => orders[byId('keys-order').value](left, right) || alphabet.compare(left.key.label, right.key.label));
  const shown = isWhole ? found : found.slice(0, shownRows);
  const now = new Date(snapshot.at);
  const nodes = shown.map((state) => {
    let row = rows.get(state.key.id);
    if (!row) rows.set(state.key.id, row = makeRow());
    update(row, state, now);
    return row.node;
  });
  const isBusy = body.matches(':hover') || body.contains(document.activeElement);
  const current = [...body.children];
  const isSameSet = current.length === nodes.length && nodes.every((node) => node.parentNode === body);
  if (!(isSameSet && (nodes.every((node, index) => node === current[index]) || (isBusy && !isAsked)))) {
    // What has the focus is not moved: whoever is moved loses it.
    const focused = document.activeElement;
    body.replaceChildren(...nodes);
    if (focused !== document.activeElement && body.contains(focused)) focused.focus();
  }
  say(byId('keys-count'), wanted ? `${number(found.length)} of ${number(snapshot.keys.length)} keys` : `${number(snapshot.keys.length)} ${snapshot.keys.length === 1 ? 'key' : 'keys'}`);
  const [more, none] = [byId('keys-more'), byId('keys-none')];
  more.hidden = shown.length === found.length;
  say(more, `Show all ${number(found.length)}`);
  none.hidden = found.length > 0;
}

// The roles are said once more: as cards on a phone the elements are no table to a screen reader.
function build() {
  const list = make('tbody', { role: 'rowgroup' });
  const head = make('thead', { role: 'rowgroup' }, make('tr', { role: 'row' },
    ...headings.map((heading) => heading ? make('th', { scope: 'col', role: 'columnheader' }, heading) : make('td', { role: 'cell' }))));
  byId('keys-body').replaceChildren(
    make('table', { className: 'keys', role: 'table' }, make('caption', { className: 'unseen' }, 'Keys, what they use, and what is left of their limits'), head, list),
    make('p', { id: 'keys-none', className: 'muted', hidden: true }, 'No key has this in its label or id.'),
    make('button', { id: 'keys-more', type: 'button', hidden: true, onclick: () => { isWhole = true; render(true); list.children[shownRows]?.querySelector('button').focus(); } }));
  return list;
}

function makeRow() {
  const cell = (name) => {
    const text = make('span', { className: 'value' });
    return { node: make('td', { role: 'cell', 'data-label': name }, text), text };
  };
  const meter = (name) => {
    const made = cell(name);
    made.bar = bar(0, 1);
    made.node.append(made.bar);
    return made;
  };
  const row = { label: make('span', { className: 'label' }), notes: make('span', { className: 'notes' }), now: cell('Now'), hour: cell('This hour'), minute: meter('This minute'), day: meter('Today'), cost: meter('Cost today'), used: cell('Last used') };
  row.button = make('button', { type: 'button', onclick: () => openKey(row.state, me, snapshot, row.button) }, 'Manage');
  row.node = make('tr', { role: 'row' },
    make('th', { scope: 'row', role: 'rowheader' }, row.label, row.notes),
    row.now.node, row.hour.node, row.minute.node, row.day.node, row.cost.node, row.used.node,
    make('td', { role: 'cell', className: 'action' }, row.button));
  return row;
}

function update(row, state, now) {
  const { key } = state;
  const isNew = row.state?.key.label !== key.label;
  row.state = state;
  if (isNew) {
    say(row.label, key.label);
    row.button.setAttribute('aria-label', `Manage ${key.label}`);
  }
  showNotes(row, notesOf(key, now));
  const [running, waiting] = [state.running + state.pages_running, state.waiting + state.pages_waiting];
  say(row.now.text, running + waiting === 0 ? '–' : `${number(running)} running${waiting ? `, ${number(waiting)} waiting` : ''}`);
  style(row.now.text, running + waiting ? 'value strong' : 'value muted');
  say(row.hour.text, state.hour_requests === 0 ? '–' : `${compact(state.hour_requests)}${state.hour_failed ? `, ${compact(state.hour_failed)} failed` : ''}`);
  style(row.hour.text, state.hour_requests ? 'value' : 'value muted');
  setMeter(row.minute, `${compact(state.minute.used)} / ${compact(state.minute.limit)}`, state.minute.used, state.minute.limit);
  setMeter(row.day, `${compact(state.day.used)} / ${compact(state.day.limit)}`, state.day.used, state.day.limit);
  setMeter(row.cost, state.usd.limit === undefined ? money(state.usd.used) : `${money(state.usd.used)} / ${money(state.usd.limit)}`, state.usd.used, state.usd.limit);
  say(row.used.text, ago(key.last_used_at, now));
}

function setMeter(cell, text, used, limit) {
  say(cell.text, text);
  const next = limit === undefined ? 'none' : `${used}/${limit}`;
  if (cell.bar.dataset.value === next) return;
  const drawn = bar(used, limit ?? 0);
  drawn.dataset.value = next;
  if (limit === undefined) drawn.classList.add('none');
  cell.bar.replaceWith(drawn);
  cell.bar = drawn;
}

function notesOf(key, now) {
  const notes = [];
  if (key.id === me.id) notes.push(['you', '']);
  if (key.scopes.includes('admin')) notes.push(['admin', '']);
  if (key.expires_at) {
    const left = (new Date(key.expires_at) - now) / 1000;
    notes.push(left <= 0 ? ['expired', 'bad'] : [`expires in ${duration(left)}`, left < 604_800 ? 'warn' : '']);
  }
  if (key.old_secret_until && new Date(key.old_secret_until) > now) notes.push([`old secret for ${duration((new Date(key.old_secret_until) - now) / 1000)}`, 'warn']);
  return notes;
}

function showNotes(row, notes) {
  const next = JSON.stringify(notes);
  if (row.shownNotes === next) return;
  row.shownNotes = next;
  row.notes.replaceChildren(...notes.map(([text, kind]) => make('span', { className: `tag ${kind}` }, text)));
}
