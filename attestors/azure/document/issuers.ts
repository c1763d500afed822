/**
 * Certificates that documents leave out: Azure sends the signer's alone. Where its issuer's is published stands in it, before
 * anybody vouches for it; so only Microsoft's own hosts are called, and not often.
 */
import { LRUCache } from 'lru-cache';
import { Unavailable } from '../../../src/errors.js';
import type { AttestorHost } from '../../attestor.js';
import { type Certificate, readCertificate } from '../../cms/certificate.js';

/** Where Microsoft publishes its certificate authorities (Azure Certificate Authority details, AIA). */
const hosts: readonly string[] = ['www.microsoft.com', 'caissuers.microsoft.com'];
const pathForm = /^\/[A-Za-z0-9%._/-]{1,200}\.(crt|cer)$/;

/** Seconds that a certificate is kept, and that a failure is. */
const keptFor = 24 * 3600;
const failureKeptFor = 30;
const most = 64;
/** Requests in a minute, whoever asks for what. */
const perMinute = 12;
const maxBytes = 16 * 1024;

/** @returns undefined where the certificate names no place that is trusted. @throws Unavailable */
export type FetchIssuer = (certificate: Certificate) => Promise<Certificate | undefined>;

export function createIssuerFetcher(host: Pick<AttestorHost, 'send' | 'now'>): FetchIssuer {
  const cache = new LRUCache<string, { readonly until: number; readonly certificate: Promise<Certificate> }>({
    max: most,
  });
  let recent: readonly number[] = [];
  const spend = (now: number) => {
    recent = recent.filter((at) => at > now - 60);
    if (recent.length >= perMinute) {
      throw new Unavailable('issuer_budget', 'Too many certificates of issuers were asked for within a minute.', 30);
    }
    recent = [...recent, now];
  };
  return async ({ issuerUrls }) => {
    const url = issuerUrls.map(permitted).find((each) => each !== undefined);
    if (url === undefined) return undefined;
    const now = host.now();
    const known = cache.get(url);
    if (known !== undefined && now < known.until) return known.certificate;
    spend(now);
    const certificate = download(url, host);
    cache.set(url, { until: now + keptFor, certificate });
    certificate.catch(() => cache.set(url, { until: now + failureKeptFor, certificate }));
    return certificate;
  };
}

/** They are published over http; what is fetched is a public certificate, but our way out takes https only. */
function permitted(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, host, pathname, username, password, search, hash } = new URL(text);
  const isPlain = username === '' && password === '' && search === '' && hash === '';
  const isThere = /^https?:$/.test(protocol) && hosts.includes(host) && pathForm.test(pathname);
  return isPlain && isThere ? `https://${host}${pathname}` : undefined;
}

async function download(url: string, host: Pick<AttestorHost, 'send'>): Promise<Certificate> {
  // Of no one exchange: others wait for the same.
  const signal = AbortSignal.timeout(5_000);
  const { status, body } = await host.send(url, { method: 'GET', headers: {}, signal, maxBytes });
  if (status !== 200) throw new Unavailable('issuer_status', `GET ${url}: the status is ${status}, not 200.`, 30);
  const certificate = await readCertificate(body);
  if (certificate === undefined)
    throw new Unavailable('issuer_certificate', `GET ${url}: the answer is no certificate.`, 30);
  return certificate;
}
