import { randomBytes } from 'node:crypto';
import type { NodeId } from '@partway/protocol/ids';

/** A new one for each start: what a process had at hand goes with it. */
export function newNodeId(): NodeId {
  return randomBytes(8).toString('hex') as NodeId;
}
