import { createInCell } from '../../compute/boot/create-in-cell.ts';
import { apiDatabase } from '../api-database.ts';
import { placement, step } from './step.ts';

/** Step CreateInCell of boot.asl.json: gives what BuildOnHost needs, or throws ServerDeleted. */
export const handler = step(
  'CreateInCell',
  placement,
  (input) => input,
  async (input) => {
    const { execution, request_id } = input;
    return { ...(await createInCell(apiDatabase(), input)), execution, request_id };
  },
);
