// How the relay is now, and how its last hour was.

import { byId, compact, dateAndTime, draw, duration, make, milliseconds, money, number, say, style, table } from './dom.js';

let cards = null;

/** Whether the relay is ready is not known while it does not answer. */
export function doubtHealth() {
  style(byId('health'), 'badge warn');
  say(byId('health'), '? Not answering');
}

export function clearOverview() {
  cards = null;
  delete byId('problems').dataset.shown;
  for (const id of ['problems', 'now-cards', 'hour-cards']) byId(id).replaceChildren();
  say(byId('hour-since'), '');
}

export function showOverview(snapshot) {
  cards ??= build();
  showState(snapshot);
  showNow(snapshot);
  showHour(snapshot);
}

/** The cards are made once, and only what is in them changes. */
function build() {
  const state = card('Relay');
  const queues = card('Running and waiting');
  const pool = card('Processes');
  const today = card('Today, all keys');
  byId('now-cards').replaceChildren(state.node, queues.node, pool.node, today.node);
  const traffic = card('Requests a minute');
  const latency = card('How long it takes');
  const errors = card('Errors by kind');
  byId('hour-cards').replaceChildren(traffic.node, latency.node, errors.node);
  return { state, queues, pool, today, traffic, latency, errors };
}

function card(title) {
  const body = make('div');
  return { node: make('article', { className: 'card' }, make('h3', {}, title), body), body, shown: '' };
}

/** Draws a card anew only when what it shows has changed. */
function put(target, value, ...nodes) {
  const shown = JSON.stringify(value);
  if (target.shown === shown) return;
  target.shown = shown;
  target.body.replaceChildren(...nodes.map((one) => one()));
}

function facts(...pairs) {
  return make('dl', { className: 'facts' }, ...pairs.flatMap(([name, value, kind]) => [
    make('dt', {}, name),
    make('dd', { className: kind ?? '' }, ...(kind ? [make('span', { className: 'mark', 'aria-hidden': 'true' }, kind === 'good' ? '✓' : kind === 'bad' ? '✕' : '!'), ' '] : []), value),
  ]));
}

function showState({ state, account_limits: limits, account_uses: uses }) {
  const health = byId('health');
  style(health, `badge ${state.ready ? 'good' : 'bad'}`);
  say(health, state.ready ? '✓ Ready' : '✕ Not ready');
  const isLoggedOut = state.problems.some((problem) => problem.code === 'not_logged_in');
  put(cards.state, [state, uses], () => make('div', {}, facts(
    ['Lockdown', state.lockdown_verified ? 'verified' : 'not verified', state.lockdown_verified ? 'good' : 'bad'],
    ['Claude login', isLoggedOut ? 'none' : state.lockdown_verified ? 'in order' : 'unknown', isLoggedOut ? 'bad' : state.lockdown_verified ? 'good' : 'warn'],
    ['Jail', state.sandbox === 'bwrap' ? 'bubblewrap' : 'none', state.sandbox === 'bwrap' ? 'good' : 'warn'],
    ...uses.slice(0, 4).map(({ kind, family, used, resets_at: reset }) => [
      `Account: ${kind.replaceAll('_', ' ')}${family ? `, ${family}` : ''}`,
      `${Math.round(used * 100)} % used${reset ? `, reset ${dateAndTime(reset)}` : ''}`,
      used < 0.8 ? 'good' : 'warn']),
    ['Claude Code', state.claude_version ?? 'none'],
    ['Relay', state.version]),
    ...(state.sandbox_note ? [make('p', { className: 'muted small' }, `No jail: ${state.sandbox_note}`)] : [])));
  const notes = [
    ...state.problems.map((problem) => ['bad', problem.message]),
    ...limits.map((limit) => ['warn', `The Claude account is at its own limit${limit.kind ? ` (${limit.kind})` : ''}${limit.family ? ` for ${limit.family}` : ''} until ${dateAndTime(limit.until)}.`]),
  ];
  const shown = JSON.stringify(notes);
  const problems = byId('problems');
  if (problems.dataset.shown !== shown) {
    problems.dataset.shown = shown;
    problems.replaceChildren(...notes.map(([kind, text]) => make('p', { className: `note ${kind}` }, text)));
  }
}

