/** The same items, the next of which is already on its way while one is worked at. */
export async function* prefetch<T>(items: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  let next = items.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = items.next();
      // Heard of when its turn comes, if it comes.
      next.catch(() => {});
      yield value;
    }
  } finally {
    await items.return();
  }
}
