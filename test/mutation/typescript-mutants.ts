/**
 * Changes of TypeScript: a comparison, a limit, a condition or a call is another one or none. What cannot be seen from outside is left alone: types,
 * sentences, defaults that only please the compiler (`list[0] ?? 0`), and guards against what cannot happen (`if (!row) throw new Error(…)`).
 */
import ts from 'typescript';
import type { Change } from './mutant.ts';
import { byOne, intervalMutants, isSql, sqlMutants } from './sql-mutants.ts';

/** Returns the changes of a source file; those of its SQL only where it may have some. */
export function typescriptMutants(file: string, source: string): Change[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const holdsSql = file.startsWith('database/');
  const elements = namesOfElements(tree);
  const changes: Change[] = [];
  const visit = (node: ts.Node): void => {
    if (isSilent(node)) return;
    // A default for an element of a list that may be missing, says the compiler alone.
    if (isDefault(node) && isElement(node.left, elements)) {
      visit(node.left);
      return;
    }
    changes.push(...mutantsOf(node));
    if (holdsSql && isText(node)) changes.push(...textMutants(node, source));
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return changes;
}

/** Nothing happens there at run time, or only a sentence would change. */
function isSilent(node: ts.Node): boolean {
  if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isImportDeclaration(node))
    return true;
  return ts.isNewExpression(node) && node.expression.getText().endsWith('Error');
}

const replace = (node: ts.Node, replacement: string): Change => ({ start: node.getStart(), end: node.getEnd(), replacement });

function mutantsOf(node: ts.Node): Change[] {
  if (ts.isBinaryExpression(node)) return operatorMutants(node);
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) return [replace(node, node.operand.getText())];
  if (ts.isIfStatement(node))
    return [replace(node.expression, 'true'), ...(endsProgram(node.thenStatement) ? [] : [replace(node.expression, 'false')])];
  if (ts.isConditionalExpression(node)) return [replace(node.condition, 'true'), replace(node.condition, 'false')];
  if (ts.isNumericLiteral(node)) return byOne(Number(node.text.replaceAll('_', ''))).map((number) => replace(node, String(number)));
  if (node.kind === ts.SyntaxKind.TrueKeyword) return [replace(node, 'false')];
  if (node.kind === ts.SyntaxKind.FalseKeyword) return [replace(node, 'true')];
  if (ts.isStringLiteral(node)) return intervalMutants({ text: node.getText(), start: node.getStart(), end: node.getEnd() });
  if (ts.isExpressionStatement(node)) return isCall(node.expression) ? [replace(node, isBodyOf(node.parent) ? ';' : '')] : [];
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) return callMutants(node, node.expression);
  return [];
}

const otherOperator: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [ts.SyntaxKind.AmpersandAmpersandToken, '||'],
  [ts.SyntaxKind.BarBarToken, '&&'],
  [ts.SyntaxKind.PlusToken, '-'],
  [ts.SyntaxKind.MinusToken, '+'],
  [ts.SyntaxKind.AsteriskToken, '/'],
  [ts.SyntaxKind.SlashToken, '*'],
  [ts.SyntaxKind.PlusEqualsToken, '-='],
  [ts.SyntaxKind.MinusEqualsToken, '+='],
]);

function operatorMutants({ left, right, operatorToken }: ts.BinaryExpression): Change[] {
  if (operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) return [{ start: left.getEnd(), end: right.getEnd(), replacement: '' }];
  const other = otherOperator.get(operatorToken.kind);
  const joins = operatorToken.kind === ts.SyntaxKind.PlusToken && (isText(left) || isText(right));
  return other === undefined || joins ? [] : [replace(operatorToken, other)];
}

function isDefault(node: ts.Node): node is ts.BinaryExpression {
  return ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken;
}

/** `list[0]`, `list.at(-1)`, what `const [first] = list` names, and what is of it. */
function isElement(value: ts.Expression, elements: ReadonlySet<string>): boolean {
  if (ts.isElementAccessExpression(value)) return true;
  if (ts.isPropertyAccessExpression(value)) return value.questionDotToken !== undefined && isElement(value.expression, elements);
  if (ts.isIdentifier(value)) return elements.has(value.text);
  return ts.isCallExpression(value) && ts.isPropertyAccessExpression(value.expression) && value.expression.name.text === 'at';
}

function namesOfElements(tree: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isArrayBindingPattern(node)) {
      for (const element of node.elements) if (ts.isBindingElement(element) && ts.isIdentifier(element.name)) names.add(element.name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return names;
}

function endsProgram(statement: ts.Statement): boolean {
  const [only] = ts.isBlock(statement) ? statement.statements : [statement];
  return (
    only !== undefined &&
    ts.isThrowStatement(only) &&
    ts.isNewExpression(only.expression) &&
    only.expression.expression.getText() === 'Error'
  );
}

/** Without its only statement, it would have the next one. */
function isBodyOf(parent: ts.Node): boolean {
  return ts.isIfStatement(parent) || ts.isIterationStatement(parent, false);
}

function isCall(expression: ts.Expression): boolean {
  return ts.isAwaitExpression(expression) || ts.isVoidExpression(expression)
    ? isCall(expression.expression)
    : ts.isCallExpression(expression);
}

const otherMethod: Readonly<Record<string, string>> = {
  some: 'every',
  every: 'some',
  min: 'max',
  max: 'min',
  floor: 'ceil',
  ceil: 'floor',
};
const leftOut = new Set(['filter', 'slice', 'sort', 'toSorted', 'reverse']);

function callMutants(call: ts.CallExpression, { expression, name }: ts.PropertyAccessExpression): Change[] {
  const other = otherMethod[name.text];
  if (other !== undefined) return [replace(name, other)];
  return leftOut.has(name.text) ? [{ start: expression.getEnd(), end: call.getEnd(), replacement: '' }] : [];
}

type Text = ts.StringLiteral | ts.NoSubstitutionTemplateLiteral | ts.TemplateExpression;

function isText(node: ts.Node): node is Text {
  return ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateExpression(node);
}

function textMutants(node: Text, source: string): Change[] {
  const span = { start: node.getStart() + 1, end: node.getEnd() - 1 };
  if (!isSql(source.slice(span.start, span.end))) return [];
  const holes = ts.isTemplateExpression(node)
    ? node.templateSpans.map(({ expression, literal }) => ({
        start: source.lastIndexOf('${', expression.getStart()),
        end: literal.getStart() + 1,
      }))
    : [];
  return sqlMutants(source, span, holes);
}
