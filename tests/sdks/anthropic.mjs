// The official Anthropic SDK, with nothing but a base URL and keys. Prints what it saw as JSON; SdkTests reads it.
import Anthropic from '@anthropic-ai/sdk';

const { RELAY_URL, RELAY_KEY, RELAY_TIGHT_KEY, RELAY_DAILY_KEY } = process.env;
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const client = (apiKey = RELAY_KEY, more = {}) => new Anthropic({ apiKey, baseURL: RELAY_URL, ...more });
const ask = (content, more = {}) => ({ model: 'sonnet', max_tokens: 200, messages: [{ role: 'user', content }], ...more });
const seen = {};

async function failure(act) {
  const started = Date.now();
  try {
    await act();
    return { error: null };
  } catch (error) {
    return { error: error.constructor.name, status: error.status, type: error.error?.error?.type, id: error.requestID, ms: Date.now() - started };
  }
}

const anthropic = client();
const message = await anthropic.messages.create(ask('sdk anthropic: whole'));
seen.whole = { text: message.content[0].text, stop: message.stop_reason, tokens: message.usage.output_tokens, id: message._request_id };

const events = [];
for await (const event of await anthropic.messages.create(ask('sdk anthropic: stream', { stream: true }))) events.push(event);
seen.stream = { text: events.filter((event) => event.type === 'content_block_delta').map((event) => event.delta.text).join(''), pieces: events.length };
const final = await anthropic.messages.stream(ask('sdk anthropic: stream')).finalMessage();
seen.helper = { text: final.content[0].text, stop: final.stop_reason, tokens: final.usage.output_tokens };

const turns = [{ role: 'user', content: 'sdk anthropic: first' }];
turns.push({ role: 'assistant', content: (await anthropic.messages.create({ model: 'sonnet', max_tokens: 200, system: 'sdk system', messages: turns })).content });
turns.push({ role: 'user', content: 'sdk anthropic: second' });
seen.turns = { text: (await anthropic.messages.create({ model: 'sonnet', max_tokens: 200, system: 'sdk system', messages: turns })).content[0].text };

seen.image = {
  text: (await anthropic.messages.create(ask([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }, { type: 'text', text: 'sdk anthropic: image' }]))).content[0].text,
};
seen.schema = JSON.parse((await anthropic.messages.create(ask('sdk anthropic: schema', {
  output_config: { format: { type: 'json_schema', schema: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false } } },
}))).content[0].text);
seen.count = (await anthropic.messages.countTokens({ model: 'sonnet', messages: [{ role: 'user', content: 'x'.repeat(300) }] })).input_tokens;

const models = [];
for await (const model of await anthropic.models.list()) models.push(model.id);
seen.models = { list: models, one: (await anthropic.models.retrieve('claude-sonnet-5-5')).id };

seen.unauthorized = await failure(() => client('wrong').messages.create(ask('hi')));
seen.unknownModel = await failure(() => anthropic.messages.create(ask('hi', { model: 'gpt-17' })));
seen.tools = await failure(() => anthropic.messages.create(ask('hi', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] })));
seen.tooLarge = await failure(() => anthropic.messages.create(ask('x'.repeat(300_000))));
seen.upstream = await failure(() => client(RELAY_KEY, { maxRetries: 0 }).messages.create(ask('sdk: upstream fails')));
const daily = client(RELAY_DAILY_KEY);
await daily.messages.create(ask('sdk anthropic: daily'));
seen.daily = await failure(() => daily.messages.create(ask('sdk anthropic: daily')));
const tight = client(RELAY_TIGHT_KEY, { maxRetries: 0 });
await tight.messages.create(ask('sdk anthropic: tight'));
seen.tight = await failure(() => tight.messages.create(ask('sdk anthropic: tight')));

const broken = [];
seen.broken = await failure(async () => {
  for await (const event of await anthropic.messages.create(ask('sdk: breaks off', { stream: true }))) broken.push(event);
});
seen.broken.pieces = broken.length;

const leaving = await anthropic.messages.create(ask('sdk anthropic: endless', { stream: true }));
for await (const event of leaving) {
  if (event.type === 'content_block_delta') break;
}
seen.left = true;

console.log(JSON.stringify(seen));
