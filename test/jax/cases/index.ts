/** One list of functions with the inputs that they are tried on: every check of every operation walks it. */
import { BASICS } from './basics.js';
import { NUMPY } from './numpy.js';
import { LINEAR_ALGEBRA } from './linear-algebra.js';
import { CONVOLUTIONS } from './convolutions.js';
import { LAX } from './lax.js';
import { SPECIAL } from './special.js';
import { NN } from './nn.js';
import { CONTROL_FLOW } from './control-flow.js';
import { COMPOSITIONS } from './compositions.js';
import type { Case } from './base.js';

export type { Case } from './base.js';
export const CASES: readonly Case[] = [...BASICS, ...NUMPY, ...LINEAR_ALGEBRA, ...CONVOLUTIONS, ...LAX, ...SPECIAL, ...NN, ...CONTROL_FLOW, ...COMPOSITIONS];
