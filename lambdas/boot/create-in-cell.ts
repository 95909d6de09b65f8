import { createInCell } from '../../compute/boot/create-in-cell.ts';
import { apiDatabase } from '../api-database.ts';
import { placement, step } from './step.ts';

/** Step CreateInCell of boot.asl.json: gives what BuildOnHost needs, or throws ServerDeleted. */
export const handler = step(placement, (input) => createInCell(apiDatabase(), input));
