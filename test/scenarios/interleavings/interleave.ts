/**
 * A scheduler of interleavings: several actors run at once, but only one statement at a time, and which one is a choice that is made here. So every order
 * in which the statements of two actors can meet is run on purpose, the same each time, without a sleep. The statements are sent by the real SDK; they
 * wait at its door.
 *
 * Orders are explored by the number of preemptions: changes from an actor that could have gone on. Few are needed for nearly every race; with one, each
 * actor stops once between any two of its statements while the other one does all of its work.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as tick } from 'node:timers/promises';
import { RDSDataClient } from '@aws-sdk/client-rds-data';

/** What runs at once, by the name that a schedule calls it. */
export type Actors = Readonly<Record<string, () => Promise<unknown>>>;

/** A choice that was made: who could have sent a statement, and who did. */
export interface Choice {
  ready: readonly string[];
  chosen: string;
}

interface Actor {
  name: string;
  /** Lets the statements that wait at the door go, first come first served. */
  waiting: (() => void)[];
  done: boolean;
  /** Resolves when the actor has sent a statement to the door, or ends. */
  moved: PromiseWithResolvers<void>;
}

const current = new AsyncLocalStorage<{ actor: Actor; sent(): void }>();

/** Makes every statement of an actor wait for its turn; those of nobody go at once. Returns what undoes it. */
export function guardStatements(): () => void {
  const { send } = RDSDataClient.prototype;
  async function guarded(this: RDSDataClient, ...request: Parameters<typeof send>) {
    const turn = current.getStore();
    if (!turn) return await send.apply(this, request);
    await new Promise<void>((go) => {
      turn.actor.waiting.push(go);
      turn.actor.moved.resolve();
    });
    try {
      return await send.apply(this, request);
    } finally {
      turn.sent();
    }
  }
  RDSDataClient.prototype.send = guarded as typeof send;
  return () => {
    RDSDataClient.prototype.send = send;
  };
}

/**
 * Runs the actors to their ends.
 * @param choose returns who goes next.
 * @param afterEach looks at the world after each statement.
 * @returns the choices that were made.
 * @throws what an actor, or the look, throws.
 */
async function run(actors: Actors, choose: (ready: readonly string[]) => string, afterEach: () => Promise<void>): Promise<Choice[]> {
  let sent = Promise.withResolvers<void>();
  const players: Actor[] = Object.keys(actors).map((name) => ({ name, waiting: [], done: false, moved: Promise.withResolvers() }));
  const ends = players.map((actor) =>
    current.run({ actor, sent: () => sent.resolve() }, async () => {
      try {
        await actors[actor.name]?.();
      } finally {
        actor.done = true;
        actor.moved.resolve();
      }
    }),
  );
  const all = Promise.all(ends);
  // An actor that fails is reported at the end; until then the others go on.
  all.catch(() => {});
  const choices: Choice[] = [];
  for (;;) {
    for (const actor of players) if (actor.waiting.length === 0 && !actor.done) await actor.moved.promise;
    const ready = players.filter(({ waiting }) => waiting.length > 0);
    if (ready.length === 0) break;
    const names = ready.map(({ name }) => name);
    const chosen = choose(names);
    choices.push({ ready: names, chosen });
    const actor = ready.find(({ name }) => name === chosen);
    if (!actor) throw new Error(`${chosen} has nothing to send`);
    sent = Promise.withResolvers();
    actor.moved = Promise.withResolvers();
    actor.waiting.shift()?.();
    await sent.promise;
    // What the answer leads to comes first, where the actor has other statements at the door.
    await tick();
    await afterEach();
  }
  await all;
  return choices;
}

/** A world in which actors meet: made anew for each order. */
export interface Meeting {
  actors: Actors;
  /** Checks after each statement; throws for what must never be seen. */
  afterEach(): Promise<void>;
  /** Looks when all actors have ended. */
  afterAll(): Promise<void>;
}

/**
 * Runs actors in every order that has at most this many preemptions.
 * @param beginning who sends the first statements, in every order; what comes after is explored.
 * @returns how many orders there were.
 * @throws an error that names the order that failed.
 */
export async function inEveryOrder(
  newMeeting: () => Promise<Meeting>,
  preemptions: number,
  beginning: readonly string[] = [],
): Promise<number> {
  const untried: (readonly string[])[] = [beginning];
  let orders = 0;
  for (let prefix = untried.pop(); prefix; prefix = untried.pop()) {
    const begun = prefix;
    const meeting = await newMeeting();
    const order: string[] = [];
    let choices: Choice[];
    try {
      choices = await run(
        meeting.actors,
        (ready) => {
          // Of hosts that are alike one is taken by chance, so an actor may have less to send than where this order was found.
          const wanted = [begun[order.length], order.at(-1), ready[0]];
          const next = wanted.find((name) => name !== undefined && ready.includes(name)) ?? '';
          order.push(next);
          return next;
        },
        meeting.afterEach,
      );
      await meeting.afterAll();
    } catch (error) {
      throw new Error(`in the order ${order.join(' ')}`, { cause: error });
    }
    orders += 1;
    for (let step = begun.length; step < choices.length; step++) {
      for (const other of choices[step]?.ready ?? []) {
        const alternative = [...order.slice(0, step), other];
        if (other === order[step]) continue;
        if (countPreemptions(alternative, choices, beginning.length) <= preemptions) untried.push(alternative);
      }
    }
  }
  return orders;
}

function countPreemptions(order: readonly string[], choices: readonly Choice[], from: number): number {
  return order.filter((name, step) => {
    const before = order[step - 1];
    return step > from && before !== undefined && before !== name && choices[step]?.ready.includes(before);
  }).length;
}
