/** jax.numpy beyond the basics. */
import type { Case } from './base.js';

export const NUMPY: readonly Case[] = [];
