/** Loops and branches. */
import type { Case } from './base.js';

export const CONTROL_FLOW: readonly Case[] = [];
