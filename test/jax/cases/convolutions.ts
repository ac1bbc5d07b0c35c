/** Convolutions and windows. */
import type { Case } from './base.js';

export const CONVOLUTIONS: readonly Case[] = [];
