// Six clients, each with nothing but a base URL and a key, ask once for each case of a server that only fails: RetryTests counts what came.
// The clients' pauses are cut short: how often they ask is the subject, not when.
const pause = globalThis.setTimeout;
globalThis.setTimeout = (act, ms, ...more) => pause(act, ms > 0 && ms < 120_000 ? 1 : ms, ...more);

const { default: OpenAI } = await import('openai');
const { default: Anthropic } = await import('@anthropic-ai/sdk');
const { ChatOpenAI } = await import('@langchain/openai');
const { ChatAnthropic } = await import('@langchain/anthropic');
const { generateText } = await import('ai');
const { createOpenAI } = await import('@ai-sdk/openai');
const { createAnthropic } = await import('@ai-sdk/anthropic');

const [url, ...cases] = process.argv.slice(2);
const apiKey = 'relay_x';
const messages = [{ role: 'user', content: 'hi' }];
const model = 'claude-haiku-4-5';
const clients = {
  openai: {
    sdk: (baseURL) => new OpenAI({ apiKey, baseURL: `${baseURL}/v1` }).chat.completions.create({ model, messages }),
    langchain: (baseURL) => new ChatOpenAI({ apiKey, model, configuration: { baseURL: `${baseURL}/v1` } }).invoke('hi'),
    vercel: (baseURL) => generateText({ model: createOpenAI({ apiKey, baseURL: `${baseURL}/v1` }).chat(model), prompt: 'hi' }),
  },
  anthropic: {
    sdk: (baseURL) => new Anthropic({ apiKey, baseURL }).messages.create({ model, max_tokens: 99, messages }),
    langchain: (baseURL) => new ChatAnthropic({ apiKey, model, anthropicApiUrl: baseURL }).invoke('hi'),
    vercel: (baseURL) => generateText({ model: createAnthropic({ apiKey, baseURL: `${baseURL}/v1` })(model), prompt: 'hi' }),
  },
};

for (const which of cases) {
  await Promise.all(
    Object.entries(clients).flatMap(([surface, own]) =>
      Object.entries(own).map(async ([client, ask]) => {
        try {
          await ask(`${url}/${surface}/${client}/${which}`);
        } catch {
          return;
        }
        throw new Error(`${surface} ${client} took ${which} for an answer`);
      }),
    ),
  );
}
