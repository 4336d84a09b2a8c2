// What was used over days: a chart of all keys together, and a table by key or by model.

import { byId, compact, make, money, number, scrollable, table } from './dom.js';
import { columns } from './overview.js';

const shownRows = 15;

let sums = null;
let isWhole = false;

export function startUsage(refresh) {
  byId('usage-days').addEventListener('change', refresh);
  byId('usage-by').addEventListener('change', () => { isWhole = false; render(); });
  byId('usage-metric').addEventListener('change', render);
}

export function clearUsage() {
  sums = null;
  isWhole = false;
  byId('usage-body').replaceChildren();
}

export function showUsage(answer) {
  if (JSON.stringify(answer) === JSON.stringify(sums)) return;
  sums = answer;
  render();
}

function render() {
  if (!sums) return;
  const [by, metric] = [byId('usage-by').value, byId('usage-metric')];
  const format = metric.value === 'cost_usd' ? money : compact;
  const total = sums.days.reduce((sum, day) => sum + day[metric.value], 0);
  const what = metric.selectedOptions[0].textContent;
  const rows = sums[by];
  const shown = isWhole ? rows : rows.slice(0, shownRows);
  const hadFocus = document.activeElement?.matches('#usage-body .scroll');
  byId('usage-body').replaceChildren(
    make('p', { className: 'big' }, format(total), make('span', { className: 'muted' }, ` ${what}${sums.days.length > 1 ? `, ${format(total / sums.days.length)} a day` : ' today'}`)),
    ...(sums.days.length > 1 ? [chart(metric.value, format, what)] : []),
    rows.length === 0
      ? make('p', { className: 'muted' }, 'Nothing was used in this time.')
      : scrollable('Usage, table', table(`Usage by ${by === 'keys' ? 'key' : 'model'}`, [by === 'keys' ? 'key' : 'model', 'cost', 'completions', ...(by === 'keys' ? ['pages'] : []), 'tokens read', 'written'],
        shown.map((row) => [make('span', { className: 'label' }, row.name), money(row.cost_usd), number(row.requests), ...(by === 'keys' ? [number(row.pages)] : []), compact(row.input_tokens), compact(row.output_tokens)]))),
    ...(rows.length > shown.length ? [make('button', { type: 'button', onclick: () => { isWhole = true; render(); byId('usage-by').focus(); } }, `Show all ${number(rows.length)}`)] : []));
  if (hadFocus) byId('usage-body').querySelector('.scroll')?.focus();
}

function chart(metric, format, what) {
  const days = sums.days;
  const best = days.reduce((most, day) => (day[metric] > most[metric] ? day : most));
  return make('div', {},
    columns(days.map((day) => ({ value: day[metric] })), `${what} by day, at most ${format(best[metric])} on ${best.name}.`, days.map((day) => `${day.name}: ${format(day[metric])}`)),
    make('div', { className: 'axis muted', 'aria-hidden': 'true' }, make('span', {}, days[0].name), make('span', {}, `most: ${format(best[metric])}`), make('span', {}, 'today')));
}
