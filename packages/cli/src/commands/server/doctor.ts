import { existsSync } from 'node:fs';
import { styleText } from 'node:util';
import { readConfig } from '@partway/server/config/config';
import type { Command } from 'commander';
import { checkNode } from '../../doctor/check-node.ts';
import { diagnoseFolder } from '../../doctor/diagnose-folder.ts';
import { diagnoseServer } from '../../doctor/diagnose-server.ts';
import type { Diagnosis } from '../../doctor/diagnosis.ts';
import { EXIT } from '../../exit-codes.ts';
import { printJson } from '../../output/json.ts';
import { addServerOptions, serverChoice } from '../../profiles/server-options.ts';
import { addSettings, givenSettings } from '../settings-options.ts';

/** `partway doctor` */
export function addDoctorCommand(program: Command): void {
  const command = program.command('doctor').description('look for what keeps a client or a server from working');
  addServerOptions(command).option('--json', 'print one JSON object a line');
  addSettings(command, ['PARTWAY_DATA']);
  command.action(async () => {
    const json = command.opts().json === true;
    const { dataFolder } = readConfig(givenSettings(command));
    let failed = false;
    for await (const diagnosis of diagnoses(command, dataFolder)) {
      failed ||= diagnosis.state === 'fail';
      if (json) printJson(diagnosis);
      else console.log(sentence(diagnosis));
    }
    if (failed) process.exitCode = EXIT.troubleFound;
  });
}

/** The server first, then the data folder: asked for, or there. */
async function* diagnoses(command: Command, dataFolder: string): AsyncGenerator<Diagnosis> {
  yield checkNode();
  yield* diagnoseServer(serverChoice(command));
  const asked = command.getOptionValueSource('data') !== undefined;
  if (asked || existsSync(dataFolder)) yield* diagnoseFolder(dataFolder);
}

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

function sentence({ check, state, message, remedy }: Diagnosis): string {
  const line = `${styleText(COLOURS[state], state.padEnd(4))}  ${check.padEnd(7)}  ${message}`;
  return remedy === undefined ? line : `${line}\n               ${remedy}`;
}
