let usual: number | undefined;

/** From now on, what this process writes is for its owner alone. */
export function writeForOwnerOnly(): void {
  usual = process.umask(0o077);
}

/** From now on, what this process writes is for whom its user says: files that somebody asked for, not secrets. */
export function writeAsUsual(): void {
  if (usual !== undefined) process.umask(usual);
}
