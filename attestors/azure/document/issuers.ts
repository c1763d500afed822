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

/** Seconds until a certificate is fetched anew, and for which a failure is remembered. */
const freshFor = 24 * 3600;
const failedFor = 30;
/** Of each: there are fewer authorities than that. */
const most = 512;
/** First requests in a minute, whoever asks for what. */
const perMinute = 12;
const maxBytes = 16 * 1024;

/** @returns undefined where the certificate names no place that is trusted. @throws Unavailable */
export type FetchIssuer = (certificate: Certificate) => Promise<Certificate | undefined>;

interface Fetched {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly certificate: Certificate;
}

/** What was fetched once stays, and costs strangers' requests nothing: failures are kept apart, and are all that they can make. */
export function createIssuerFetcher(host: Pick<AttestorHost, 'send' | 'now'>): FetchIssuer {
  const fetched = new LRUCache<string, Fetched>({ max: most });
  const failures = new LRUCache<string, { readonly at: number; readonly error: unknown }>({ max: most });
  const underWay = new Map<string, Promise<Certificate>>();
  let recent: readonly number[] = [];
  const isWithin = (at: number, seconds: number) => Math.abs(host.now() - at) < seconds;
  const spend = () => {
    recent = recent.filter((at) => isWithin(at, 60));
    if (recent.length >= perMinute) {
      throw new Unavailable('issuer_budget', 'Too many certificates of issuers were asked for within a minute.', 30);
    }
    recent = [...recent, host.now()];
  };
  const start = async (url: string): Promise<Certificate> => {
    try {
      const certificate = await download(url, host);
      fetched.set(url, { at: host.now(), certificate });
      return certificate;
    } catch (error) {
      failures.set(url, { at: host.now(), error });
      throw error;
    } finally {
      underWay.delete(url);
    }
  };
  const fetchOnce = (url: string): Promise<Certificate> => {
    const running = underWay.get(url) ?? start(url);
    underWay.set(url, running);
    return running;
  };
  return async ({ issuerUrls }) => {
    const url = issuerUrls.map(permitted).find((each) => each !== undefined);
    if (url === undefined) return undefined;
    const known = fetched.get(url);
    if (known !== undefined && isWithin(known.at, freshFor)) return known.certificate;
    const failure = failures.get(url);
    const hasFailed = failure !== undefined && isWithin(failure.at, failedFor);
    // An authority is good for years: an old copy is as good while there is no new one.
    if (known !== undefined) return hasFailed ? known.certificate : fetchOnce(url).catch(() => known.certificate);
    if (hasFailed) throw failure.error;
    if (!underWay.has(url)) spend();
    return fetchOnce(url);
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
