// Compares the readable text of pages by three readers with what a browser without scripts shows of them. Usage: compare.mjs FOLDER CHROMIUM
// FOLDER holds NAME.html (UTF-8), and NAME.relay and NAME.smartreader with what those two made of it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readability } from '@mozilla/readability';
import { JSDOM } from 'jsdom';
import { chromium } from 'playwright-core';
import TurndownService from 'turndown';
import gfm from 'turndown-plugin-gfm';

const [folder, executablePath] = process.argv.slice(2);
const names = readdirSync(folder).filter((name) => name.endsWith('.html')).map((name) => name.slice(0, -5)).sort();
const turndown = new TurndownService({ headingStyle: 'atx', codeBlockStyle: 'fenced' });
turndown.use(gfm.gfm);

function withTurndown(html) {
  const { document } = new JSDOM(html, { url: 'https://pages.example.net/' }).window;
  const article = new Readability(document).parse();
  return article ? `${article.title ?? ''}\n${turndown.turndown(article.content)}` : '';
}

// Words and numbers, without the address behind a link's text, the numbers of lists, and the marks of Markdown.
const wordsOf = (text) => text.replace(/\]\([^)]*\)/g, ']').replace(/^\s*\d+\.\s/gm, ' ').replace(/[\u00AD\u200B]/g, '').replace(/\\(.)/g, '$1').replace(/<\/?su[pb]>/g, ' ').normalize('NFKC').toLowerCase().match(/[\p{L}\p{M}]+|\p{N}+/gu) ?? [];

function difference(these, those) {
  const left = new Map();
  those.forEach((word) => left.set(word, (left.get(word) ?? 0) + 1));
  return these.filter((word) => {
    const count = left.get(word) ?? 0;
    left.set(word, count - 1);
    return count <= 0;
  });
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const context = await browser.newContext({ javaScriptEnabled: false, offline: true });
const tab = await context.newPage();
const sums = {};
for (const name of names) {
  const html = readFileSync(join(folder, `${name}.html`), 'utf8');
  await tab.setContent(html, { waitUntil: 'domcontentloaded' });
  // What frames the content is no loss: navigation, headers and footers of the site.
  const [all, framed] = await tab.evaluate(() => {
    // A power and a reading stand beside their word, and are no part of it.
    document.querySelectorAll('sup, sub, rt').forEach((element) => { element.before(' '); element.after(' '); });
    const text = document.body.innerText;
    return [text, [...document.querySelectorAll('nav, body > header, body > footer, aside')].map((element) => element.innerText).join('\n')];
  });
  const shown = wordsOf(all);
  const wanted = difference(shown, wordsOf(framed));
  const readers = {
    relay: readFileSync(join(folder, `${name}.relay`), 'utf8'),
    'turndown + readability': withTurndown(html),
    SmartReader: readFileSync(join(folder, `${name}.smartreader`), 'utf8'),
  };
  for (const [reader, text] of Object.entries(readers)) {
    const sum = (sums[reader] ??= { empty: 0, wanted: 0, lost: 0, added: 0, numbersLost: 0, numbersAdded: 0, worst: [] });
    const words = wordsOf(text);
    const lost = difference(wanted, words);
    const added = difference(words, [...shown, ...wordsOf(await tab.title())]);
    sum.empty += wanted.length > 0 && words.length === 0 ? 1 : 0;
    sum.wanted += wanted.length;
    sum.lost += lost.length;
    sum.added += added.length;
    sum.numbersLost += lost.filter((word) => /\p{N}/u.test(word)).length;
    sum.numbersAdded += added.filter((word) => /\p{N}/u.test(word)).length;
    sum.worst.push([name, lost.length, added.length, lost.slice(0, 12).join(' '), added.slice(0, 12).join(' ')]);
  }
}
await browser.close();
for (const [reader, sum] of Object.entries(sums)) {
  const share = (count) => `${((100 * count) / sum.wanted).toFixed(1)} %`;
  console.log(`  ${reader.padEnd(24)} pages without a word ${String(sum.empty).padStart(3)}   words lost ${share(sum.lost).padStart(7)}   added ${share(sum.added).padStart(7)}   numbers lost ${sum.numbersLost}, added ${sum.numbersAdded}`);
  if (process.env.DETAILS) {
    sum.worst.sort((one, other) => other[1] + other[2] - one[1] - one[2]).slice(0, Number(process.env.DETAILS)).forEach((row) => console.log(`      ${row[0]}: lost ${row[1]} (${row[3]}), added ${row[2]} (${row[4]})`));
  }
}
console.log(`  of ${names.length} pages with ${Object.values(sums)[0].wanted} words`);
