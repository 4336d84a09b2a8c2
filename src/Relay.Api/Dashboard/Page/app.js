// Who is signed in, when the relay is asked, and what becomes of an answer that does not come.

import { byId, say, timeOfDay } from './dom.js';
import { clearOverview, doubtHealth, showOverview } from './overview.js';
import { clearUsage, showUsage, startUsage } from './usage.js';
import { clearKeys, showKeys, startKeys } from './keys.js';
import { startDialogs } from './dialogs.js';

const pollEvery = 3000;
const usageEvery = 60_000;
const slowestRetry = 15_000;
const answerWithin = 10_000;
// The cookie goes to every port of this host, the storage of an origin to none: a session needs both.
const proofName = 'relay_dashboard_proof';

/** The session is over. */
class SignedOut extends Error {}

/** The relay said no, and why. */
class Refused extends Error {
  constructor(status, error) {
    super(error?.message ?? `The relay answered ${status}.`);
    this.status = status;
    this.field = error?.field;
  }
}

let me = null;
let timer = null;
let failures = 0;
let usageAt = 0;
let lastAnswer = null;
let round = 0;
let usageRound = 0;

/** Asks the relay. Throws SignedOut, Refused, or what fetch throws when there is nobody. */
async function call(method, path, body, headers = {}) {
  const proof = localStorage.getItem(proofName);
  const response = await fetch(`/dashboard/${path}`, {
    method,
    headers: { ...headers, ...(proof && { 'X-Dashboard-Proof': proof }), ...(body !== undefined && { 'Content-Type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: 'no-store',
    redirect: 'error',
    signal: AbortSignal.timeout(answerWithin),
  });
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return answer;
  if (response.status === 401) throw new SignedOut();
  throw new Refused(response.status, answer?.error);
}

async function poll() {
  clearTimeout(timer);
  if (document.hidden || !me) return;
  const mine = ++round;
  try {
    const snapshot = await call('GET', 'snapshot');
    if (mine !== round || !me) return;
    failures = 0;
    lastAnswer = new Date();
    setStale(null);
    showOverview(snapshot);
    showKeys(snapshot, me);
    if (Date.now() - usageAt > usageEvery) await refreshUsage();
  } catch (error) {
    if (mine !== round || !me) return;
    if (error instanceof SignedOut) {
      leave('Your session is over: the relay was restarted, the page was away for half an hour, or the key no longer opens it.');
      return;
    }
    failures++;
    setStale(error instanceof Refused ? error.message : null);
  }
  if (mine === round) timer = setTimeout(poll, Math.min(pollEvery * (1 + failures), slowestRetry));
}

async function refreshUsage() {
  usageAt = Date.now();
  const mine = ++usageRound;
  const answer = await call('GET', `usage?days=${byId('usage-days').value}`);
  if (me && mine === usageRound) showUsage(answer);
}

/** What is on the page stays there, and the page says how old it is. */
function setStale(problem) {
  const isStale = failures > 0;
  document.body.classList.toggle('stale', isStale);
  if (isStale) doubtHealth();
  say(byId('banner'), !isStale ? '' : `${problem ?? "The relay can't be reached."} ${lastAnswer ? `What you see is of ${timeOfDay(lastAnswer)}. ` : ''}Trying again …`);
  say(byId('fresh'), lastAnswer ? `${isStale ? 'As of' : 'Updated'} ${timeOfDay(lastAnswer)}` : '');
}

function enter(key) {
  me = key;
  failures = 0;
  usageAt = 0;
  lastAnswer = null;
  say(byId('who-label'), key.label);
  show(true);
  poll();
}

/** Nothing of what was shown stays behind. A dialog with a new secret does: there is no second chance to read it. */
function leave(why) {
  me = null;
  localStorage.removeItem(proofName);
  round++;
  usageRound++;
  clearTimeout(timer);
  failures = 0;
  setStale(null);
  for (const dialog of document.querySelectorAll('dialog[open]')) if (dialog.id !== 'secret-dialog') dialog.close();
  clearOverview();
  clearUsage();
  clearKeys();
  say(byId('fresh'), '');
  say(byId('sign-in-why'), why);
  show(false);
  if (!byId('secret-dialog').open) byId('secret').focus();
}

function show(isSignedIn) {
  byId('sign-in').hidden = isSignedIn;
  for (const id of ['panels', 'who', 'nav', 'health']) byId(id).hidden = !isSignedIn;
}

async function signIn(event) {
  event.preventDefault();
  const [field, error] = [byId('secret'), byId('sign-in-error')];
  const secret = field.value.trim();
  say(error, '');
  try {
    if (!/^crk_[\w-]+$/.test(secret)) throw new SignedOut();
    const { key, proof } = await call('POST', 'session', undefined, { Authorization: `Bearer ${secret}` });
    localStorage.setItem(proofName, proof);
    field.value = '';
    say(byId('sign-in-why'), '');
    enter(key);
    byId('main').focus();
  } catch (problem) {
    say(error, problem instanceof SignedOut ? 'The relay does not know this key, or it is expired or revoked.'
      : problem instanceof Refused ? problem.message
      : "The relay can't be reached.");
    field.select();
    field.focus();
  }
}

async function signOut() {
  try {
    await call('DELETE', 'session');
    leave('You are signed out.');
  } catch (problem) {
    if (problem instanceof SignedOut) leave('You are signed out.');
    else { failures++; setStale("The relay can't be reached: you are still signed in."); }
  }
}

/** Changes something, and shows at once what came of it. Sends the page to its sign-in when that ended the session. */
async function change(method, path, body) {
  try {
    const answer = await call(method, path, body);
    usageAt = 0;
    poll();
    return answer;
  } catch (problem) {
    if (problem instanceof SignedOut) {
      leave('Your session is over. Sign in again, and look whether the change was made.');
      return null;
    }
    throw problem instanceof Refused ? problem : new Error("The relay can't be reached. Look whether the change was made before you repeat it.");
  }
}

async function start() {
  byId('sign-in-form').addEventListener('submit', signIn);
  byId('sign-out').addEventListener('click', signOut);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) poll(); });
  // A page that comes back from the browser's memory may be of a session that is over.
  addEventListener('pageshow', (event) => { if (event.persisted) poll(); });
  startDialogs(change, () => leave('You have revoked the key that you were signed in with.'));
  startKeys();
  startUsage(() => refreshUsage().catch(() => { usageAt = 0; poll(); }));
  await begin();
}

async function begin() {
  try {
    const session = await call('GET', 'session');
    failures = 0;
    setStale(null);
    if (session.signed_in) enter(session.key);
    else leave('');
  } catch {
    failures++;
    setStale(null);
    setTimeout(begin, Math.min(pollEvery * failures, slowestRetry));
  }
}

start();
