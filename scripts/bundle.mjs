/**
 * Bundles the compiled library, one file an entry point and shared chunks between them. Loading its hundred modules one by
 * one takes three times as long. Names of classes are kept, because errors carry them.
 */
import { rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist/bundle', { recursive: true, force: true });
await build({
  entryPoints: {
    hokku: 'dist/lib/index.js', jax: 'dist/lib/jax/index.js', optax: 'dist/lib/optax/index.js',
    training: 'dist/lib/training/index.js', plot: 'dist/lib/plot/index.js', onnx: 'dist/lib/onnx/index.js',
    // The command line, so that it and a configuration that imports hokku have one and the same library.
    cli: 'dist/lib/cli/main.js',
  },
  outdir: 'dist/bundle', bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external',
  keepNames: true, sourcemap: true, logLevel: 'warning',
});
