// Plays an admin in a real browser: by keyboard, at a desk and on a phone, in light and dark. Prints what it saw as JSON.
// One argument: "day" for that, or "many" for five hundred keys and the end of the admin key itself.
// RELAY_URL, RELAY_ADMIN_KEY, RELAY_CHROMIUM, RELAY_SHOTS (a folder for screenshots), RELAY_PROFILE (a folder for the browser);
// RELAY_PAGE, for whoever works on the page: a folder whose files are shown instead of the relay's.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const { RELAY_URL: url, RELAY_ADMIN_KEY: adminKey, RELAY_CHROMIUM: executablePath, RELAY_SHOTS: shots, RELAY_PROFILE: profile, RELAY_PAGE: pageFolder } = process.env;
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const seen = { foreign: [], console: [], wide: [], axe: [], steps: [] };

const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  viewport: { width: 1280, height: 900 },
  colorScheme: 'light',
  reducedMotion: 'reduce',
  permissions: ['clipboard-read', 'clipboard-write'],
});
const page = browser.pages()[0] ?? await browser.newPage();
page.setDefaultTimeout(10_000);
page.on('request', (request) => { if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:')) seen.foreign.push(request.url()); });
let expected = [];
page.on('console', (message) => {
  if (!['error', 'warning'].includes(message.type())) return;
  // A browser writes a line of its own for each answer of 400 and more: some of those are asked for here.
  const index = expected.findIndex((status) => message.text().includes(status));
  if (index >= 0) expected.splice(index, 1);
  else seen.console.push(message.text());
});
page.on('pageerror', (error) => seen.console.push(String(error)));
// Where scripts may not be added, the judge is given to the page by the debugger.
await page.addInitScript(`addEventListener('securitypolicyviolation', (event) => console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI));`);
if (pageFolder) {
  await page.route(/\/dashboard(\/[a-z]+\.(js|css))?$/, async (route) => {
    if (route.request().method() !== 'GET') return route.continue();
    const name = new URL(route.request().url()).pathname.split('/')[2] ?? 'index.html';
    const response = await route.fetch();
    return route.fulfill({ response, body: await readFile(`${pageFolder}/${name}`) });
  });
}

const text = (selector) => page.locator(selector).innerText();
const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.id ?? '');
const ask = async (secret) => (await fetch(`${url}/v1/models`, { headers: { Authorization: `Bearer ${secret}` } })).status;
const until = async (check, what) => {
  for (let tries = 0; tries < 200; tries++) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`It did not happen: ${what}`);
};
/** Tab until that has the focus: whoever has only a keyboard gets there. */
const tabTo = async (wanted) => {
  for (let tries = 0; tries < 200; tries++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((selector) => document.activeElement?.matches(selector) ?? false, wanted)) return;
  }
  throw new Error(`No number of tabs leads to ${wanted}`);
};

/** The header by which the page proves that a session is its own. */
const proof = () => page.evaluate(() => ({ 'X-Dashboard-Proof': localStorage.getItem('relay_dashboard_proof') }));

/** Has the page ask now, as it does when its tab comes back. */
const askNow = () => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));

async function look(name, { full = true } = {}) {
  if (full) await page.evaluate(() => scrollTo(0, 0));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) seen.wide.push(`${name}: ${wide} px`);
  await page.screenshot({ path: `${shots}/${name}.png`, fullPage: full });
}

async function judge(name) {
  // By the debugger, which the page's policy does not bind; the page itself could load no such script.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
  for (const violation of violations) seen.axe.push(`${name}: ${violation.id}: ${violation.nodes.map((node) => `${node.target} ${node.any?.[0]?.message ?? ''}`).slice(0, 3).join('; ')}`);
}

const rowOf = (label) => page.locator('.keys tbody tr').filter({ has: page.locator('.label', { hasText: new RegExp(`^${label}$`) }) });
const manage = async (label, action) => {
  await page.getByRole('button', { name: `Manage ${label}`, exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.locator('#key-dialog').waitFor();
  if (action) await page.locator(`#key-dialog [data-action=${action}]`).press('Enter');
};

async function signIn() {
  await page.goto(`${url}/dashboard`);
  await page.locator('#secret').waitFor();
  seen.firstFocus = await focused();
  await look('signed-out');
  await judge('signed out');

  expected.push('401');
  await page.keyboard.type(`crk_${'A'.repeat(49)}`);
  await page.keyboard.press('Enter');
  await page.locator('#sign-in-error:not(:empty)').waitFor();
  seen.wrongKey = await text('#sign-in-error');
  await look('wrong-key');

  await page.keyboard.type(adminKey);
  await page.keyboard.press('Enter');
  await page.locator('.keys tbody tr').first().waitFor();
  seen.steps.push('signed in');
  seen.who = await text('#who');
  seen.cookieInScript = await page.evaluate(() => document.cookie);
  seen.stored = await page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]);
}