function showNow({ completions, pages, pool, today, keys }) {
  const busy = keys.filter((key) => key.running + key.waiting + key.pages_running + key.pages_waiting > 0)
    .sort((left, right) => right.running + right.pages_running - left.running - left.pages_running || right.waiting - left.waiting)
    .map((key) => [key.key.label, `${key.running + key.pages_running} running${key.waiting + key.pages_waiting ? `, ${key.waiting + key.pages_waiting} waiting` : ''}`]);
  put(cards.queues, [completions, pages, busy],
    () => gauge('Completions', completions.running, completions.places, completions.waiting ? `${number(completions.waiting)} waiting` : 'none waiting', number),
    () => gauge('Pages', pages.running, pages.places, pages.waiting ? `${number(pages.waiting)} waiting` : 'none waiting', number),
    () => make('ul', { className: 'plain busy', 'aria-label': 'Keys with something running or waiting' },
      ...busy.slice(0, 6).map(([label, text]) => make('li', {}, make('span', { className: 'label' }, label), make('span', { className: 'muted' }, text))),
      ...(busy.length > 6 ? [make('li', { className: 'muted' }, `and ${busy.length - 6} more keys`)] : []),
      ...(busy.length === 0 ? [make('li', { className: 'muted' }, 'No key has anything running.')] : [])));
  const claims = pool.hits + pool.misses;
  put(cards.pool, pool, () => facts(
    ['Alive', number(pool.processes)],
    ['Blank spares', number(pool.blank_spares)],
    ['Prepared spares', number(pool.prepared_spares)],
    ['Oldest spare', pool.oldest_spare_seconds === undefined ? '–' : duration(Math.floor(pool.oldest_spare_seconds))],
    ['Found a spare', claims ? `${Math.round(100 * pool.hits / claims)} % of ${compact(claims)}` : '–']));
  put(cards.today, today,
    () => gauge('Completions', today.requests.used, today.requests.limit, `${compact(Math.max(0, today.requests.limit - today.requests.used))} left`, compact, true),
    () => facts(['Cost', money(today.cost_usd)], ['Pages', number(today.pages)]));
}

/** How much of something is taken. The words say it; the bar is for the eye. That all places are taken is no trouble; that a limit is used up is. */
function gauge(name, used, limit, note, format, isLimit = false) {
  return make('div', { className: 'gauge' },
    make('div', { className: 'gauge-line' }, make('span', {}, name), make('span', { className: 'muted' }, note)),
    make('div', { className: 'big' }, format(used), make('span', { className: 'muted' }, ` / ${format(limit)}`)),
    bar(used, limit, isLimit));
}

