/** What a model has that is not supported: all of it in one error. */
import { HokkuError } from '../runtime/errors.js';
import { labelOf, type Node } from './graph.js';

export interface UnsupportedNode { readonly node: string; readonly operator: string; readonly domain: string; readonly version: number; readonly reason: string }

/** A node met what its operator does not provide for: a gap of ours, whatever the model is like. */
export class InternalError extends HokkuError {
  constructor(message: string, options?: ErrorOptions) { super(message, 'INTERNAL', options); }
}

const MOST_LISTED = 20;

/** Operators that cannot be imported, or through which no derivative passes. `nodes` lists every one. */
export class UnsupportedOperators extends HokkuError {
  readonly nodes: readonly UnsupportedNode[];
  constructor(what: string, nodes: readonly UnsupportedNode[]) {
    const shown = nodes.slice(0, MOST_LISTED).map((n) => `${n.node}: ${n.reason}`);
    super(`${what}: ${shown.join('; ')}${nodes.length > MOST_LISTED ? `; and ${nodes.length - MOST_LISTED} more` : ''}.`, 'UNSUPPORTED_OPERATORS');
    this.nodes = nodes;
  }
}

export const unsupported = (node: Node, reason: string): UnsupportedNode => ({ node: labelOf(node), operator: node.op, domain: node.domain, version: node.version, reason });
