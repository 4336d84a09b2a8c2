// Clients that speak OpenAI's Responses API, unmodified, with nothing but a base URL and a key. Prints what they saw as JSON; ResponsesClientTests reads it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createOpenAI } from '@ai-sdk/openai';
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool as langchainTool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { Agent, run, setDefaultOpenAIClient, setTracingDisabled, tool as agentTool } from '@openai/agents';
import { convertToModelMessages, generateText, Output, readUIMessageStream, stepCountIs, streamText, tool as vercelTool } from 'ai';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';

globalThis.AI_SDK_LOG_WARNINGS = false;
const { RELAY_URL, RELAY_KEY, RELAY_OTHER_KEY } = process.env;
const baseURL = `${RELAY_URL}/v1`;
const model = 'sonnet';
const Answer = z.object({ a: z.number() });
const City = z.object({ city: z.string() });
const weather = async ({ city }) => `sunny in ${city}`;
const seen = {};

async function failure(act) {
  try {
    await act();
    return { error: null };
  } catch (error) {
    return { error: error.constructor.name, status: error.status ?? error.statusCode, code: error.code, param: error.param, message: error.message };
  }
}

const openai = new OpenAI({ apiKey: RELAY_KEY, baseURL });
const whole = await openai.responses.create({ model, input: 'sdk responses: whole', instructions: 'sdk system' });
seen.whole = { text: whole.output_text, status: whole.status, tokens: whole.usage.total_tokens, store: whole.store, id: whole._request_id };

const events = [];
for await (const event of await openai.responses.create({ model, input: 'sdk responses: stream', stream: true })) events.push(event);
seen.stream = { text: events.filter((event) => event.type === 'response.output_text.delta').map((event) => event.delta).join(''), types: events.map((event) => event.type) };
const final = await openai.responses.stream({ model, input: 'sdk responses: stream' }).finalResponse();
seen.helper = { text: final.output_text, status: final.status };
seen.parse = (await openai.responses.parse({ model, input: 'sdk responses: schema', text: { format: zodTextFormat(Answer, 'answer') } })).output_parsed;

// A loop of tools by hand, as OpenAI's documentation has it: each item goes back in as it came.
const weatherTool = { type: 'function', name: 'weather', description: 'Tells the weather.', strict: true, parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } };
const loop = [{ role: 'user', content: 'sdk responses: weather' }];
for (let rounds = 0; rounds < 3; rounds++) {
  const response = await openai.responses.create({ model, input: loop, tools: [weatherTool] });
  loop.push(...response.output);
  const calls = response.output.filter((item) => item.type === 'function_call');
  if (calls.length === 0) {
    seen.tools = { text: response.output_text, kinds: loop.map((item) => item.type ?? 'message') };
    break;
  }
  for (const call of calls) loop.push({ type: 'function_call_output', call_id: call.call_id, output: await weather(JSON.parse(call.arguments)) });
}
const calling = [];
const streamedCall = openai.responses.stream({ model, input: 'sdk responses: weather', tools: [weatherTool] });
for await (const event of streamedCall) calling.push(event);
seen.streamedCall = { call: (await streamedCall.finalResponse()).output.find((item) => item.type === 'function_call')?.arguments, types: [...new Set(calling.map((event) => event.type))] };

seen.previous = await failure(() => openai.responses.create({ model, input: 'hi', previous_response_id: 'resp_1' }));
seen.hosted = await failure(() => openai.responses.create({ model, input: 'hi', tools: [{ type: 'web_search' }] }));
seen.unauthorized = await failure(() => new OpenAI({ apiKey: 'wrong', baseURL }).responses.create({ model, input: 'hi' }));
const broken = [];
seen.broken = await failure(async () => {
  for await (const event of await openai.responses.create({ model, input: 'sdk: breaks off', stream: true })) broken.push(event);
});
seen.broken.pieces = broken.length;

// The events and the answers are values of the SDK's own types, as its compiler sees them.
const folder = mkdtempSync(join(dirname(fileURLToPath(import.meta.url)), 'types-'));
try {
  // The SDK adds output_text to whole answers only, and OpenAI's own store is missing from its types.
  const typed = ({ store, ...response }) => ({ output_text: '', ...response });
  const typedEvent = (event) => (event.response ? { ...event, response: typed(event.response) } : event);
  writeFileSync(
    join(folder, 'events.ts'),
    `import type { Response, ResponseStreamEvent } from 'openai/resources/responses/responses';\nexport const events: ResponseStreamEvent[] = ${JSON.stringify([...events, ...calling].map(typedEvent))};\n` +
      `export const whole: Response = ${JSON.stringify(typed(whole))};\n`,
  );
  const compiler = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))), 'bin', 'tsc');
  execFileSync(process.execPath, [compiler, '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext', join(folder, 'events.ts')]);
  seen.types = 'fit';
} catch (error) {
  seen.types = `${error.stdout ?? error}`;
} finally {
  rmSync(folder, { recursive: true });
}

