/** Boots and deletes, with every statement disturbed. */
import { disturb } from './disturb.ts';
import { boots } from './scenarios.ts';

disturb(boots);
