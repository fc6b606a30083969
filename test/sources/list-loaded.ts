import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

// Loaded with --import: adds the URL of every module that the process loads to a file.
registerHooks({
  load(url, context, nextLoad) {
    appendFileSync(process.env.LOADED_MODULES as string, `${url}\n`);
    return nextLoad(url, context);
  },
});
