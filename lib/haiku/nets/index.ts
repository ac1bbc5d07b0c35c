/** `hk.nets`: whole networks. */
export { MLP, type MLPCallOptions, type MLPOptions } from './mlp.js';
