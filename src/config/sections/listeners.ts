/** `listen` and `health`: where the service is reached. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { text } from '../../../attestors/options.js';
import { object } from '../../policy/strict.js';
import { listOfNetworks, path } from './values.js';

const aPort = 'a port: a whole number from 0 to 65535';

const listenerKeys = (port: number) => ({
  host: text('a host name or an IP address')
    .refine((host) => isIP(host) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host), {
      error: 'a host name or an IP address',
    })
    .default('127.0.0.1')
    .describe('Where it listens; 0.0.0.0 is every IPv4 address, :: every address.'),
  port: z
    .int({ error: aPort })
    .min(0, { error: aPort })
    .max(65_535, { error: aPort })
    .default(port)
    .describe('0: any that is free.'),
});

const pemFile = object('a map with file', { file: path('the path of a PEM file') });

const tls = object('a map with cert and key', {
  cert: pemFile.describe(
    'The certificate, and after it those between it and its root. It and the next two are taken anew when they change.',
  ),
  key: pemFile.describe('Its private key, without a passphrase.'),
  clientCa: pemFile
    .optional()
    .describe('Who signs certificates of clients: whoever shows none of it is cut off. Left out: clients show none.'),
  minVersion: z.enum(['TLSv1.3', 'TLSv1.2']).default('TLSv1.3').describe('The lowest version of TLS that is spoken.'),
});

const aHeader = 'the name of a header, such as Client-Cert';

export const listen = object('a map with host, port, tls, trustedProxies and clientCertificateHeader', {
  ...listenerKeys(8080),
  tls: tls.optional().describe('TLS of its own. Left out: plain HTTP, for something in front that speaks TLS.'),
  trustedProxies: listOfNetworks
    .refine((list) => !list.some((network) => network.endsWith('/0')), {
      error: 'networks of proxies and nobody else: whoever is in one of them may say where a request came from',
    })
    .default([])
    .describe(
      'Proxies whose X-Forwarded-For is believed. The address is in every record, and conditions of kind network ask for it.',
    ),
  clientCertificateHeader: z
    .string({ error: aHeader })
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, { error: aHeader })
    .optional()
    .describe('In which these proxies send the certificate of a client, as RFC 9440 has it. Left out: in none.'),
})
  .refine(
    ({ clientCertificateHeader, trustedProxies }) => clientCertificateHeader === undefined || trustedProxies.length > 0,
    {
      error: 'a header only beside trustedProxies: nobody else is believed',
      path: ['clientCertificateHeader'],
    },
  )
  .prefault({})
  .describe('The public listener.');

/** Whether clients can show certificates: here, or to a proxy. */
export const seesCertificates = ({ tls, clientCertificateHeader }: z.output<typeof listen>): boolean =>
  tls?.clientCa !== undefined || clientCertificateHeader !== undefined;

export const health = object('a map with host and port', listenerKeys(9090))
  .prefault({})
  .describe('The health listener: no secrets, no actions.');
