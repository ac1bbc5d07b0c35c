/** Special functions. */
import type { Case } from './base.js';

export const SPECIAL: readonly Case[] = [];
