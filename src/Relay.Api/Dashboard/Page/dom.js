// Making nodes, and saying numbers. Text only ever goes in as text: there is no way from here to markup.

const svgNamespace = 'http://www.w3.org/2000/svg';

/** The element of an id. */
export const byId = (id) => document.getElementById(id);

/** Makes an element: properties by name, attributes for names with a hyphen or of those below, children as nodes or text. */
export function make(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for SVG, where everything is an attribute. */
export function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes('-') || name === 'role' || name === 'scope') node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

/** Changes a text only where it differs: what a reader has selected, and what a screen reader says, stays undisturbed. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Changes a class only where it differs. */
export function style(node, name) {
  if (node.className !== name) node.className = name;
}

/** A table with a caption for those who don't see what it stands under, and headings that say whose they are. */
export function table(caption, headings, rows) {
  return make('table', {},
    make('caption', { className: 'unseen' }, caption),
    make('thead', {}, make('tr', {}, ...headings.map((heading, index) => make('th', { scope: 'col', className: index ? 'number' : '' }, heading)))),
    make('tbody', {}, ...rows.map(([first, ...others]) => make('tr', {},
      make('th', { scope: 'row' }, first),
      ...others.map((cell) => make('td', { className: 'number' }, cell))))));
}

/** Lets what may be wider than the page be moved on its own, with the keyboard, too. */
export function scrollable(name, child) {
  return make('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': name }, child);
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const dollars = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD', minimumFractionDigits: 2, maximumFractionDigits: 2 });
const cents = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD', minimumFractionDigits: 2, maximumFractionDigits: 4 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const moment = new Intl.DateTimeFormat('en-GB', { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });

export const number = (value) => whole.format(value);
export const compact = (value) => (value < 10_000 ? whole.format(value) : short.format(value));
/** Small sums by their hundredths of a cent, or else most would be nothing. */
export const money = (value) => (value !== 0 && value < 1 ? cents.format(value) : dollars.format(value));
export const timeOfDay = (date) => clock.format(date);
export const dateAndTime = (text) => moment.format(new Date(text));

/** Milliseconds, to three digits, which is all the relay knows. */
export function milliseconds(value) {
  if (value === undefined) return '–';
  if (value < 1) return '< 1 ms';
  if (value < 1000) return `${Math.round(value)} ms`;
  return value < 60_000 ? `${(value / 1000).toPrecision(value < 10_000 ? 2 : 3)} s` : duration(value / 1000);
}

/** Seconds, in the largest unit that says enough. */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** How long ago, by the relay's clock. */
export function ago(text, now) {
  if (!text) return 'never';
  const seconds = (now - new Date(text)) / 1000;
  return seconds < 5 ? 'just now' : `${duration(seconds)} ago`;
}
