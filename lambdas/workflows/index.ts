/** All workflows, by the name of their folder. */
import { audit } from './audit/steps.ts';
import { boot } from './boot/steps.ts';
import { reaper } from './reaper/steps.ts';

export const workflows = { boot, reaper, audit } as const;