/** A bar that turns to another colour where little is left. */
export function bar(used, limit, isLimit = true) {
  const share = limit > 0 ? Math.min(1, used / limit) : 0;
  return draw('svg', { class: `bar ${!isLimit ? '' : share >= 1 ? 'full' : share >= 0.8 ? 'high' : ''}`, viewBox: '0 0 100 4', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    draw('rect', { class: 'rest', width: 100, height: 4 }),
    draw('rect', { class: 'used', width: (100 * share).toFixed(2), height: 4 }));
}

function showHour({ recent, keys }) {
  say(byId('hour-since'), `Since ${dateAndTime(recent.since)}. In memory only: a restart begins anew.`);
  const minutes = recent.minutes;
  const total = minutes.reduce((sum, minute) => sum + minute.requests, 0);
  const failed = minutes.reduce((sum, minute) => sum + minute.failed, 0);
  put(cards.traffic, minutes,
    () => make('p', { className: 'big' }, number(total), make('span', { className: 'muted' }, ` requests, ${number(failed)} failed`)),
    () => columns(minutes.map((minute) => ({ value: minute.requests, bad: minute.failed })), `Requests a minute over the last hour: ${total} in all, ${failed} of them failed, ${Math.max(...minutes.map((minute) => minute.requests))} in the busiest minute.`),
    () => line(minutes.map((minute) => minute.p95_ms)),
    () => make('div', { className: 'axis muted', 'aria-hidden': 'true' }, make('span', {}, '60 min ago'), make('span', {}, 'now')),
    () => make('p', { className: 'muted small' }, 'Columns are requests, their red part those that failed; the line is the p95 of completions.'));
  const rows = [['Completion', recent.latencies.completion], ['Queue', recent.latencies.queue], ['First words', recent.latencies.first_token], ['Page', recent.latencies.page]];
  put(cards.latency, recent.latencies,
    () => table('Latency percentiles of the last hour', ['what', 'count', 'p50', 'p95', 'p99'],
      rows.map(([name, row]) => [name, row ? number(row.count) : '0', milliseconds(row?.p50_ms), milliseconds(row?.p95_ms), milliseconds(row?.p99_ms)])),
    () => make('p', { className: 'muted small' }, 'Percentiles are exact to 4.5 %. Only what succeeded counts for completions and pages.'));
  put(cards.errors, recent.errors, () => recent.errors.length === 0
    ? make('p', { className: 'muted' }, 'None.')
    : table('Errors of the last hour by kind', ['kind', 'count'], recent.errors.map((error) => [make('code', {}, error.code), number(error.count)])));
}

/** Columns, the part that failed in another colour at their foot. */
export function columns(values, description, titles) {
  const most = Math.max(1, ...values.map((one) => one.value));
  const width = 600 / values.length;
  const gap = Math.min(4, width * 0.25);
  const shapes = values.flatMap(({ value, bad = 0 }, index) => {
    const [height, badHeight] = [96 * value / most, 96 * bad / most];
    const place = { x: (index * width + gap / 2).toFixed(2), width: (width - gap).toFixed(2) };
    const all = draw('rect', { class: 'column', ...place, y: (100 - height).toFixed(2), height: height.toFixed(2) });
    if (titles) all.append(draw('title', {}, titles[index]));
    return bad > 0 ? [all, draw('rect', { class: 'column bad', ...place, y: (100 - badHeight).toFixed(2), height: badHeight.toFixed(2) })] : [all];
  });
  return draw('svg', { class: 'columns', viewBox: '0 0 600 100', preserveAspectRatio: 'none', role: 'img', 'aria-label': description },
    draw('line', { class: 'ground', x1: 0, x2: 600, y1: 100, y2: 100 }), ...shapes);
}

/** A line through what there is; a minute without a completion is a gap. */
function line(values) {
  const known = values.filter((value) => value !== undefined);
  const most = Math.max(1, ...known);
  const step = 600 / Math.max(1, values.length - 1);
  const marks = [];
  let path = '';
  values.forEach((value, index) => {
    if (value === undefined) return;
    const [x, y] = [(index * step).toFixed(1), (44 - 40 * value / most).toFixed(1)];
    path += `${index > 0 && values[index - 1] !== undefined ? 'L' : 'M'}${x} ${y}`;
    // A minute of its own would be a line of no length: round ends make it a dot.
    if (values[index - 1] === undefined && values[index + 1] === undefined) path += `L${x} ${y}`;
  });
  if (path) marks.push(draw('path', { class: 'spark', d: path }));
  return draw('svg', {
    class: 'line', viewBox: '-4 0 608 48', preserveAspectRatio: 'none', role: 'img',
    'aria-label': known.length ? `The 95th percentile of completions by minute, between ${milliseconds(Math.min(...known))} and ${milliseconds(most)}.` : 'No completion in the last hour.',
  }, ...marks);
}
