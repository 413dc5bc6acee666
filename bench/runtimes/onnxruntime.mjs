// Runs one ONNX model in ONNX Runtime on request, so that a script can take turns between it and another runtime.
// usage: node onnxruntime.mjs FOLDER MODEL.onnx THREADS      FOLDER holds node_modules/onnxruntime-node
// Each line of standard input is a number of seconds; for that long the model runs again and again (once at least), then
// one line of JSON follows: {"median_ms", "min_ms", "runs"}. The first line printed is {"version"} when the model is ready.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [folder, model, threads] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const ort = load('onnxruntime-node');

const session = await ort.InferenceSession.create(model, {
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
});

/** Numbers of [-1, 1), the same ones every time: ordinary values, since denormal ones may take longer. */
function inputs() {
  let state = 12345;
  const uniform = () => ((state = (state * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff) * 2 - 1;
  const feeds = {};
  for (const { name, shape } of session.inputMetadata) {
    const sizes = shape.map(size => (typeof size === 'number' && size > 0 ? size : 1));
    const data = Float32Array.from({ length: sizes.reduce((product, size) => product * size, 1) }, uniform);
    feeds[name] = new ort.Tensor('float32', data, sizes);
  }
  return feeds;
}

async function slice(feeds, seconds) {
  const times = [];
  const end = process.hrtime.bigint() + BigInt(Math.round(seconds * 1e9));
  for (let now = process.hrtime.bigint(); times.length === 0 || now < end; ) {
    await session.run(feeds);
    const after = process.hrtime.bigint();
    times.push(Number(after - now) / 1e6);
    now = after;
  }
  times.sort((a, b) => a - b);
  const middle = times.length >> 1;
  const median = times.length % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  return { median_ms: median, min_ms: times[0], runs: times.length };
}

const feeds = inputs();
for (let run = 0; run < 5; ++run) await session.run(feeds);
console.log(JSON.stringify({ version: load('onnxruntime-node/package.json').version }));
for await (const line of createInterface({ input: process.stdin })) {
  await session.run(feeds); // the other runtime had the caches meanwhile
  console.log(JSON.stringify(await slice(feeds, Number(line))));
}
