/** What is done to servers, with every statement disturbed. */
import { disturb } from './disturb.ts';
import { changes } from './scenarios.ts';

disturb(changes);