async function readNumbers() {
  await page.locator('#usage-body table').waitFor();
  seen.health = await text('#health');
  seen.nowCards = await text('#now-cards');
  seen.errors = await text('#hour-cards article:last-child');
  seen.latency = await text('#hour-cards article:nth-child(2)');
  seen.traffic = await text('#hour-cards article:first-child');
  seen.shop = await rowOf('shop').innerText();
  seen.cron = await rowOf('cron').innerText();
  await page.locator('#usage-days').selectOption('30');
  await page.locator('.columns[aria-label^="cost by day"] rect').nth(29).waitFor();
  seen.usage = await text('#usage-body');
  seen.usageBars = await page.locator('#usage-body .columns rect').count();
  await look('desk-light');
  await judge('light');
  await page.locator('#usage-by').selectOption('models');
  seen.usageByModel = await text('#usage-body');
  await page.locator('#usage-by').selectOption('keys');
}

async function changeKeys() {
  // Add, with a mistake first.
  await page.locator('#keys-filter').focus();
  await tabTo('#keys-add');
  await page.keyboard.press('Enter');
  await page.locator('#add-dialog[open]').waitFor();
  seen.addFocus = await focused();
  await page.keyboard.type('two words');
  expected.push('400');
  await page.keyboard.press('Enter');
  await page.locator('#add-error:not(:empty)').waitFor();
  seen.addError = [await text('#add-error'), await focused()];
  await look('add-error', { full: false });
  await judge('add dialog');
  await page.locator('#add-label').fill('made-here');
  await page.locator('#add-daily').fill('7');
  await page.locator('#add-models').fill('haiku, sonnet');
  await page.locator('#add-expires').selectOption('604800');
  await page.locator('#add-tools').press('Space');
  await page.locator('#add-label').press('Enter');
  await page.locator('#secret-dialog[open]').waitFor();
  const first = await page.locator('#secret-text').inputValue();
  await look('secret', { full: false });
  await judge('secret dialog');
  await page.keyboard.press('Escape');
  seen.secretSurvivesEscape = await page.locator('#secret-dialog[open]').count() === 1;
  await page.locator('#secret-copy').press('Enter');
  await page.locator('#secret-copy', { hasText: 'Copied' }).waitFor();
  seen.copied = await page.evaluate(() => navigator.clipboard.readText()) === first;
  await page.locator('#secret-dialog [data-close]').press('Enter');
  // A dialog tells that it was closed a moment after.
  await until(() => page.evaluate((secret) => !document.documentElement.outerHTML.includes(secret) && document.querySelector('#secret-text').value === '', first), 'the page forgets the secret');
  seen.focusAfterAdd = await focused();
  await until(async () => await ask(first) === 200, 'the new key works');
  await rowOf('made-here').waitFor();
  seen.added = await rowOf('made-here').innerText();

  // Its limits.
  await manage('made-here', 'limits');
  await page.locator('#limits-rpm').fill('x');
  await page.keyboard.press('Enter');
  seen.limitsError = await text('#limits-dialog .error');
  await page.locator('#limits-rpm').fill('3');
  await page.locator('#limits-usd_per_day').fill('1.50');
  await page.keyboard.press('Enter');
  await until(async () => (await rowOf('made-here').innerText()).includes('/ 3'), 'the row shows the limit');
  seen.limited = await rowOf('made-here').innerText();
  await until(async () => await focused() === 'Manage made-here', 'the focus is back where it was');
  seen.focusAfterLimits = await focused();
  await manage('made-here');
  seen.facts = await text('#key-facts');
  await look('manage', { full: false });
  await judge('manage dialog');
  await page.keyboard.press('Escape');

  // A new secret, the old one at once worth nothing.
  await manage('made-here', 'rotate');
  await page.locator('#rotate-overlap').selectOption('0');
  await look('rotate', { full: false });
  await page.locator('#rotate-form [type=submit]').press('Enter');
  await page.locator('#secret-dialog[open]').waitFor();
  const second = await page.locator('#secret-text').inputValue();
  await page.locator('#secret-dialog [data-close]').press('Enter');
  await until(async () => await ask(first) === 401 && await ask(second) === 200, 'only the new secret works');
  seen.rotated = first !== second;

  // Revoked, after the wrong label was typed.
  await manage('made-here', 'revoke');
  await page.keyboard.type('shop');
  await page.keyboard.press('Enter');
  seen.revokeError = await text('#revoke-dialog .error');
  await look('revoke', { full: false });
  await page.locator('#revoke-label').fill('made-here');
  await page.keyboard.press('Enter');
  await until(async () => await ask(second) === 401, 'the key is shut');
  await until(async () => await rowOf('made-here').count() === 0, 'its row is gone');
  await until(async () => await focused() === 'keys-title', 'the focus is at the keys');
  seen.said = await text('#said');
  seen.focusAfterRevoke = await focused();
  seen.steps.push('changed keys');
}

