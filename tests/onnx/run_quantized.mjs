// Runs a quantized model in ONNX Runtime, writes its first output, and fails if a convolution ran on floats.
//   node run_quantized.mjs FOLDER_OF_NODE_MODULES MODEL INPUT OUTPUT
import fs from 'fs';
import path from 'path';
import { createRequire } from 'module';

const [,, modules, model, input, output] = process.argv;
const ort = createRequire(path.resolve(modules) + '/')('onnxruntime-node');
const session = await ort.InferenceSession.create(model, {
  graphOptimizationLevel: 'all', enableProfiling: true, profileFilePrefix: output + '_profile', logSeverityLevel: 3 });
const { name, shape } = session.inputMetadata[0];
const bytes = fs.readFileSync(input);
const data = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const results = await session.run({ [name]: new ort.Tensor('float32', data, shape.map(d => (typeof d === 'number' && d > 0 ? d : 1))) });
const first = results[session.outputNames[0]].data;
fs.writeFileSync(output, Buffer.from(first.buffer, first.byteOffset, first.byteLength));
session.endProfiling();
const folder = path.dirname(output);
const profile = fs.readdirSync(folder).find(file => file.startsWith(path.basename(output) + '_profile'));
const counts = {};
for (const event of JSON.parse(fs.readFileSync(path.join(folder, profile))))
  if (event.args?.op_name && event.name.endsWith('_kernel_time')) counts[event.args.op_name] = (counts[event.args.op_name] ?? 0) + 1;
fs.unlinkSync(path.join(folder, profile));
console.log(JSON.stringify(counts));
process.exit(counts.Conv || counts.FusedConv || !counts.QLinearConv ? 1 : 0);
