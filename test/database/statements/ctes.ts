/** The CTEs of a SQL text, with the comments above them. */

/** Strings and comments, in which nothing counts; heads of CTEs; parentheses; and any other word, after which a comment is not above what follows. */
const tokens =
  /'[^']*'|--(?<comment>[^\n]*)|(?<name>\w+)(?:\s*\([\w\s,]*\))?\s+as\s+(?:materialized\s+)?\(|(?<open>\()|(?<close>\))|\bwith\b|[\w:]+/g;

/** Returns the CTEs of the statement itself, not those within them, each with the last line of the comment above it, empty when there is none. */
export function ctesOf(sql: string): { name: string; comment: string }[] {
  const ctes: { name: string; comment: string }[] = [];
  let depth = 0;
  let above = '';
  for (const { 0: token, groups: { comment, name, open, close } = {} } of sql.matchAll(tokens)) {
    if (comment !== undefined) above = comment.trim();
    else if (token !== 'with') {
      if (name !== undefined && depth === 0) ctes.push({ name, comment: above });
      if (name !== undefined || open !== undefined) depth += 1;
      if (close !== undefined) depth -= 1;
      above = '';
    }
  }
  return ctes;
}
