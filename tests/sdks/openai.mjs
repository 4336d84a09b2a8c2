// The official OpenAI SDK, with nothing but a base URL and keys. Prints what it saw as JSON; SdkTests reads it.
import OpenAI from 'openai';

const { RELAY_URL, RELAY_KEY, RELAY_TIGHT_KEY, RELAY_DAILY_KEY } = process.env;
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const client = (apiKey = RELAY_KEY, more = {}) => new OpenAI({ apiKey, baseURL: `${RELAY_URL}/v1`, ...more });
const ask = (content, more = {}) => ({ model: 'sonnet', messages: [{ role: 'user', content }], ...more });
const seen = {};

async function failure(act) {
  const started = Date.now();
  try {
    await act();
    return { error: null };
  } catch (error) {
    return { error: error.constructor.name, status: error.status, code: error.code, param: error.param, ms: Date.now() - started };
  }
}

const openai = client();
const completion = await openai.chat.completions.create(ask('sdk openai: whole'));
seen.whole = { text: completion.choices[0].message.content, finish: completion.choices[0].finish_reason, tokens: completion.usage.total_tokens, id: completion._request_id };

const pieces = [];
let usage;
for await (const chunk of await openai.chat.completions.create(ask('sdk openai: stream', { stream: true, stream_options: { include_usage: true } }))) {
  pieces.push(chunk.choices[0]?.delta?.content ?? '');
  usage = chunk.usage ?? usage;
}
seen.stream = { text: pieces.join(''), pieces: pieces.length, tokens: usage.total_tokens };
seen.helper = { text: await openai.chat.completions.stream(ask('sdk openai: stream')).finalContent() };

// As an app does it: the answer goes back in as it came.
const turns = [{ role: 'system', content: 'sdk system' }, { role: 'user', content: 'sdk openai: first' }];
turns.push((await openai.chat.completions.create({ model: 'sonnet', messages: turns })).choices[0].message);
turns.push({ role: 'user', content: 'sdk openai: second' });
seen.turns = { text: (await openai.chat.completions.create({ model: 'sonnet', messages: turns })).choices[0].message.content };

seen.image = {
  text: (await openai.chat.completions.create(ask([{ type: 'text', text: 'sdk openai: image' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }]))).choices[0].message.content,
};
seen.schema = JSON.parse((await openai.chat.completions.create(ask('sdk openai: schema', {
  response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false } } },
}))).choices[0].message.content);

const models = [];
for await (const model of await openai.models.list()) models.push(model.id);
seen.models = { list: models, one: (await openai.models.retrieve('claude-sonnet-5-5')).id };

seen.unauthorized = await failure(() => client('wrong').chat.completions.create(ask('hi')));
seen.unknownModel = await failure(() => openai.chat.completions.create(ask('hi', { model: 'gpt-17' })));
seen.noSuchModel = await failure(() => openai.models.retrieve('gpt-17'));
seen.tools = await failure(() => openai.chat.completions.create(ask('hi', { tools: [{ type: 'web_search' }] })));
const tempered = await openai.chat.completions.create(ask('sdk openai: whole', { temperature: 0 })).withResponse();
seen.temperature = { ignored: tempered.response.headers.get('x-relay-ignored') ?? 'nothing' };
seen.tooLarge = await failure(() => openai.chat.completions.create(ask('x'.repeat(300_000))));
seen.upstream = await failure(() => client(RELAY_KEY, { maxRetries: 0 }).chat.completions.create(ask('sdk: upstream fails')));
const daily = client(RELAY_DAILY_KEY);
await daily.chat.completions.create(ask('sdk openai: daily'));
seen.daily = await failure(() => daily.chat.completions.create(ask('sdk openai: daily')));
const tight = client(RELAY_TIGHT_KEY, { maxRetries: 0 });
await tight.chat.completions.create(ask('sdk openai: tight'));
seen.tight = await failure(() => tight.chat.completions.create(ask('sdk openai: tight')));

const broken = [];
seen.broken = await failure(async () => {
  for await (const chunk of await openai.chat.completions.create(ask('sdk: breaks off', { stream: true }))) broken.push(chunk);
});
seen.broken.pieces = broken.length;

const leaving = await openai.chat.completions.create(ask('sdk openai: endless', { stream: true }));
for await (const chunk of leaving) {
  if (chunk.choices[0]?.delta?.content) break;
}
seen.left = true;

console.log(JSON.stringify(seen));
