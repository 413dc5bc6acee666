// Runs a model of one input in ONNX Runtime and writes its outputs as OUTPUT.0, OUTPUT.1 …
//   node run_model.mjs FOLDER_OF_NODE_MODULES MODEL INPUT OUTPUT
import fs from 'fs';
import path from 'path';
import { createRequire } from 'module';

const [,, modules, model, input, output] = process.argv;
const ort = createRequire(path.resolve(modules) + '/')('onnxruntime-node');
const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: 'all', logSeverityLevel: 3 });
const { name, shape } = session.inputMetadata[0];
const bytes = fs.readFileSync(input);
const data = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const results = await session.run({ [name]: new ort.Tensor('float32', data, shape.map(d => (typeof d === 'number' && d > 0 ? d : 1))) });
session.outputNames.forEach((each, k) => {
  const values = results[each].data;
  fs.writeFileSync(`${output}.${k}`, Buffer.from(values.buffer, values.byteOffset, values.byteLength));
});
