/**
 * Tells the watcher its group by the lifeline, lets go of that, and becomes the command: it cannot run before the
 * watcher knows of it, at whatever moment the server dies.
 */
const TIE = 'echo "$$" >&3; exec 3>&-';

/** What a shell would add to the environment. Where it is bash, SHLVL=0 is added against all resistance. */
const ADDED = ['PWD', 'OLDPWD'];

/** Variables that a shell hands on as they are: it drops other names, and has its own values for some. */
const HANDED_ON =
  /^(?!(?:IFS|LINENO|OLDPWD|OPTARG|OPTIND|PPID|PWD|RANDOM|SECONDS|SHLVL|UID|EUID|_)=)[A-Za-z_][A-Za-z0-9_]*=/u;

type Command = {
  readonly file: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

/**
 * The arguments with which /bin/sh, started as the leader of a process group with `env` and with the lifeline's tie as
 * its descriptor 3, becomes the command, same process, arguments, environment and other descriptors.
 */
export function tiedCommand({ file, argv, env }: Command): string[] {
  const added = ADDED.filter((name) => env[name] === undefined);
  return ['-c', `${TIE}; unset ${added.join(' ')}; exec "$@"`, 'sh', ...given(file, env), file, ...argv];
}

/**
 * Gives the command by env(1) what would not get through the shell; a command that is a shell would lose it anyway.
 * Seldom needed, since it takes another program and, until that has become the command, shows these to `ps`.
 */
function given(file: string, env: Command['env']): string[] {
  const lost = Object.entries(env)
    .map(([name, value]) => `${name}=${value}`)
    .filter((variable) => !HANDED_ON.test(variable));
  return lost.length === 0 || file === '/bin/sh' ? [] : ['/usr/bin/env', '--', ...lost];
}
