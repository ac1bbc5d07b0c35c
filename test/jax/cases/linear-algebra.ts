/** Decompositions and solves. */
import type { Case } from './base.js';

export const LINEAR_ALGEBRA: readonly Case[] = [];
