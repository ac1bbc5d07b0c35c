/** Slices, gathers, scatters, sorting and scans of jax.lax. */
import type { Case } from './base.js';

export const LAX: readonly Case[] = [];
