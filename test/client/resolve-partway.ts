import { registerHooks } from 'node:module';

// For programs that run as a user would write them: resolves `partway/client` to the source of this checkout.
registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'partway/client') return next(specifier, context);
    return next(new URL('../../packages/client/src/node/index.ts', import.meta.url).href, context);
  },
});
