/** What tasks are carried out with. */
import type { Database } from '../../../database/data-api/client.ts';
import type { Driver } from '../../hosts/drivers/driver.ts';
import type { Settings } from '../../settings.ts';

/** The api database, the driver of the hosts, and Nova's options. */
export interface Tasks {
  api: Database;
  driver: Driver;
  settings: Settings;
}
