/** Which engines the demo runs on, and switching between them. */
import { config, devices } from 'hokku/jax';
import { engines } from 'hokku/jax';
import { ENGINES, type Engine, type Options } from './options.js';

/** The engines that were asked for; without a wish, each one that is there. */
export function chooseEngines({ engine }: Options): Engine[] {
  const missing = new Map(engines().filter((e) => !e.path).map((e) => [e.name as string, e.missing]));
  if (engine === undefined) return ENGINES.filter((name) => !missing.has(name));
  const chosen = engine === 'both' ? [...ENGINES] : [engine];
  for (const name of chosen) if (missing.has(name)) throw new Error(`The engine '${name}' was not found: ${missing.get(name)}.`);
  return chosen;
}

/** Makes an engine and a device the default of everything that follows. */
export function useEngine(engine: Engine, device: Options['device']): void {
  config.engine = engine;
  config.defaultDevice = null;
  if (device === 'cpu') return;
  const found = devices().find((d) => d.platform === 'cuda' && d.engine === engine);
  if (!found) throw new Error(`The engine '${engine}' finds no CUDA device here; the devices are ${devices().map(String).join(', ')}.`);
  config.defaultDevice = found;
}
