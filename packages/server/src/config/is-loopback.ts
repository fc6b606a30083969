/** Whether only this machine can reach a host; one that is left out is the loopback address. IPv6 without brackets. */
export function isLoopback(host: string | undefined): boolean {
  return host === undefined || host === 'localhost' || host === '::1' || /^127\./.test(host);
}
