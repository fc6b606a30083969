import { setTimeout as sleep } from 'node:timers/promises';

/** The names of the methods of `T` that return a promise and so can fail, wait and be counted. */
export type AsyncMethod<T> = {
  [K in keyof T]: T[K] extends (...args: never[]) => Promise<unknown> ? K & string : never;
}[keyof T];

/** A fault at a call of a method. In this order, it waits, calls the hook and fails. */
export interface Fault<T> {
  method: AsyncMethod<T>;
  /** Which call, counted from 1 by the wrapper; by default, every call. */
  call?: number;
  /** Before the call reaches the target, or after it was executed (so that only its result is lost). */
  when: 'before' | 'after';
  /** Milliseconds, or a promise to wait for. */
  delay?: number | Promise<unknown>;
  /** Called with the arguments of the call, for example to kill a process. */
  hook?: (...args: unknown[]) => unknown;
  /** The error that the call throws. */
  fail?: unknown;
}

type AnyMethod = (...args: unknown[]) => unknown;

/**
 * Returns `target` with the faults of `plan`, to break things from outside: production code needs no hooks. It has
 * all methods, own and inherited; a method without a fault is called directly. Faults can be added to `plan` later.
 */
export function faulty<T extends object>(target: T, plan: readonly Fault<T>[]): T {
  const wrapper: Record<string, AnyMethod> = {};
  for (const name of methodNames(target)) {
    const method = (target as Record<string, AnyMethod>)[name]?.bind(target) as AnyMethod;
    let calls = 0;
    wrapper[name] = (...args) => {
      calls += 1;
      const call = calls;
      const due = (when: Fault<T>['when']) =>
        plan.filter((fault) => fault.method === name && fault.when === when && (fault.call ?? call) === call);
      if (!plan.some((fault) => fault.method === name)) return method(...args);
      return callWithFaults(method, args, due('before'), due('after'));
    };
  }
  return wrapper as T;
}

async function callWithFaults<T>(
  method: AnyMethod,
  args: unknown[],
  before: Fault<T>[],
  after: Fault<T>[],
): Promise<unknown> {
  for (const fault of before) await apply(fault, args);
  const answer = await method(...args);
  for (const fault of after) await apply(fault, args);
  return answer;
}

async function apply<T>(fault: Fault<T>, args: unknown[]): Promise<void> {
  if (fault.delay !== undefined) await (typeof fault.delay === 'number' ? sleep(fault.delay) : fault.delay);
  await fault.hook?.(...args);
  if ('fail' in fault) throw fault.fail;
}

function methodNames(target: object): Set<string> {
  const names = new Set<string>();
  for (let of: object = target; of !== Object.prototype && of !== null; of = Object.getPrototypeOf(of)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(of))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
    }
  }
  return names;
}
