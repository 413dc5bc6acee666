// Runs the models of operators_test.cpp in ONNX Runtime and prints expected.txt.
//   REFCALIB_ONNX_CASES=DIR test_onnx '[.write]'
//   node tests/onnx/run_cases.mjs DIR FOLDER_OF_NODE_MODULES > tests/onnx/expected.txt
import fs from 'fs';
import path from 'path';
import { createRequire } from 'module';

const [,, folder, modules] = process.argv;
const ort = createRequire(path.resolve(modules) + '/')('onnxruntime-node');

for (const line of fs.readFileSync(path.join(folder, 'cases.txt'), 'utf8').split('\n')) {
  if (!line) continue;
  const [name, file] = line.split('|');
  try {
    const session = await ort.InferenceSession.create(path.join(folder, file), { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
    const shape = session.inputMetadata[0].shape;
    const count = shape.reduce((a, b) => a * b, 1);
    const x = Float32Array.from({ length: count }, (_, i) => (((i * 37 + 11) % 23) - 11) / 4);
    const results = await session.run({ x: new ort.Tensor('float32', x, shape) });
    for (const output of session.outputNames) {
      const values = Array.from(results[output].data, v => Number(v).toPrecision(9).replace(/\.?0+$/, '').replace(/\.?0+e/, 'e'));
      console.log(`${name}|${output}|${results[output].dims.join(' ')}|${values.join(' ')}`);
    }
  } catch (error) {
    console.error(`${name}: ${error.message}`);
  }
}
