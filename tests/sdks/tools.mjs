// Clients with tools, unmodified, with nothing but a base URL and a key. Each feature of each client is one line of JSON: ToolClientTests reads
// them and writes the table of docs/clients.md. The tools run here; the prompt says what the simulated model does.
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { ChatOpenAI } from '@langchain/openai';
import { ChatAnthropic } from '@langchain/anthropic';
import { tool as langchainTool } from '@langchain/core/tools';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { generateObject, generateText, Output, streamText, stepCountIs, tool as vercelTool } from 'ai';
import { createOpenAI } from '@ai-sdk/openai';
import { createAnthropic } from '@ai-sdk/anthropic';
import Instructor from '@instructor-ai/instructor';
import { OpenAI as LlamaOpenAi } from '@llamaindex/openai';
import { tool as llamaTool } from '@llamaindex/core/tools';
import { agent as llamaAgent, agentStreamEvent } from '@llamaindex/workflow';
import { z } from 'zod';

const { RELAY_URL, RELAY_KEY } = process.env;
const model = 'sonnet';
const maxTokens = 4096;
const openai = new OpenAI({ apiKey: RELAY_KEY, baseURL: `${RELAY_URL}/v1`, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: RELAY_KEY, baseURL: RELAY_URL, maxRetries: 0 });
const vercelOpenAi = createOpenAI({ apiKey: RELAY_KEY, baseURL: `${RELAY_URL}/v1` }).chat(model);
const vercelAnthropic = createAnthropic({ apiKey: RELAY_KEY, baseURL: `${RELAY_URL}/v1` })(model);
const langchainOpenAi = new ChatOpenAI({ apiKey: RELAY_KEY, model, temperature: 0, maxRetries: 0, configuration: { baseURL: `${RELAY_URL}/v1` } });
const langchainAnthropic = new ChatAnthropic({ apiKey: RELAY_KEY, model, maxTokens, maxRetries: 0, anthropicApiUrl: RELAY_URL });

const parameters = z.object({ city: z.string(), round: z.number().optional().nullable() });
const strictParameters = z.object({ city: z.string() });
const city = z.object({ city: z.string(), days: z.number().int() });
const description = 'Tells the weather of a city.';
let runs = 0;
const weather = async ({ city }) => {
  runs += 1;
  return `${city}: 12 °C`;
};

/** The words of a client's feature: the simulated model calls weather three times, then says that it is mild. */
const ask = (client, feature, what) => `[${what}] ${client} ${feature}`;

