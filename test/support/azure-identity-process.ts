/** A workload with Microsoft's own library: prints the token of its managed identity. @azure/identity reads the environment. */
import { ManagedIdentityCredential } from '@azure/identity';

const [scope = ''] = process.argv.slice(2);
const { token } = await new ManagedIdentityCredential().getToken(scope);
process.stdout.write(token);