const vercel = createOpenAI({ apiKey: RELAY_KEY, baseURL });
const vercelTools = { weather: vercelTool({ description: 'Tells the weather.', inputSchema: City, execute: weather }) };
const streamed = streamText({ model: vercel(model), prompt: 'sdk vercel responses: stream' });
const pieces = [];
for await (const piece of streamed.textStream) pieces.push(piece);
const steps = await generateText({ model: vercel(model), prompt: 'sdk vercel responses: weather', tools: vercelTools, stopWhen: stepCountIs(3) });
const streamedSteps = streamText({ model: vercel(model), prompt: 'sdk vercel responses: weather', tools: vercelTools, stopWhen: stepCountIs(3) });
await streamedSteps.consumeStream();
seen.vercel = {
  text: (await generateText({ model: vercel(model), system: 'sdk system', prompt: 'sdk vercel responses: whole' })).text,
  stream: pieces.join(''),
  object: (await generateText({ model: vercel(model), prompt: 'sdk vercel responses: schema', output: Output.object({ schema: Answer }) })).output,
  tools: { text: steps.text, steps: steps.steps.length, results: steps.steps.flatMap((step) => step.toolResults.map((result) => result.output)) },
  streamedTools: { text: await streamedSteps.text, steps: (await streamedSteps.steps).length },
  file: (await generateText({
    model: vercel(model),
    messages: [{ role: 'user', content: [{ type: 'file', mediaType: 'application/pdf', filename: 'a.pdf', data: Buffer.from('%PDF-1.4 /Type /Page') }, { type: 'text', text: 'sdk vercel responses: file' }] }],
  })).text,
};

// Several turns: the provider refers to earlier answers by their ids, in a tool loop and in a chat.
const loop3 = await generateText({ model: vercel(model), prompt: 'sdk vercel steps: whole', tools: vercelTools, stopWhen: stepCountIs(5) });
const streamedLoop3 = streamText({ model: vercel(model), prompt: 'sdk vercel steps: streamed', tools: vercelTools, stopWhen: stepCountIs(5) });
await streamedLoop3.consumeStream();
const chat = [];
for (const turn of [1, 2, 3]) {
  chat.push({ role: 'user', content: `sdk vercel chat ${turn}` });
  chat.push(...(await generateText({ model: vercel(model), messages: chat })).response.messages);
}
// As useChat keeps a chat: streamed, and as JSON between the turns.
const page = [];
for (const turn of [1, 2, 3]) {
  page.push({ id: `${turn}`, role: 'user', parts: [{ type: 'text', text: `sdk vercel page ${turn}` }] });
  const answer = streamText({ model: vercel(model), messages: await convertToModelMessages(page), providerOptions: turn > 1 ? { openai: { forceReasoning: true, reasoningSummary: 'auto' } } : undefined });
  let message;
  for await (const update of readUIMessageStream({ stream: answer.toUIMessageStream() })) message = update;
  page.push(JSON.parse(JSON.stringify(message)));
}
seen.turns = {
  loop: { text: loop3.text, steps: loop3.steps.length },
  streamedLoop: { text: await streamedLoop3.text, steps: (await streamedLoop3.steps).length },
  chat: chat.filter((message) => message.role === 'assistant').map((message) => message.content.map((part) => part.text).join('')),
  page: page.filter((message) => message.role === 'assistant').map((message) => message.parts.filter((part) => part.type === 'text').map((part) => part.text).join('')),
  thoughts: page.flatMap((message) => message.parts.filter((part) => part.type === 'reasoning').map((part) => part.text)),
  foreign: await failure(() => generateText({ model: createOpenAI({ apiKey: RELAY_OTHER_KEY, baseURL })(model), messages: [...chat, { role: 'user', content: 'hi' }] })),
  own: (await generateText({ model: vercel(model), messages: chat.concat({ role: 'user', content: 'sdk vercel chat 4' }), providerOptions: { openai: { store: false } } })).text,
};

const langchain = new ChatOpenAI({ apiKey: RELAY_KEY, model, useResponsesApi: true, configuration: { baseURL } });
const langchainWeather = langchainTool(weather, { name: 'weather', description: 'Tells the weather.', schema: City });
const chain = [new HumanMessage('sdk langchain responses: weather')];
const called = await langchain.bindTools([langchainWeather]).invoke(chain);
chain.push(called);
for (const call of called.tool_calls) chain.push(new ToolMessage({ tool_call_id: call.id, content: await weather(call.args) }));
const chunks = [];
for await (const chunk of await langchain.stream('sdk langchain responses: stream')) chunks.push(chunk.text);
seen.langchain = {
  text: (await langchain.invoke([new SystemMessage('sdk system'), new HumanMessage('sdk langchain responses: whole')])).text,
  stream: chunks.join(''),
  object: await langchain.withStructuredOutput(Answer).invoke('sdk langchain responses: schema'),
  tools: { call: called.tool_calls[0].args, text: (await langchain.bindTools([langchainWeather]).invoke(chain)).text },
};

setDefaultOpenAIClient(openai);
setTracingDisabled(true);
const forecaster = new Agent({ name: 'Forecaster', instructions: 'Tell the weather.', model, tools: [agentTool({ name: 'weather', description: 'Tells the weather.', parameters: City, execute: weather })] });
const front = new Agent({ name: 'Front', instructions: 'Hand over.', model, handoffs: [forecaster] });
const withTool = await run(forecaster, 'sdk agents: weather');
const handed = await run(front, 'sdk agents: hand over');
const second = await run(forecaster, [...withTool.history, { role: 'user', content: 'sdk agents: and then' }]);
const agentStream = await run(forecaster, 'sdk agents: weather', { stream: true });
await agentStream.completed;
seen.agents = {
  tools: withTool.finalOutput,
  history: withTool.history.map((item) => item.type),
  handOff: { text: handed.finalOutput, last: handed.lastAgent.name },
  second: second.finalOutput,
  stream: agentStream.finalOutput,
};

console.log(JSON.stringify(seen));
process.exit(0);
