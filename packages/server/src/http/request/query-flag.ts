/** Whether a query parameter says yes: `true` in any case, since some clients spell it as their language does. */
export function isTrue(value: unknown): boolean {
  return typeof value === 'string' && value.toLowerCase() === 'true';
}
