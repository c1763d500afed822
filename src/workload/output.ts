/** How `counterseal token` prints what it got. */
import type { IssuedToken } from './service.js';

export const outputs = Object.freeze({
  token: ({ accessToken }: IssuedToken) => accessToken,
  /** RFC 6750 §2.1. */
  header: ({ accessToken }: IssuedToken) => `Authorization: Bearer ${accessToken}`,
  'exec-credential': execCredential,
  'executable-response': executableResponse,
} satisfies Record<string, (issued: IssuedToken, kubernetesExecInfo: string | undefined) => string>);

export type Output = keyof typeof outputs;

/**
 * For an `exec` plug-in of a kubeconfig (client-go credential plugins): kubectl runs the command again when the time has come.
 * @param kubernetesExecInfo `KUBERNETES_EXEC_INFO`: the answer has to have its version
 */
function execCredential({ accessToken, expiresAt }: IssuedToken, kubernetesExecInfo: string | undefined): string {
  const expirationTimestamp = new Date(expiresAt * 1000).toISOString();
  return JSON.stringify({
    apiVersion: versionOf(kubernetesExecInfo),
    kind: 'ExecCredential',
    status: { token: accessToken, expirationTimestamp },
  });
}

/** For `credential_source.executable` of a credential configuration of Google (AIP-4117), which runs the command again when the time has come. */
function executableResponse({ accessToken, expiresAt }: IssuedToken): string {
  return JSON.stringify({
    version: 1,
    success: true,
    token_type: 'urn:ietf:params:oauth:token-type:jwt',
    id_token: accessToken,
    expiration_time: expiresAt,
  });
}

function versionOf(info: string | undefined): string {
  const version = /"apiVersion":\s*"(client\.authentication\.k8s\.io\/v1(?:beta1)?)"/.exec(info ?? '')?.[1];
  return version ?? 'client.authentication.k8s.io/v1';
}
