/** `cellzero user`: who may use the API. Clients can look users up, but not change them. */
import { type Command, Option } from 'commander';
import { type Role, roles } from '../../common/caller.ts';
import { listUsersWithRoles, type UserWithRoles } from '../../database/api/users.ts';
import { createUser, deleteUser, setPassword, setUserEnabled } from '../../identity/users.ts';
import { type CommonOptions, entityName, group, helpEnd, type Perform, part } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { newPassword, type PasswordOption, passwordOption } from '../options/password-option.ts';
import { table } from '../output/table.ts';

/** Adds `cellzero user`. */
export function addUser(root: Command, perform: Perform): void {
  const user = group(
    root,
    'user',
    'Manages who may use the API. A token lasts an hour: who has one keeps what it allows until then, whatever becomes of the user or the password.',
  )
    .summary('list, create, disable or delete users, and set their passwords')
    .addHelpText(
      'after',
      '\n"cellzero user" alone lists them; "cellzero user <command> --help" explains a command. The deployment keeps the passwords of its own users,\nadmin and on one machine demo, and sets them again with every deploy or start.',
    );
  addList(user, perform);
  addCreate(user, perform);
  addPassword(user, perform);
  addState(user, perform, 'disable');
  addState(user, perform, 'enable');
  addDelete(user, perform);
}

function addList(user: Command, perform: Perform): void {
  part(user, 'list', { isDefault: true })
    .summary('list users with their roles')
    .description('Lists all users with their roles in each project.')
    .addHelpText('after', helpEnd(`  cellzero user\n  cellzero user --json | jq -r '.[] | select(.enabled | not) | .name'`, 'success'))
    .action((options: CommonOptions) =>
      perform(options, async (api) => {
        const users = await listUsersWithRoles(api);
        return { json: users, text: () => usersTable(users), code: exitCodes.success };
      }),
    );
}

function usersTable(users: readonly UserWithRoles[]): string {
  const rows = users.map(({ id, name, enabled, roles }) => {
    const held = Object.entries(roles).map(([project, names]) => `${names.join(', ')} in ${project}`);
    return [name, id, enabled ? 'yes' : 'no', held.join('\n')];
  });
  return table(['Name', 'Id', 'Enabled', 'Roles'], rows);
}

function addCreate(user: Command, perform: Perform): void {
  part(user, 'create')
    .summary('make a user with a role in a project')
    .description('Makes a user with a role in a project. A password that is made here is shown once, and kept as a hash only.')
    .argument('<name>', 'name of the user', entityName)
    .requiredOption('--project <name>', 'the project; "cellzero project create" makes one')
    .addOption(new Option('--role <role>', 'what the user may do there').choices(roles).default('member'))
    .addOption(passwordOption())
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero user create ci --project web
  cellzero user create ci --project web --role reader --password-file - < secret
  cellzero user create ci --project web --json | jq -r .password`,
        'success\n  1  the name is taken, or the project is not found',
      ),
    )
    .action((name: string, options: CommonOptions & PasswordOption & { project: string; role: Role }) =>
      perform(options, async (api) => {
        const { project, role, passwordFile } = options;
        const password = passwordFile ?? newPassword();
        const id = await createUser(api, { name, project, role, password });
        const made = { id, name, project, role, ...(passwordFile === undefined ? { password } : {}) };
        return { json: made, text: () => table(['Field', 'Value'], Object.entries(made)), code: exitCodes.success };
      }),
    );
}

function addPassword(user: Command, perform: Perform): void {
  part(user, 'password')
    .summary('set another password of a user')
    .description('Sets another password of a user. One that is made here is shown once, and kept as a hash only.')
    .argument('<name>', 'name of the user')
    .addOption(passwordOption())
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero user password ci
  cellzero user password ci --password-file secret`,
        'success\n  1  not found',
      ),
    )
    .action((name: string, options: CommonOptions & PasswordOption) =>
      perform(options, async (api) => {
        const { passwordFile } = options;
        const password = passwordFile ?? newPassword();
        await setPassword(api, name, password);
        const made = { name, ...(passwordFile === undefined ? { password } : {}) };
        return { json: made, text: () => table(['Field', 'Value'], Object.entries(made)), code: exitCodes.success };
      }),
    );
}

function addState(user: Command, perform: Perform, verb: 'enable' | 'disable'): void {
  part(user, verb)
    .summary(verb === 'enable' ? 'let a disabled user log in again' : 'let a user log in no more')
    .argument('<name>', 'name of the user')
    .addHelpText('after', helpEnd(`  cellzero user ${verb} ci`, `success, also when it was ${verb}d before\n  1  not found`))
    .action((name: string, options: CommonOptions) =>
      perform(options, async (api) => {
        await setUserEnabled(api, name, verb === 'enable');
        return { json: { name, enabled: verb === 'enable' }, text: () => `${name} is ${verb}d.`, code: exitCodes.success };
      }),
    );
}

function addDelete(user: Command, perform: Perform): void {
  part(user, 'delete')
    .summary('remove a user')
    .description('Removes a user with all roles. Servers of the project stay.')
    .argument('<name>', 'name of the user')
    .addHelpText('after', helpEnd('  cellzero user delete ci', 'success\n  1  not found'))
    .action((name: string, options: CommonOptions) =>
      perform(options, async (api) => {
        await deleteUser(api, name);
        return { json: { name }, text: () => `${name} is deleted.`, code: exitCodes.success };
      }),
    );
}
