import { createInCell } from '../../../compute/boot/create-in-cell.ts';
import { apiDatabase } from '../../shared/database.ts';
import { placement, step } from './step.ts';

/** Step CreateInCell of boot.asl.json: returns what BuildOnHost needs, or throws OwnershipLost. */
export const handler = step(
  'CreateInCell',
  placement,
  (input) => input,
  async (input) => ({ ...(await createInCell(apiDatabase(), input)).created, request_id: input.request_id }),
);
