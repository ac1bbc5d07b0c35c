/** `hokku/jax`: arrays, operations, transformations. */
import './eager.js';
import './methods.js';

export { NDArray as Array, fromBytes, isArray, type Device } from './array.js';
export { config, type EngineName } from './config.js';
export { formatJaxpr, type ClosedJaxpr, type Jaxpr } from './core.js';
export type { DType } from './dtypes.js';
export { symbolicDim } from './dims.js';
export { evalShape, grad, makeJaxpr, valueAndGrad, vjp, type GradOptions } from './autodiff.js';
export { vmap, type VmapOptions } from './batching.js';
export { pureCallback, type ShapeDtype } from './callback.js';
export { checkpoint, checkpoint as remat } from './checkpoint.js';
export { customJvp, customVjp, type CustomJvpFunction, type CustomOptions, type CustomVjpFunction } from './custom.js';
export { checkGrads, type CheckGradsOptions } from './check-grads.js';
export { jvp, linearize } from './forward.js';
export { hessian, jacfwd, jacobian, jacrev } from './jacobian.js';
export { defaultBackend, defaultDevice, deviceCount, deviceGet, devicePut, devices } from './devices.js';
export { engines } from '../runtime/engines.js';
export { jit, type JitOptions, type Jitted } from './jit.js';
export { namedCall, namedScope } from './scopes.js';
export { stopGradient } from './primitives/convert.js';
export * as lax from './lax/index.js';
export * as nn from './nn/index.js';
export * as numpy from './numpy/index.js';
export * as ops from './ops.js';
export * as random from './random/index.js';
export * as scipy from './scipy/index.js';
export * as tree from './tree.js';