async function otherLooks() {
  await page.emulateMedia({ colorScheme: 'dark' });
  await look('desk-dark');
  await judge('dark');
  await page.setViewportSize({ width: 390, height: 844 });
  await look('phone-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await look('phone-light');
  await judge('phone');
  await page.locator('#keys-add').press('Enter');
  await look('phone-add', { full: false });
  await page.keyboard.press('Escape');
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** A page of another port of this machine: to the cookie it is the same site. */
async function beAttacked() {
  // The program behind that port gets the cookie with each request below the same path, and uses it by itself.
  let stolen = '';
  const evil = createServer((request, response) => {
    stolen = request.headers.cookie ?? stolen;
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>other</title>');
  });
  await new Promise((resolve) => evil.listen(0, '127.0.0.1', resolve));
  const other = await browser.newPage();
  await other.goto(`http://127.0.0.1:${evil.address().port}/dashboard`);
  seen.stolenCookie = stolen !== '';
  seen.otherStorage = await other.evaluate(() => localStorage.length + sessionStorage.length);
  const own = { Cookie: stolen, Origin: url, 'Sec-Fetch-Site': 'same-origin', 'Content-Type': 'application/json' };
  seen.stolen = {
    read: (await fetch(`${url}/dashboard/snapshot`, { headers: own })).status,
    mint: (await fetch(`${url}/dashboard/keys`, { method: 'POST', headers: own, body: '{"label":"by-attack","scopes":["admin"]}' })).status,
    'sign out': (await fetch(`${url}/dashboard/session`, { method: 'DELETE', headers: own })).status,
  };
  await other.goto(`http://127.0.0.1:${evil.address().port}/`);
  seen.attacks = await other.evaluate(async (relay) => {
    const attempts = {};
    const attempt = async (name, path, options) => {
      try {
        const answer = await fetch(`${relay}/dashboard/${path}`, { credentials: 'include', ...options });
        attempts[name] = answer.type === 'opaque' ? 'opaque' : answer.status;
      } catch {
        attempts[name] = 'refused';
      }
    };
    await attempt('read', 'snapshot', {});
    await attempt('change', 'keys', { method: 'POST', mode: 'no-cors', headers: { 'Content-Type': 'text/plain' }, body: '{"label":"by-attack"}' });
    await attempt('change as JSON', 'keys', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"label":"by-attack"}' });
    await attempt('sign out', 'session', { method: 'DELETE' });
    const frame = document.createElement('iframe');
    frame.src = `${relay}/dashboard`;
    document.body.append(frame);
    await new Promise((resolve) => { frame.onload = resolve; });
    attempts.framed = frame.contentDocument === null ? 'blocked or foreign' : frame.contentDocument.title;
    return attempts;
  }, url);
  await other.waitForTimeout(200);
  seen.framedTitle = await other.frames()[1]?.title().catch(() => '') ?? '';
  await other.close();
  evil.close();
  seen.stillSignedIn = (await page.evaluate(async (headers) => (await (await fetch('/dashboard/session', { headers })).json()).signed_in, await proof()));
  seen.attackedKeys = (await page.evaluate(async (headers) => (await (await fetch('/dashboard/snapshot', { headers })).json()).keys.map((state) => state.key.label), await proof())).filter((label) => label.includes('attack'));
}

async function loseTheRelay() {
  await page.route('**/dashboard/snapshot', (route) => route.abort());
  expected = Array(20).fill('net::ERR_FAILED');
  await askNow();
  await page.locator('#banner:not(:empty)').waitFor();
  seen.unreachable = await text('#banner');
  seen.dataStays = await page.locator('.keys tbody tr').count() > 0;
  await look('unreachable', { full: false });
  await judge('unreachable');
  await page.unroute('**/dashboard/snapshot');
  await askNow();
  await page.locator('#banner:empty').waitFor({ state: 'attached', timeout: 20_000 });
  expected = [];
}

/** The server is asked to forget the session, behind the page's back. */
async function loseTheSession() {
  // As many as the page asks before it knows: the question of its timer may be on its way when it is told to ask.
  expected = Array(20).fill('401');
  await page.evaluate((headers) => fetch('/dashboard/session', { method: 'DELETE', headers }), await proof());
  await askNow();
  await page.locator('#sign-in').waitFor();
  seen.expired = await text('#sign-in-why');
  seen.leftBehind = await page.locator('.keys tbody tr').count() + await page.locator('#now-cards article').count();
  await look('session-over');
  expected = [];
  await page.locator('#secret').fill(adminKey);
  await page.keyboard.press('Enter');
  await page.locator('.keys tbody tr').first().waitFor();
}

async function revokeOwn() {
  await page.locator('#keys-filter').fill('ops');
  await manage('ops', 'revoke');
  await page.locator('#revoke-own').waitFor();
  seen.revokeOwn = await text('#revoke-own');
  await look('revoke-own', { full: false });
  await page.keyboard.type('ops');
  expected = Array(20).fill('401');
  await page.keyboard.press('Enter');
  await page.locator('#sign-in').waitFor();
  seen.afterOwn = await text('#sign-in-why');
  await until(async () => await ask(adminKey) === 401, 'the admin key is shut');
}

let failure = null;
try {
  const steps = process.argv[2] === 'many' ? [comeBack, many, revokeOwn] : [signIn, readNumbers, changeKeys, otherLooks, beAttacked, loseTheRelay, loseTheSession];
  for (const step of steps) {
    const started = performance.now();
    await step();
    seen.steps.push(`${step.name}: ${Math.round(performance.now() - started)} ms`);
  }
} catch (error) {
  failure = error;
  await page.screenshot({ path: `${shots}/failure.png` }).catch(() => {});
}

async function comeBack() {
  await page.goto(`${url}/dashboard`);
  await page.locator('#secret').fill(adminKey);
  await page.keyboard.press('Enter');
  await page.locator('.keys tbody tr').first().waitFor();
}

/** Five hundred keys, the labels of some as long as may be. */
async function many() {
  await until(async () => /5\d\d keys/.test(await text('#keys-count')), 'the many keys are there');
  await page.locator('#keys-filter').focus();
  seen.manyRows = await page.locator('.keys tbody tr').count();
  seen.filterMs = await page.evaluate(async () => {
    const field = document.querySelector('#keys-filter');
    const started = performance.now();
    for (const typed of ['m', 'ma', 'man', 'many', 'many-4', 'many-49']) {
      field.value = typed;
      field.dispatchEvent(new Event('input', { bubbles: true }));
      document.body.getBoundingClientRect();
    }
    return performance.now() - started;
  });
  seen.filtered = await text('#keys-count');
  await page.locator('#keys-filter').fill('');
  await look('many', { full: false });
  seen.allMs = await page.evaluate(() => {
    const started = performance.now();
    document.querySelector('#keys-more').click();
    document.body.getBoundingClientRect();
    return performance.now() - started;
  });
  seen.allRows = await page.locator('.keys tbody tr').count();
  await page.locator('#keys-filter').fill('long');
  await page.setViewportSize({ width: 390, height: 844 });
  await look('phone-long');
  await page.setViewportSize({ width: 1280, height: 900 });
  await look('long');
  await page.locator('#keys-filter').fill('');
}

await browser.close();
console.log(JSON.stringify({ ...seen, failure: failure ? `${failure.stack}` : null }));
