/** Activations and attention. */
import type { Case } from './base.js';

export const NN: readonly Case[] = [];
