// Opens the page of the API's description in a real browser and prints what it saw as JSON.
// RELAY_URL, RELAY_CHROMIUM, RELAY_SHOTS (a folder for screenshots), RELAY_PROFILE (a folder for the browser).

import { chromium } from 'playwright-core';

const { RELAY_URL: url, RELAY_CHROMIUM: executablePath, RELAY_SHOTS: shots, RELAY_PROFILE: profile } = process.env;
const seen = { foreign: [], console: [], asked: [] };
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  viewport: { width: 1280, height: 900 },
});
let failure = null;
try {
  const page = browser.pages()[0] ?? await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on('request', (request) => {
    if (request.url().startsWith(`${url}/`)) seen.asked.push(new URL(request.url()).pathname);
    else if (!request.url().startsWith('data:')) seen.foreign.push(request.url());
  });
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) seen.console.push(message.text()); });
  page.on('pageerror', (error) => seen.console.push(String(error)));
  await page.addInitScript(`addEventListener('securitypolicyviolation', (event) => console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI));`);
  await page.goto(`${url}/docs`);
  await page.getByRole('heading', { name: 'claude-relay', level: 1 }).first().waitFor();
  seen.title = await page.title();
  await page.getByText('/v1/complete').first().waitFor();
  await page.goto(`${url}/docs#tag/completions/POST/v1/complete`);
  await page.getByText('Answers a prompt or a conversation').first().waitFor();
  seen.text = await page.locator('body').innerText();
  seen.stored = await page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]);
  // The page may load scripts of the relay only, and run none that is written into it.
  seen.inline = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.title = "taken over"';
    document.body.append(script);
    return document.title;
  });
  await page.screenshot({ path: `${shots}/docs.png` });
} catch (error) {
  failure = error;
}

await browser.close();
console.log(JSON.stringify({ ...seen, failure: failure ? `${failure.stack}` : null }));
