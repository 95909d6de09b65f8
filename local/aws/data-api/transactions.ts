/** Open transactions of the Data API: one connection each, one call at a time, and a short life. */

import { randomBytes } from 'node:crypto';
import type { Client, ClientBase } from 'pg';
import type { Database } from './databases.ts';
import { dataApiError, fromPostgres } from './errors.ts';

/** The transactions of one Data API. */
export interface Transactions {
  /** Begins one on a database and returns its id. */
  begin(database: Database): Promise<string>;
  /**
   * Runs some work in a transaction. An error ends the transaction and undoes it.
   * @throws AwsError (TransactionNotFoundException, DatabaseErrorException) when it is over, belongs to another database, or another call runs in it.
   */
  within<Result>(id: string, database: Database, work: (client: ClientBase) => Promise<Result>): Promise<Result>;
  /** Ends a transaction and returns its status in words. */
  end(id: string, database: Database, how: 'commit' | 'rollback'): Promise<string>;
}

interface Transaction {
  readonly client: Client;
  readonly database: Database;
  readonly diesAt: number;
  timer: NodeJS.Timeout;
  busy: boolean;
}

const longestLife = 24 * 3_600_000;

const endings = { commit: 'Transaction Committed', rollback: 'Rollback Complete' } as const;

/**
 * Makes an empty set of transactions.
 * @param idleLimit milliseconds after which a transaction without a call dies.
 */
export function createTransactions(idleLimit: number): Transactions {
  const open = new Map<string, Transaction>();

  // Closing the connection undoes what was not committed.
  const die = async (id: string, transaction: Transaction) => {
    clearTimeout(transaction.timer);
    open.delete(id);
    await transaction.client.end();
  };

  const startTimer = (id: string, transaction: Omit<Transaction, 'timer'>): NodeJS.Timeout => {
    const left = Math.min(idleLimit, transaction.diesAt - Date.now());
    return setTimeout(() => {
      const found = open.get(id);
      if (found) void die(id, found);
    }, left).unref();
  };

  const within: Transactions['within'] = async (id, database, work) => {
    const transaction = open.get(id);
    if (transaction?.database !== database) throw dataApiError('TransactionNotFoundException', `Transaction ${id} is not found`);
    if (transaction.busy) throw dataApiError('DatabaseErrorException', 'Transaction is still running a query');
    clearTimeout(transaction.timer);
    transaction.busy = true;
    try {
      const result = await work(transaction.client);
      transaction.timer = startTimer(id, transaction);
      return result;
    } catch (error) {
      await die(id, transaction);
      throw error;
    } finally {
      transaction.busy = false;
    }
  };

  return {
    async begin(database) {
      const id = randomBytes(128).toString('base64');
      try {
        const client = await database.connect();
        await client.query('begin');
        const transaction = { client, database, diesAt: Date.now() + longestLife, busy: false };
        open.set(id, { ...transaction, timer: startTimer(id, transaction) });
      } catch (error) {
        throw fromPostgres(error);
      }
      return id;
    },
    within,
    async end(id, database, how) {
      await within(id, database, async (client) => {
        await client.query(how).catch((error: unknown) => {
          throw fromPostgres(error);
        });
      });
      const transaction = open.get(id);
      if (transaction) await die(id, transaction);
      return endings[how];
    },
  };
}
