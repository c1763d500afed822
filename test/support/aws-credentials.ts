/** Credentials as the SDK's chain finds them first, for the tests of a suite. */
const credentials: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'canary-secret-access-key',
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** @returns what puts the environment back */
export function giveCredentials(): () => void {
  const before = Object.keys(credentials).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, credentials);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
