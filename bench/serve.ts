/** A process of ours that measures: `node --expose-gc dist/bench/serve.js CASE ENGINE DEVICE ARTIFACTS [PART]`. */
import { CASES } from './cases/index.js';
import { serve } from './protocol.js';

const [name, engine, device, artifacts, part] = process.argv.slice(2) as [string, string, 'cpu' | 'cuda', string, string];
const { load, compared } = CASES[name];
if (compared) (await import('./engine.js')).useEngine(engine, device);
await serve(compared ? `hokku ${engine}` : 'hokku', (await load()).variants({ engine, device, artifacts, part }));
