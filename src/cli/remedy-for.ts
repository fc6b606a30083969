/** What to do where a server cannot be reached, by the system's name of the trouble. */
export function remedyFor(code: string | undefined): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'Start the server (partway serve), or give its port in the address.';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'Look for a slip in the address, or at this machine’s DNS.';
    case 'ABORT_ERR':
    case 'ETIMEDOUT':
      return 'Look at firewalls between here and there, and whether the machine is up.';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'Look at the network of this machine.';
    default:
      return 'Is the server running, and is this its address?';
  }
}
