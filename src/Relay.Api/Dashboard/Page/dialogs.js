// What changes keys. Each change is one dialog; where the focus was before is where it goes back to.

import { ago, byId, compact, dateAndTime, make, money, say } from './dom.js';

let change = null;
let signedOut = null;
let opener = null;
let chosen = null;
let saidTimer = null;

export function startDialogs(changeKey, afterOwnRevocation) {
  [change, signedOut] = [changeKey, afterOwnRevocation];
  for (const dialog of document.querySelectorAll('dialog')) {
    for (const button of dialog.querySelectorAll('[data-close]')) button.addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => afterClose(dialog));
  }
  // The one dialog that can't be opened again is not closed by a key hit by accident.
  byId('secret-dialog').addEventListener('cancel', (event) => event.preventDefault());
  byId('key-dialog').addEventListener('click', (event) => {
    const action = event.target.dataset?.action;
    if (action) follow(action);
  });
  byId('secret-copy').addEventListener('click', copySecret);
  onSubmit('add-form', addKey);
  onSubmit('limits-form', setLimits);
  onSubmit('rotate-form', rotate);
  onSubmit('revoke-form', revoke);
}

export function openAdd(from) {
  byId('add-form').reset();
  open('add-dialog', from);
}

export function openKey(state, me, snapshot, from) {
  chosen = { state, isOwn: state.key.id === me.id, admins: snapshot.keys.filter((one) => one.key.scopes.includes('admin') && !(new Date(one.key.expires_at) <= new Date(snapshot.at))).length };
  say(byId('key-dialog-title'), state.key.label);
  const { key } = state;
  const limit = (value) => (value === undefined ? 'default' : compact(value));
  const facts = [
    ['Id', key.id],
    ['Secret begins with', key.prefix],
    ['Made', dateAndTime(key.created_at)],
    ['Expires', key.expires_at ? dateAndTime(key.expires_at) : 'never'],
    ['Last used', ago(key.last_used_at, new Date(snapshot.at))],
    ['Old secret', key.old_secret_until && new Date(key.old_secret_until) > new Date(snapshot.at) ? `works until ${dateAndTime(key.old_secret_until)}` : 'none'],
    ['May be used for', key.scopes.join(', ')],
    ['Tools', key.no_tools ? 'refused' : 'allowed; they run at the caller'],
    ['Models', key.models?.join(', ') ?? 'all that the relay allows'],
    ['Limits of this key', `${limit(key.limits.rpm)} a minute, ${limit(key.limits.daily)} a day, ${limit(key.limits.concurrency)} at once, ${key.limits.usd_per_day === undefined ? 'no money limit' : `${money(key.limits.usd_per_day)} a day`}`],
    ['At once', `${state.concurrency.used} of ${state.concurrency.limit}`],
    ['Pages', `${compact(state.page_minute.used)} of ${compact(state.page_minute.limit)} this minute, ${compact(state.page_day.used)} of ${compact(state.page_day.limit)} today`],
  ];
  byId('key-facts').replaceChildren(...facts.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
  open('key-dialog', from);
}

function follow(action) {
  const { state: { key }, isOwn, admins } = chosen;
  const from = opener;
  byId('key-dialog').close();
  if (action === 'limits') {
    say(byId('limits-title'), `Limits of ${key.label}`);
    for (const name of ['rpm', 'daily', 'concurrency', 'usd_per_day']) byId(`limits-${name}`).value = key.limits[name] ?? '';
  } else if (action === 'rotate') {
    say(byId('rotate-title'), `Rotate ${key.label}`);
    byId('rotate-form').reset();
    byId('rotate-own').hidden = !isOwn;
  } else {
    say(byId('revoke-title'), `Revoke ${key.label}`);
    byId('revoke-form').reset();
    const isLast = key.scopes.includes('admin') && admins <= 1;
    byId('revoke-own').hidden = !isOwn && !isLast;
    say(byId('revoke-own'), `${isOwn ? 'You are signed in with this key: this ends your session. ' : ''}${isLast ? "It is the last admin key: a new one is then made on the relay's machine only." : ''}`.trim());
  }
  open(`${action}-dialog`, from);
}

function open(id, from) {
  opener = from;
  const dialog = byId(id);
  for (const error of dialog.querySelectorAll('.error')) say(error, '');
  for (const field of dialog.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
  dialog.showModal();
}

function afterClose(dialog) {
  if (dialog.id === 'secret-dialog') byId('secret-text').value = '';
  if (document.querySelector('dialog[open]')) return;
  const back = opener?.isConnected && !opener.closest('[hidden]') ? opener : byId('panels').hidden ? byId('secret') : byId('keys-title');
  back.focus();
}

/** One change at a time, with its error beside the field at fault. */
function onSubmit(id, work) {
  const form = byId(id);
  const [submit, error] = [form.querySelector('[type=submit]'), form.querySelector('.error')];
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    say(error, '');
    for (const field of form.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
    try {
      await work(form);
    } catch (problem) {
      say(error, problem.message);
      const field = form.elements[problem.field === 'expires_in' ? 'expires' : problem.field ?? ''];
      if (field instanceof HTMLElement) {
        field.setAttribute('aria-invalid', 'true');
        field.focus();
      }
    } finally {
      submit.disabled = false;
    }
  });
}

class WrongField extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

function limitsOf(form) {
  const limits = {};
  for (const name of ['rpm', 'daily', 'concurrency', 'usd_per_day']) {
    const text = form.elements[name].value.trim();
    if (text === '') continue;
    if (!(name === 'usd_per_day' ? /^\d+(\.\d+)?$/ : /^\d+$/).test(text)) throw new WrongField(name, name === 'usd_per_day' ? 'A sum is a number such as 2.50.' : 'A limit is a whole number.');
    limits[name] = Number(text);
  }
  return limits;
}

async function addKey(form) {
  const models = form.elements.models.value.split(/[\s,]+/).filter(Boolean);
  const scopes = [...form.querySelectorAll('[name=scope]:checked')].map((box) => box.value);
  const expires = form.elements.expires.value;
  const answer = await change('POST', 'keys', {
    label: form.elements.label.value.trim(),
    limits: limitsOf(form),
    scopes,
    ...(models.length ? { models } : {}),
    ...(expires ? { expires_in: Number(expires) } : {}),
    ...(form.elements.tools.checked ? {} : { no_tools: true }),
  });
  byId('add-dialog').close();
  if (answer) showSecret(`${answer.key.label} is added`, 'The key works from now on.', answer.secret);
}

async function setLimits(form) {
  const { key } = chosen.state;
  const answer = await change('PUT', `keys/${encodeURIComponent(key.id)}/limits`, limitsOf(form));
  byId('limits-dialog').close();
  if (answer) announce(`The limits of ${key.label} are set.`);
}

async function rotate(form) {
  const { key } = chosen.state;
  const overlap = Number(form.elements.overlap.value);
  const answer = await change('POST', `keys/${encodeURIComponent(key.id)}/rotate`, { overlap });
  byId('rotate-dialog').close();
  if (answer) showSecret(`${key.label} has a new secret`, overlap ? `The old one works until ${dateAndTime(answer.key.old_secret_until)}.` : 'The old one stops working within a second.', answer.secret);
}

async function revoke(form) {
  const { state: { key }, isOwn } = chosen;
  const typed = form.elements.label.value.trim();
  if (typed !== key.label) throw new WrongField('label', `That is not the key's label, ${key.label}.`);
  const answer = await change('POST', `keys/${encodeURIComponent(key.id)}/revoke`, { label: typed });
  // Its row goes with the next answer, and would take the focus with it.
  if (answer) opener = null;
  byId('revoke-dialog').close();
  if (answer && isOwn) signedOut();
  else if (answer) announce(`${key.label} is revoked.`);
}

function showSecret(title, what, secret) {
  say(byId('secret-title'), title);
  say(byId('secret-what'), what);
  say(byId('secret-copy'), 'Copy');
  byId('secret-text').value = secret;
  open('secret-dialog', opener);
}

/** Where the browser gives no clipboard (plain HTTP from another machine), the text is selected for the hand to copy. */
async function copySecret() {
  const field = byId('secret-text');
  try {
    await navigator.clipboard.writeText(field.value);
    say(byId('secret-copy'), 'Copied');
  } catch {
    field.focus();
    field.select();
    say(byId('secret-copy'), 'Selected: copy it with your keyboard');
  }
}

function announce(text) {
  clearTimeout(saidTimer);
  say(byId('said'), text);
  saidTimer = setTimeout(() => say(byId('said'), ''), 6000);
}
