import type { Millis } from '../../packages/protocol/src/ids.ts';
import { type Clock, GuardedClock } from '../../packages/server/src/time/clock.ts';

/** A server's clock that stands still until a test moves it. */
export class TestClock extends GuardedClock {
  readonly #moment: { wall: Millis; monotonic: Millis };

  constructor(wall: Millis) {
    const moment = { wall, monotonic: 1_000 };
    super({ wall: () => moment.wall, monotonic: () => moment.monotonic });
    this.#moment = moment;
  }

  /** Advances both clocks. */
  advance(by: Millis): void {
    this.#moment.wall += by;
    this.#moment.monotonic += by;
  }

  /** Sets the wall clock forward, or back if `by` is negative. */
  jump(by: Millis): void {
    this.#moment.wall += by;
    this.now();
  }

  /** The clock of another machine, which is ahead of this one, or behind if `by` is negative. */
  ahead(by: Millis): Clock {
    return {
      now: () => this.now() + by,
      monotonic: () => this.monotonic(),
      expiryTime: () => this.expiryTime() + by,
      lifetimesFrom: () => this.lifetimesFrom() + by,
      fileExpiryTime: () => this.fileExpiryTime() + by,
      steadyFor: () => this.steadyFor(),
    };
  }
}
