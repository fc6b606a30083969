/** Yields the same items, and requests the next one while the caller works on the current one. */
export async function* prefetch<T>(items: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  let next = items.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = items.next();
      // Handled by the next `await`; avoids an unhandled rejection if the caller stops before that.
      next.catch(() => {});
      yield value;
    }
  } finally {
    await items.return();
  }
}
