/** The commands that ask about one claim or one epoch. Each returns the exit code. */
import type { ClaimsClient } from './client.ts';
import { ExitCode, exitCodeOfOutcome } from './exit-codes.ts';
import type { Io } from './io.ts';
import { type ClaimQuestion, claimReport, epochReport, type Output } from './output.ts';
import type { ClaimItem, ClaimResult } from './service.ts';

/** What every command works with. */
export interface Session {
  readonly client: ClaimsClient;
  readonly output: Output;
  readonly io: Io;
}

/** @throws CallFailed */
export async function submit(session: Session, item: ClaimItem): Promise<ExitCode> {
  const { client, io } = session;
  return answer(session, questionOf('submit', item), await client.submit(item, io.interrupted));
}

/** @throws CallFailed */
export async function validate(session: Session, item: ClaimItem): Promise<ExitCode> {
  const { client, io } = session;
  return answer(session, questionOf('validate', item), await client.validate(item, io.interrupted));
}

/** @throws CallFailed */
export async function get(session: Session, claimId: string, playerId?: string): Promise<ExitCode> {
  const { client, io } = session;
  const question = { command: 'get', claimId, playerId: playerId ?? null } as const;
  return answer(session, question, await client.get(claimId, playerId, io.interrupted));
}

/** @param number the last complete epoch where undefined. @throws CallFailed */
export async function epoch({ client, output, io }: Session, number?: number): Promise<ExitCode> {
  await output.print(epochReport(await client.epoch(number, io.interrupted)));
  return ExitCode.DONE;
}

function questionOf(command: 'submit' | 'validate', item: ClaimItem): ClaimQuestion {
  return { command, claimId: item.claim_id, playerId: item.player_id };
}

async function answer({ output }: Session, question: ClaimQuestion, result: ClaimResult): Promise<ExitCode> {
  await output.print(claimReport(question, result));
  return exitCodeOfOutcome(result.outcome);
}
