/** What TypeScript knows of the statements of `database/`: where they are sent, by which functions, and the types that read their rows. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { samplesOf } from './samples.ts';

/** A place that sends a statement. */
export interface Place {
  /** File and line, from the root. */
  at: string;
  /** The columns of the rows that it reads; undefined when it reads none, or documents, whose members SQL does not know. */
  row: Readonly<Record<string, { type: ts.Type; optional: boolean }>> | undefined;
}

/** A function that sends statements. */
export interface Sender {
  name: string;
  /** Absolute. */
  file: string;
  schema: 'api' | 'cell';
  /** What to call it with, after the database: the usual, and for each alternative anywhere in it the usual with that. */
  calls: unknown[][];
}

/** The root of the project, with a slash at the end. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Reads all of `database/`. */
export function readSources() {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: refuse };
  const config = ts.getParsedCommandLineOfConfigFile(`${root}tsconfig.json`, {}, host);
  const files = config?.fileNames.filter((file) => /^database\/(api|cell)\//.test(relative(root, file))) ?? [];
  const program = ts.createProgram(files, config?.options ?? {});
  const checker = program.getTypeChecker();
  const sources = program.getSourceFiles().filter(({ fileName }) => files.includes(fileName));
  return {
    checker,
    places: sources.flatMap((source) => placesIn(checker, source)),
    senders: sources.flatMap((source) => sendersIn(checker, source)),
  };
}

function refuse({ messageText }: ts.Diagnostic): never {
  throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
}

function placesIn(checker: ts.TypeChecker, source: ts.SourceFile): Place[] {
  const places: Place[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ['query', 'queryDocuments'].includes(node.expression.getText())) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      const [row] = node.expression.getText() === 'query' ? (node.typeArguments ?? []) : [];
      places.push({ at: `${relative(root, source.fileName)}:${line + 1}`, row: row && columnsOf(checker, row) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return places;
}

function columnsOf(checker: ts.TypeChecker, row: ts.TypeNode): Place['row'] {
  const properties = checker.getPropertiesOfType(checker.getTypeFromTypeNode(row));
  return Object.fromEntries(
    properties.map((property) => [
      property.name,
      { type: checker.getTypeOfSymbol(property), optional: (property.flags & ts.SymbolFlags.Optional) !== 0 },
    ]),
  );
}

function sendersIn(checker: ts.TypeChecker, source: ts.SourceFile): Sender[] {
  const module = checker.getSymbolAtLocation(source);
  return (module ? checker.getExportsOfModule(module) : []).flatMap((exported) => {
    const [signature] = checker.getTypeOfSymbol(exported).getCallSignatures();
    const [database, ...others] = (signature?.getParameters() ?? []).map((parameter) => checker.getTypeOfSymbol(parameter));
    if (!database || checker.typeToString(database) !== 'Database') return [];
    const samples = others.map((type) => samplesOf(checker, type));
    const usual = samples.map(([first]) => first);
    const calls = [usual, ...samples.flatMap((values, index) => values.slice(1).map((value) => usual.with(index, value)))];
    const schema = relative(root, source.fileName).startsWith('database/cell/') ? 'cell' : 'api';
    return [{ name: exported.name, file: source.fileName, schema, calls }];
  });
}
