import type { Migration } from '../../migrations.ts';
import { cellsAndPlacement } from './0001-cells-and-placement.ts';
import { identityAndImage } from './0002-identity-and-image.ts';

/** The whole history of the api database, in order. */
export const apiMigrations: readonly Migration[] = [cellsAndPlacement, identityAndImage];
