/**
 * Settles as `promise` does or, if that takes longer than `millis`, as `onTimeout` does. The work behind `promise`
 * continues. The timer does not keep the process running.
 */
export async function withTimeout<T, Late>(
  promise: Promise<T>,
  millis: number,
  onTimeout: () => Late,
): Promise<T | Awaited<Late>> {
  const { promise: timedOut, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, millis).unref();
  try {
    return await Promise.race([promise, timedOut.then(onTimeout)]);
  } finally {
    clearTimeout(timer);
  }
}
