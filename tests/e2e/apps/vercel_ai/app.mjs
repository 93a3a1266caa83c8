// The Vercel AI SDK: a question, a stream, and a tool call with its result.
// app.mjs TRUSTSPAN_ENDPOINT MODEL_URL QUESTIONS; with AI=6 the version before, whose spans are its own
// (`ai.*`); the current one tells of calls through @ai-sdk/otel.
import { credentials } from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { z } from 'zod';

const [endpoint, modelUrl, questions] = process.argv.slice(2);
const { SYSTEM, QUESTION, STREAMED, TOOL_QUESTION, FORECAST, MODEL } = JSON.parse(questions);
const old = process.env.AI === '6';
const { generateText, streamText, tool, stepCountIs, isStepCount, ...ai } =
  await import(old ? 'ai-6' : 'ai');
const { createOpenAI } = await import(old ? 'openai-for-ai-6' : '@ai-sdk/openai');

const provider = new NodeTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({
    url: `http://${endpoint}`, credentials: credentials.createInsecure(),
  }))],
});
provider.register();
if (!old) {
  const { OpenTelemetry } = await import('@ai-sdk/otel');
  ai.registerTelemetry(new OpenTelemetry());
}

const model = createOpenAI({ baseURL: `${modelUrl}/v1`, apiKey: 'k' })(MODEL);
const settings = old
  ? { model, system: SYSTEM, experimental_telemetry: { isEnabled: true } }
  : { model, instructions: SYSTEM, telemetry: { isEnabled: true } };
const forecast = tool({
  description: "Tomorrow's weather.",
  inputSchema: z.object({ city: z.string() }),
  execute: async () => FORECAST,
});

await generateText({ ...settings, prompt: QUESTION });
for await (const _ of streamText({ ...settings, prompt: STREAMED }).textStream);
await generateText({
  ...settings, prompt: TOOL_QUESTION, tools: { forecast }, stopWhen: (stepCountIs ?? isStepCount)(3),
});
await provider.shutdown();
