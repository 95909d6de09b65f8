/** Values of TypeScript's types, so that a function can be called whatever it takes. */
import ts from 'typescript';

/** How deep types may nest; some contain themselves. */
const deepest = 6;

/**
 * Returns values of a type: the first is the usual one, each of the others differs from it in one place, so that every alternative of every union occurs.
 * Every text is a UUID, which some functions look for; every condition in SQL is true, and nothing is read beside what a function reads.
 */
export function samplesOf(checker: ts.TypeChecker, type: ts.Type, depth = 0): unknown[] {
  if (type.isUnion()) return present([...new Set(type.types.flatMap((each) => samplesOf(checker, each, depth)))]);
  if (type.isStringLiteral() || type.isNumberLiteral()) return [type.value];
  const { flags } = type;
  if (flags & ts.TypeFlags.BooleanLiteral) return [checker.typeToString(type) === 'true'];
  if (flags & ts.TypeFlags.StringLike) return ['00000000-0000-4000-8000-000000000000'];
  if (flags & ts.TypeFlags.NumberLike) return [1];
  if (flags & ts.TypeFlags.Null) return [null];
  if (!(flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) || depth > deepest) return [undefined];
  if (checker.typeToString(type) === 'DocumentFilter') return [{ sql: 'true', parameters: {} }];
  if (checker.typeToString(type) === 'Beside') return [{ ctes: '', sql: `'{}'::jsonb`, parameters: {} }];
  if (checker.isArrayLikeType(type)) {
    const [element] = checker.getTypeArguments(type as ts.TypeReference);
    return element ? samplesOf(checker, element, depth + 1).map((value) => [value]) : [[]];
  }
  return objectsOf(checker, type, depth);
}

/** What is there before what is not: the usual value is one. */
function present(values: unknown[]): unknown[] {
  return [...values.filter((value) => value != null), ...values.filter((value) => value == null)];
}

function objectsOf(checker: ts.TypeChecker, type: ts.Type, depth: number): unknown[] {
  const members = checker.getPropertiesOfType(type).map((property) => ({
    name: property.name,
    values: samplesOf(checker, checker.getTypeOfSymbol(property), depth + 1),
  }));
  const usual = Object.fromEntries(members.map(({ name, values }) => [name, values[0]]));
  return [usual, ...members.flatMap(({ name, values }) => values.slice(1).map((value) => ({ ...usual, [name]: value })))];
}
