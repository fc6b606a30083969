import { connect } from '../../profiles/connect.ts';
import type { Profile } from '../../profiles/profile.ts';

/** Whose credentials these are, asked of the server. */
export async function whoIs({ server, credentials }: Profile): Promise<{ id: string; name: string; login: string }> {
  using client = connect({ server, credentials });
  const { id, name, login } = await client.users.getUserMe();
  return { id, name, login };
}
