/** The little language in which extra specs say what a value must be: an operator and its operands, in words; without an operator, the very value. */

type Compare = (value: string, operand: string) => boolean;

/** A word that is no number is neither equal to, nor less or more than, any. */
const numbers =
  (compare: (value: number, operand: number) => boolean): Compare =>
  (value, operand) => {
    const [a, b] = [toNumber(value), toNumber(operand)];
    return !Number.isNaN(a) && !Number.isNaN(b) && compare(a, b);
  };

/** Every operator with one operand. */
const operators = new Map<string, Compare>([
  // Older than >=, and never changed.
  ['=', numbers((a, b) => a >= b)],
  ['==', numbers((a, b) => a === b)],
  ['!=', numbers((a, b) => a !== b)],
  ['>=', numbers((a, b) => a >= b)],
  ['<=', numbers((a, b) => a <= b)],
  ['s==', (a, b) => a === b],
  ['s!=', (a, b) => a !== b],
  ['s<', (a, b) => a < b],
  ['s<=', (a, b) => a <= b],
  ['s>', (a, b) => a > b],
  ['s>=', (a, b) => a >= b],
  ['<in>', (a, b) => a.includes(b)],
]);

/** Returns whether a value is what a requirement says. */
export function matches(value: string, requirement: string): boolean {
  const [operator = '', ...operands] = requirement.split(/\s+/).filter((word) => word !== '');
  // `<or> a <or> b`: every second word is the operator again.
  if (operator === '<or>') return operands.some((operand, index) => index % 2 === 0 && operand === value);
  if (operator === '<all-in>') return operands.length > 0 && operands.every((operand) => value.includes(operand));
  const compare = operators.get(operator);
  if (!compare) return value === requirement;
  const [operand] = operands;
  return operand !== undefined && compare(value, operand);
}

function toNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}
