import { existsSync } from 'node:fs';
import { styleText } from 'node:util';
import { readConfig } from '@partway/server/config/config';
import type { Command } from 'commander';
import { checkNative } from '../../doctor/check-native.ts';
import { checkNode } from '../../doctor/check-node.ts';
import { diagnoseFolder } from '../../doctor/diagnose-folder.ts';
import { diagnoseServer } from '../../doctor/diagnose-server.ts';
import type { Diagnosis } from '../../doctor/diagnosis.ts';
import { EXIT } from '../../exit-codes.ts';
import { printJson } from '../../output/json.ts';
import { addServerOptions, parseServerChoice } from '../../profiles/server-options.ts';
import { addExamples } from '../examples.ts';
import { addSettings, readSettings } from '../settings-options.ts';

/** `partway doctor` */
export function addDoctorCommand(program: Command): void {
  const command = program.command('doctor').description('diagnose problems with a server and a data folder');
  addServerOptions(command).option('--json', 'print one JSON object per line');
  addSettings(command, ['PARTWAY_DATA']);
  addExamples(command, [
    ['partway doctor', 'Check the server that other commands would use'],
    ['partway doctor --server http://127.0.0.1:4400 --json', 'Check a certain server, for a script'],
  ]);
  command.action(async () => {
    const json = command.opts().json === true;
    const { dataFolder } = readConfig(readSettings(command));
    let failed = false;
    for await (const diagnosis of runChecks(command, dataFolder)) {
      failed ||= diagnosis.state === 'fail';
      if (json) printJson(diagnosis);
      else console.log(renderDiagnosis(diagnosis));
    }
    if (failed) process.exitCode = EXIT.problemsFound;
  });
}

/** Checks the server first, then the data folder if it was requested or exists. */
async function* runChecks(command: Command, dataFolder: string): AsyncGenerator<Diagnosis> {
  yield checkNode();
  yield* diagnoseServer(parseServerChoice(command));
  const isRequested = command.getOptionValueSource('data') !== undefined;
  if (!isRequested && !existsSync(dataFolder)) return;
  yield checkNative();
  yield* diagnoseFolder(dataFolder);
}

const COLORS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

function renderDiagnosis({ check, state, message, remedy }: Diagnosis): string {
  const line = `${styleText(COLORS[state], state.padEnd(4))}  ${check.padEnd(7)}  ${message}`;
  return remedy === undefined ? line : `${line}\n               ${remedy}`;
}
