/** The engines, for processes that measure. */
import { config, devices } from 'hokku/jax';

/** Makes an engine and a device the default of everything that follows. */
export function useEngine(engine: string, device: string): void {
  config.engine = engine as typeof config.engine;
  if (device === 'cuda') config.defaultDevice = devices().find((d) => d.platform === 'cuda' && d.engine === engine) ?? null;
}