const checks = {
  'OpenAI SDK (JS)': {
    'tool runner, three rounds': (words) => openai.chat.completions.runTools({
      model, messages: [{ role: 'user', content: words('weather x3') }],
      tools: [{ type: 'function', function: { name: 'weather', description, parse: JSON.parse, function: weather, parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }],
    }).finalContent().then(mild),
    'tool runner, streamed': (words) => openai.chat.completions.runTools({
      model, stream: true, messages: [{ role: 'user', content: words('weather x3') }],
      tools: [{ type: 'function', function: { name: 'weather', description, parse: JSON.parse, function: weather, parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }],
    }).finalContent().then(mild),
    'parsed arguments of a strict tool': async (words) => {
      const answer = await openai.chat.completions.parse({ model, messages: [{ role: 'user', content: words('City') }], tools: [zodFunction({ name: 'City', parameters: city })] });
      return bonn(answer.choices[0].message.tool_calls[0].function.parsed_arguments);
    },
    'parsed answer (response_format)': async (words) => {
      const answer = await openai.chat.completions.parse({ model, messages: [{ role: 'user', content: words('schema') }], response_format: zodResponseFormat(city, 'city') });
      return bonn(answer.choices[0].message.parsed);
    },
    'tools beside a parsed answer': async (words) => {
      const messages = [{ role: 'user', content: words('weather x3, then City') }];
      for (;;) {
        const { message } = (await openai.chat.completions.parse({
          model, messages, tools: [zodFunction({ name: 'weather', parameters: strictParameters })], response_format: zodResponseFormat(city, 'city'),
        })).choices[0];
        messages.push(message);
        if (!message.tool_calls?.length) return ranThrice(bonn(message.parsed));
        for (const call of message.tool_calls) messages.push({ role: 'tool', tool_call_id: call.id, content: await weather(call.function.parsed_arguments) });
      }
    },
  },
  'Anthropic SDK (JS)': {
    'tool runner, three rounds': async (words) => {
      const answer = await anthropic.beta.messages.toolRunner({
        model, max_tokens: maxTokens, messages: [{ role: 'user', content: words('weather x3') }], tools: [betaZodTool({ name: 'weather', description, inputSchema: parameters, run: weather })],
      });
      return mild(answer.content[0].text);
    },
    'tool runner, streamed': async (words) => {
      let text = '';
      const runner = anthropic.beta.messages.toolRunner({
        model, max_tokens: maxTokens, stream: true, messages: [{ role: 'user', content: words('weather x3') }], tools: [betaZodTool({ name: 'weather', description, inputSchema: parameters, run: weather })],
      });
      for await (const stream of runner) text = (await stream.finalMessage()).content.filter((block) => block.type === 'text').map((block) => block.text).join('');
      return mild(text);
    },
    'thoughts beside tools (adaptive), fed back': async (words) => {
      const messages = [{ role: 'user', content: words('weather x3') }];
      for (;;) {
        const answer = await anthropic.messages.create({
          model, max_tokens: maxTokens, thinking: { type: 'adaptive' }, messages, tools: [{ name: 'weather', description, input_schema: { type: 'object', properties: { city: { type: 'string' } } } }],
        });
        messages.push({ role: 'assistant', content: answer.content });
        const calls = answer.content.filter((block) => block.type === 'tool_use');
        if (calls.length === 0) return mild(answer.content.at(-1).text);
        if (answer.content[0].type !== 'thinking') throw new Error('no thought');
        messages.push({ role: 'user', content: await Promise.all(calls.map(async (call) => ({ type: 'tool_result', tool_use_id: call.id, content: await weather(call.input) }))) });
      }
    },
  },
  'Vercel AI SDK, OpenAI provider (chat)': vercel(vercelOpenAi),
  'Vercel AI SDK, Anthropic provider': vercel(vercelAnthropic),
  'LangChain, ChatOpenAI': langchain(langchainOpenAi),
  'LangChain, ChatAnthropic': langchain(langchainAnthropic),
  'LlamaIndex (JS), agent over its OpenAI model': llama(),
  Instructor: Object.fromEntries(['TOOLS', 'JSON', 'JSON_SCHEMA'].map((mode) => [
    `structured answer, mode ${mode}`,
    async (words) => bonn(await Instructor({ client: openai, mode }).chat.completions.create({
      model, max_retries: 0, messages: [{ role: 'user', content: words(mode === 'TOOLS' ? 'City' : 'schema') }], response_model: { schema: city, name: 'City' },
    })),
  ])),
};

function vercel(languageModel) {
  const tools = { weather: vercelTool({ description, inputSchema: strictParameters, execute: weather }) };
  return {
    'generateText, three steps': async (words) => mild((await generateText({ model: languageModel, tools, stopWhen: stepCountIs(5), prompt: words('weather x3'), maxRetries: 0 })).text),
    'streamText, three steps': async (words) => {
      let text = '';
      for await (const part of streamText({ model: languageModel, tools, stopWhen: stepCountIs(5), prompt: words('weather x3'), maxRetries: 0 }).textStream) text += part;
      return mild(text.split('look.').at(-1));
    },
    // The Anthropic provider asks for the answer with a tool, which is another feature.
    ...(languageModel === vercelOpenAi && {
      'generateText with tools and an output schema': async (words) => ranThrice(bonn((await generateText({
        model: languageModel, tools, stopWhen: stepCountIs(5), output: Output.object({ schema: city }), prompt: words('weather x3, then City'), maxRetries: 0,
      })).output)),
    }),
    generateObject: async (words) => bonn((await generateObject({ model: languageModel, schema: city, prompt: words('object'), maxRetries: 0 })).object),
  };
}

function langchain(chat) {
  const tool = langchainTool(weather, { name: 'weather', description, schema: strictParameters });
  return {
    'bindTools, three rounds': async (words) => {
      const bound = chat.bindTools([tool]);
      const messages = [new HumanMessage(words('weather x3'))];
      for (;;) {
        const answer = await bound.invoke(messages);
        messages.push(answer);
        if (!answer.tool_calls?.length) return mild(answer.text ?? answer.content);
        for (const call of answer.tool_calls) messages.push(new ToolMessage({ tool_call_id: call.id, content: await weather(call.args) }));
      }
    },
    'bindTools, streamed': async (words) => {
      let whole;
      for await (const chunk of await chat.bindTools([tool]).stream(words('weather x3'))) whole = whole === undefined ? chunk : whole.concat(chunk);
      if (whole.tool_calls[0].name !== "weather" || whole.tool_calls[0].args.city !== "Bonn") throw new Error(JSON.stringify(whole.tool_calls));
    },
    ...Object.fromEntries(['functionCalling', 'jsonSchema', ...(chat === langchainOpenAi ? ['jsonMode'] : [])].map((method) => [
      `withStructuredOutput, ${method}`,
      async (words) => bonn(await chat.withStructuredOutput(city, { name: 'City', method }).invoke(words(method === 'functionCalling' ? 'City' : 'schema'))),
    ])),
  };
}

function llama() {
  // A name of OpenAI's: LlamaIndex hands tools to models that it knows only. The relay has an alias for it.
  const llm = new LlamaOpenAi({ apiKey: RELAY_KEY, baseURL: `${RELAY_URL}/v1`, model: 'gpt-4o', maxRetries: 0 });
  const tools = [llamaTool({ name: 'weather', description, parameters: strictParameters, execute: weather })];
  return {
    'run, three rounds': async (words) => mild((await llamaAgent({ llm, tools }).run(words('weather x3'))).data.result),
    'runStream, three rounds': async (words) => {
      let text = '';
      for await (const event of llamaAgent({ llm, tools }).runStream(words('weather x3'))) if (agentStreamEvent.include(event)) text += event.data.delta;
      return mild(text.split('look.').at(-1));
    },
  };
}

function mild(text) {
  if (text !== 'It is mild.') throw new Error(`the last answer is ${JSON.stringify(text)}`);
  ranThrice();
}

function ranThrice() {
  if (runs !== 3) throw new Error(`the tool ran ${runs} times`);
}

function bonn(value) {
  if (value?.city !== 'Bonn' || value?.days !== 3) throw new Error(`the answer is ${JSON.stringify(value)}`);
}

for (const [client, features] of Object.entries(checks)) {
  for (const [feature, run] of Object.entries(features)) {
    runs = 0;
    try {
      await run((what) => ask(client, feature, what));
      console.log(JSON.stringify({ client, feature, error: null }));
    } catch (error) {
      console.log(JSON.stringify({ client, feature, error: `${error.constructor.name}: ${error.message}`.slice(0, 600) }));
    }
  }
}
