/** What a failure of Redis means to whoever started the import. */
import { ClaimsError, RegistryMismatch } from '../../domain/errors.ts';
import { ClaimctlError, Refused, Unconfirmed } from '../exit-codes.ts';

/** The failure as one that ends the program with a code of its own; null for a fault of ours. */
export function asClaimctlError(error: unknown): ClaimctlError | null {
  if (error instanceof ClaimctlError) return error;
  if (error instanceof RegistryMismatch) return new Refused(error.message);
  return error instanceof ClaimsError ? new Unconfirmed(error.message) : null;
}

/** What the call comes to. @throws ClaimctlError for what an operator can mend. */
export async function orClaimctlError<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw asClaimctlError(error) ?? error;
  }
}
