/** Numbers on a command line. */
import { InvalidArgumentError } from 'commander';

/** Makes a parser for commander of whole numbers from 0 to `most`; anything else it refuses by InvalidArgumentError. */
export function wholeNumber(most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number > most) throw new InvalidArgumentError(`It takes a whole number from 0 to ${most}.`);
    return number;
  };
}
